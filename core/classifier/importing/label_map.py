"""Which of the 14 findings a network's outputs mean: told from their names, or by a file that says it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from core.classifier.checkpoint import CheckpointError
from core.findings import FINDINGS, LABELS, display_name

# Beside the names that core.findings knows; of each the singular is enough.
_FURTHER_NAMES = {"infiltrate": "Infiltration", "pulmonary nodule": "Nodule", "pulmonary mass": "Mass"}


@dataclass(frozen=True)
class LabelMap:
    """What the outputs of a network mean.

    Attributes:
        columns: for each finding that the network knows, in the order of ``LABELS``, the outputs that mean it.
        left_out: names of the outputs that mean none.
    """

    columns: dict[str, tuple[int, ...]]
    left_out: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The findings that the network knows."""
        return tuple(self.columns)

    def in_words(self) -> str:
        """One sentence: what is known, what is not, and what is left out."""
        missing = [display_name(label) for label in LABELS if label not in self.columns]
        parts = [f"It knows {len(self.columns)} of the 14 findings ({', '.join(map(display_name, self.columns))})"]
        if missing:
            parts.append(f"not {', '.join(missing)}")
        if self.left_out:
            parts.append(f"its outputs {', '.join(self.left_out)} are left out")
        return "; ".join(parts) + "."


def finding_named(text: str) -> str | None:
    """The finding that a name means, or None.

    Case, underscores and a plural do not matter. CheXpert's names and those of reports are known; a name that covers
    several findings, such as lung opacity, means none.

    >>> finding_named("Pleural Effusion"), finding_named("pleural_thickening"), finding_named("Lung Opacity")
    ('Effusion', 'Pleural_Thickening', None)
    """
    plain = _plain(text)
    return next(
        (_NAMES[form] for form in (plain, plain.removesuffix("s"), plain.removesuffix("es")) if form in _NAMES), None
    )


def read_label_file(path: str | Path) -> dict[str, str | None]:
    """What a YAML or JSON file says of outputs: ``OUTPUT: FINDING``, or ``OUTPUT: null`` for none.

    Raises:
        CheckpointError: it cannot be read, is no such mapping, or a name is none of the 14 findings.
    """
    try:
        entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} cannot be read as YAML or JSON ({type(error).__name__}).") from error
    if not isinstance(entries, dict) or not entries:
        raise CheckpointError(f"{path} must say what outputs mean, one a line: OUTPUT: FINDING, or OUTPUT: null.")
    meant: dict[str, str | None] = {}
    for output, finding in entries.items():
        label = None if finding is None else finding_named(str(finding))
        if finding is not None and label is None:
            raise CheckpointError(
                f"{path} gives the output {output} the meaning {str(finding)!r}, which is none of the 14 findings: "
                "write OUTPUT: FINDING."
            )
        meant[str(output)] = label
    return meant


def match_labels(
    outputs: Sequence[str], told: Mapping[str, str | None] | None = None, *, several: bool = False
) -> LabelMap:
    """Find the findings among a network's outputs.

    Args:
        outputs: their names, in order.
        told: what some of them mean, by name or by number from 0; the rest is told from the names.
        several: whether several outputs may mean one finding, as classes that exclude each other may.

    Raises:
        CheckpointError: an output is told of that does not exist, two mean the same, or none means a finding.
    """
    meanings = [finding_named(name) for name in outputs]
    for output, label in (told or {}).items():
        if output in outputs:
            meanings[outputs.index(output)] = label
        elif output.isdecimal() and int(output) < len(outputs):
            meanings[int(output)] = label
        else:
            raise CheckpointError(f"There is no output {output!r}; the outputs are: {', '.join(outputs)}.")
    columns = {
        label: tuple(column for column, meant in enumerate(meanings) if meant == label)
        for label in LABELS
        if label in meanings
    }
    if not columns:
        raise CheckpointError(
            f"None of the outputs is known as one of the 14 findings ({', '.join(outputs)}): say in a file what they "
            "mean, and give it as --labels."
        )
    for label, found in columns.items():
        if len(found) > 1 and not several:
            names = " and ".join(outputs[column] for column in found)
            raise CheckpointError(f"The outputs {names} both mean {label}: give one of them null in a --labels file.")
    left_out = tuple(name for name, meant in zip(outputs, meanings, strict=True) if meant is None)
    return LabelMap(columns, left_out)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip().replace("oedema", "edema")


_NAMES = {_plain(name): finding.name for finding in FINDINGS for name in (finding.name, finding.phrase)}
_NAMES |= {_plain(finding.chexpert): finding.name for finding in FINDINGS if finding.chexpert}
_NAMES |= _FURTHER_NAMES
