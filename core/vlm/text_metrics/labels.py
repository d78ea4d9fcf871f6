"""How far reports agree in what they state, whatever the words: F1 of labels, pathologies, contradictions, codes."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from core.findings import LABELS
from core.labeler import CHEXPERT, Presence, chexpert_values, label_values, presences
from core.vlm.text_metrics.measures import FloatArray, Measure, mean_measure, ratio

BoolArray = npt.NDArray[np.bool_]

NOT_MENTIONED = -2
PRESENT, ABSENT, UNCERTAIN = 1, 0, -1

_Values = Callable[[dict[str, Presence]], dict[str, int | None]]
VOCABULARIES: dict[str, tuple[tuple[str, ...], _Values]] = {
    "nih14": (LABELS, label_values),
    "chexpert14": (tuple(CHEXPERT), chexpert_values),
}


def statements(reports: Sequence[str], vocabulary: str) -> npt.NDArray[np.int8]:
    """What each report states of each label, read by the labeler.

    Args:
        reports: N texts.
        vocabulary: ``nih14`` or ``chexpert14``.

    Returns:
        (N, 14) of 1 present, 0 said to be absent, -1 uncertain, -2 not mentioned.
    """
    labels, values = VOCABULARIES[vocabulary]
    rows = np.full((len(reports), len(labels)), NOT_MENTIONED, dtype=np.int8)
    for row, report in zip(rows, reports, strict=True):
        row[:] = [NOT_MENTIONED if value is None else value for value in values(presences(report)).values()]
    return rows


def asserted(stated: npt.NDArray[np.int8]) -> BoolArray:
    """Where a label counts as positive: stated as present, or left in doubt."""
    return (stated == PRESENT) | (stated == UNCERTAIN)


def agreement(
    name: str, labels: Sequence[str], called: BoolArray, truth: BoolArray, known: BoolArray | None = None
) -> list[Measure]:
    """F1 over all labels, and of each.

    ``NAME.micro_f1`` pools the decisions of all labels; ``NAME.macro_f1`` is the mean over the labels that have a
    positive. ``NAME.labels.LABEL.f1`` is that of one label, NaN where nobody asserts it.

    Args:
        called, truth: (N, L), of the report and of what it is held against.
        known: (N, L), False where the truth is unknown; None where it is known throughout.
    """
    counts = _confusion(called, truth, known)
    size = len(labels)

    def overall(sums: FloatArray) -> FloatArray:
        tp, fp, fn, _ = (sums[part * size : (part + 1) * size] for part in range(4))
        has_positive = tp + fn > 0
        each = np.where(has_positive, ratio(2 * tp, 2 * tp + fp + fn), 0)
        macro = ratio(each.sum(axis=0), has_positive.sum(axis=0))
        return np.stack([ratio(2 * tp.sum(axis=0), (2 * tp + fp + fn).sum(axis=0)), macro])

    def by_label(sums: FloatArray) -> FloatArray:
        tp, fp, fn, _ = (sums[part * size : (part + 1) * size] for part in range(4))
        return ratio(2 * tp, 2 * tp + fp + fn)

    return [
        Measure((f"{name}.micro_f1", f"{name}.macro_f1"), counts, overall),
        Measure(tuple(f"{name}.labels.{label}.f1" for label in labels), counts, by_label),
    ]


def pathology_measures(name: str, label: str, called: BoolArray, truth: BoolArray) -> Measure:
    """Accuracy, sensitivity, specificity and F1 of one label, as ``NAME.LABEL.accuracy`` and so on.

    Args:
        called, truth: (N,).
    """

    def shares(sums: FloatArray) -> FloatArray:
        tp, fp, fn, tn = sums
        return np.stack(
            [
                ratio(tp + tn, tp + fp + fn + tn),
                ratio(tp, tp + fn),
                ratio(tn, tn + fp),
                ratio(2 * tp, 2 * tp + fp + fn),
            ]
        )

    names = tuple(f"{name}.{label}.{score}" for score in ("accuracy", "sensitivity", "specificity", "f1"))
    return Measure(names, _confusion(called[:, None], truth[:, None], None), shares)


def contradictions(stated: npt.NDArray[np.int8], truth: npt.NDArray[np.int8]) -> BoolArray:
    """Labels that one side states as present and the other as absent; doubt and silence contradict nothing.

    Args:
        stated, truth: (N, L) as from ``statements``.
    """
    return ((stated == PRESENT) & (truth == ABSENT)) | ((stated == ABSENT) & (truth == PRESENT))


def code_measure(name: str, called: Sequence[frozenset[str]], truth: Sequence[frozenset[str]]) -> Measure:
    """Micro F1 of sets of codes, over all codes of all studies."""
    counts = np.array(
        [(len(ours & theirs), len(ours), len(theirs)) for ours, theirs in zip(called, truth, strict=True)], dtype=float
    )
    return Measure((name,), counts, lambda sums: ratio(2 * sums[0], sums[1] + sums[2])[None])


def rate_measure(name: str, flags: BoolArray) -> Measure:
    """Share of the studies with any flag (N, L)."""
    return mean_measure(name, flags.any(axis=1))


def _confusion(called: BoolArray, truth: BoolArray, known: BoolArray | None) -> FloatArray:
    """(N, 4 L): true positives of the L labels, then false positives, false negatives, true negatives."""
    counted = np.ones_like(truth) if known is None else known
    parts = (called & truth, called & ~truth, ~called & truth, ~called & ~truth)
    return np.hstack([part & counted for part in parts]).astype(np.float64)
