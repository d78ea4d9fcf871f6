"""How many labels of single sentences the labeler reads right, beside a search for the findings' names."""

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from core.evaluation.errors import EvaluationError
from core.findings import LABELS
from core.labeler import find_mentions, presences
from core.statistics import wilson

SIGNS = {"present": "+", "absent": "-", "uncertain": "?", "not mentioned": "0"}
_COLUMNS = ("kind", "text", "expected")


class Case(NamedTuple):
    """A sentence and the signs that are right for each label: + present, - absent, ? uncertain, 0 not mentioned.

    Labels without signs are not mentioned. ``part`` names the batch, such as ``held_out`` for sentences that the
    grammar was not developed on.
    """

    kind: str
    part: str
    text: str
    expected: dict[str, str]


class Score(NamedTuple):
    """How many of the stated labels are right, of how many, with the opposite sign, and which sentences are wrong."""

    right: int
    stated: int
    opposite: int
    wrong: tuple[str, ...]


Reader = Callable[[str], dict[str, str]]


def by_labeler(text: str) -> dict[str, str]:
    """The sign of each label as the labeler reads it."""
    found = presences(text)
    return {label: SIGNS[found.get(label, "not mentioned")] for label in LABELS}


def by_keywords(text: str) -> dict[str, str]:
    """The trivial baseline: what is named is present."""
    named = {mention.observation for mention in find_mentions(text)}
    return {label: "+" if label in named else "0" for label in LABELS}


def read_cases(path: Path) -> list[Case]:
    r"""The cases of a table, tab separated, with ``kind``, ``text`` (``\n`` and ``\t`` written so), ``expected`` (such
    as ``+Effusion -?Edema``) and, if there is one, ``part``.

    Raises:
        EvaluationError: there is no such file, or a column is missing.
    """
    if not path.is_file():
        raise EvaluationError(f"There is no table of sentences {path}.")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise EvaluationError(f"{path} has no column {missing[0]!r}.")
        rows = list(reader)
    return [
        Case(row["kind"], row.get("part") or "", _written(row["text"]), _signs(row["expected"] or "")) for row in rows
    ]


def score(cases: Iterable[Case], reader: Reader = by_labeler) -> Score:
    """Compare a reader with the cases."""
    right = stated = opposite = 0
    wrong = []
    for case in cases:
        signs = reader(case.text)
        if any(signs[label] not in case.expected.get(label, "0") for label in LABELS):
            wrong.append(case.text)
        for label, wanted in case.expected.items():
            stated += 1
            right += signs[label] in wanted
            opposite += signs[label] not in wanted and signs[label] in "+-" and any(sign in "+-" for sign in wanted)
    return Score(right, stated, opposite, tuple(wrong))


def as_table(cases: list[Case]) -> str:
    """Labels read right and with the opposite sign, by part, with 95% intervals (Wilson)."""
    lines = [
        f"{'sentences':<14}{'labels':>8}  {'labeler, right':<24}{'opposite':>9}  {'keywords alone':<24}{'opposite':>9}"
    ]
    for part in sorted({case.part for case in cases}):
        own = [case for case in cases if case.part == part]
        ours, simple = score(own), score(own, by_keywords)
        shown = (f"{_share(one):<24}{one.opposite:>9}" for one in (ours, simple))
        lines.append(f"{part or 'all':<14}{ours.stated:>8}  {'  '.join(shown)}")
    return "\n".join(lines)


def _share(one: Score) -> str:
    if not one.stated:
        return "-"
    low, high = wilson(one.right, one.stated)
    return f"{one.right / one.stated:.3f} [{low:.3f}, {high:.3f}]"


def _written(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _signs(expected: str) -> dict[str, str]:
    return {one.lstrip("+-?0"): one[: len(one) - len(one.lstrip("+-?0"))] for one in expected.split()}
