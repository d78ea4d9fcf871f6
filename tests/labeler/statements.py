"""Sentences with what they say, by kind: the table beside this file, and how readings are compared with it."""

import csv
from pathlib import Path
from typing import NamedTuple

from core.findings import LABELS
from core.labeler import presences

CASES = Path(__file__).with_name("cases.tsv")
SIGNS = {"present": "+", "absent": "-", "uncertain": "?", "not mentioned": "0"}


class Case(NamedTuple):
    """A sentence and the signs that are right for each label: + present, - absent, ? uncertain, 0 not mentioned.

    Labels without signs are not mentioned. ``part`` is ``held_out`` for those that the grammar was not developed on.
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


def read_cases(path: Path = CASES) -> list[Case]:
    """The cases of a table with the columns kind, text, expected, and where it has it part."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Case(row["kind"], row.get("part", ""), _written(row["text"]), _signs(row["expected"] or "")) for row in rows
    ]


def score(cases: list[Case]) -> Score:
    """Compare the labeler with the cases."""
    right = stated = opposite = 0
    wrong = []
    for case in cases:
        found = presences(case.text)
        signs = {label: SIGNS[found.get(label, "not mentioned")] for label in LABELS}
        if any(signs[label] not in case.expected.get(label, "0") for label in LABELS):
            wrong.append(case.text)
        for label, wanted in case.expected.items():
            stated += 1
            right += signs[label] in wanted
            opposite += signs[label] not in wanted and signs[label] in "+-" and any(sign in "+-" for sign in wanted)
    return Score(right, stated, opposite, tuple(wrong))


def _written(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _signs(expected: str) -> dict[str, str]:
    return {one.lstrip("+-?0"): one[: len(one) - len(one.lstrip("+-?0"))] for one in expected.split()}
