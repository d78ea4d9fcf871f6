"""How often the guard is right: on sentences that mislead, on fair ones, and on what radiologists wrote themselves.

Each figure has its 95% interval (Wilson) and stands beside that of a guard that only looks for the findings' names and
for "no" in front of them.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.findings import BY_NAME, FINDINGS
from core.reporting.errors import DraftError
from core.reporting.guard.case import Case
from core.reporting.guard.checking import Silent, check
from core.reporting.guard.intake import read_evidence
from core.reporting.guard.text import divide
from core.reporting.guard.verdict import Draft
from core.statistics import wilson

_COLUMNS = ("kind", "evidence", "findings", "impression", "right_verdict", "sentence_in_question")
# The last word of a finding's phrase, as most people would search for it.
_KEYWORDS = {finding.name: re.compile(rf"\b{finding.phrase.split()[-1][:9]}", re.IGNORECASE) for finding in FINDINGS}
_NO = re.compile(r"\b(?:no|not|without|free of|negative for)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Figure:
    """One share, of the guard and of the keyword guard.

    Attributes:
        name: what is counted.
        total: of how many.
        guard, keywords: how many, by either.
    """

    name: str
    total: int
    guard: int
    keywords: int

    def __str__(self) -> str:
        return f"{self.name:<58}{self.total:>6}  {self._share(self.guard):<24}{self._share(self.keywords)}"

    def _share(self, count: int) -> str:
        if not self.total:
            return "-"
        low, high = wilson(count, self.total)
        return f"{count / self.total:.3f} [{low:.3f}, {high:.3f}]"


@dataclass(frozen=True)
class Example:
    """A draft whose right verdict is known: one sentence is put behind a draft that is fair without it."""

    kind: str
    draft: Draft
    case: Case
    misleads: bool
    half: str


@dataclass(frozen=True)
class CodedReport:
    """A radiologist's report and what its human coding calls present.

    Attributes:
        draft: the report.
        named: the findings, with nothing else of them.
        detailed: the same with the places, degrees and numbers of the coding.
    """

    draft: Draft
    named: Case
    detailed: Case


def read_examples(path: Path) -> list[Example]:
    """Read a table of drafts, tab separated, with ``kind``, ``evidence`` (short form), ``findings``, ``impression``,
    ``right_verdict`` (pass or refuse), ``sentence_in_question`` and, if there is one, ``half``.

    Raises:
        DraftError: a column is missing or a row's evidence cannot be read.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise DraftError(f"{path} has no column {missing[0]!r}.")
        return [
            Example(
                row["kind"],
                Draft(row["findings"], row["impression"]),
                read_evidence(row["evidence"]),
                row["right_verdict"] == "refuse",
                row.get("half") or "all",
            )
            for row in reader
        ]


def study_examples(examples: Sequence[Example]) -> list[Figure]:
    """Misleading drafts that pass, presuppositions that are caught, and fair drafts that are refused, by half."""
    figures = []
    for half in sorted({one.half for one in examples}):
        own = [one for one in examples if one.half == half]
        misleading = [one for one in own if one.misleads]
        known = [one for one in misleading if one.kind == "presuppose"]
        fair = [one for one in own if not one.misleads]
        figures += [
            _figure(f"misleading drafts that pass ({half})", misleading, lambda refused: not refused),
            _figure(f"presuppositions that are caught ({half})", known, lambda refused: refused),
            _figure(f"fair paraphrases that are refused ({half})", fair, lambda refused: refused),
        ]
    return figures


def study_reports(reports: Sequence[CodedReport]) -> list[Figure]:
    """Sentences of radiologists that are kept against their own coding, and others that are held against them."""
    found = [one for one in reports if one.named.anything_called]
    return [
        _kept("kept of sentences on the 14, reports with a finding", [(one.draft, one.named) for one in found]),
        _kept("  the same, against coded places and degrees", [(one.draft, one.detailed) for one in found]),
        _kept("  the same, refused where the coding is silent", [(one.draft, one.named) for one in found], "refused"),
        _kept("kept of sentences on the 14, all reports", [(one.draft, one.named) for one in reports]),
        _outside("refused of the other sentences, all reports", [(one.draft, one.named) for one in reports]),
    ]


def _kept(name: str, drafts: Iterable[tuple[Draft, Case]], silent: Silent = "set_apart") -> Figure:
    covered = kept = simple = 0
    for draft, case in drafts:
        for one in check(draft, case, silent=silent).sentences:
            if one.covered:
                covered += 1
                kept += one.standing == "kept"
                simple += not _keyword_faults(one.text, case)
    return Figure(name, covered, kept, simple)


def _outside(name: str, drafts: Iterable[tuple[Draft, Case]]) -> Figure:
    others = [one for draft, case in drafts for one in check(draft, case).sentences if not one.covered]
    return Figure(name, len(others), sum(one.standing == "refused" for one in others), 0)


def as_table(figures: Iterable[Figure]) -> str:
    """The figures as lines for people."""
    head = f"{'':<58}{'n':>6}  {'guard':<24}keywords alone"
    return "\n".join([head, *map(str, figures)])


def _figure(name: str, examples: Sequence[Example], counts: Callable[[bool], bool]) -> Figure:
    guard = sum(counts(check(one.draft, one.case).verdict == "refused") for one in examples)
    keywords = sum(counts(_refused_by_keywords(one.draft, one.case)) for one in examples)
    return Figure(name, len(examples), guard, keywords)


def _refused_by_keywords(draft: Draft, case: Case) -> bool:
    text = f"{draft.findings} {draft.impression}"
    named = all(_KEYWORDS[name].search(text) for name in case.called(BY_NAME))
    return not named or any(_keyword_faults(sentence, case) for sentence in divide(text))


def _keyword_faults(sentence: str, case: Case) -> bool:
    """Whether a finding that is not called is named without "no" in front, or a called one with it."""
    for name, keyword in _KEYWORDS.items():
        if found := keyword.search(sentence):
            denied = _NO.search(sentence, 0, found.start()) is not None
            if denied == bool(case.called((name,))):
                return True
    return False
