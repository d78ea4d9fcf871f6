"""The guard: no report is shown that contradicts the evidence, or states what it does not have.

``check`` and ``check_object`` judge any text against its evidence, ``examine`` and ``examine_sentence`` that of
ChestLens itself, where the evidence must bear out every word; ``repair`` makes the best of a draft and ``link`` names
what each sentence rests on.
"""

from core.reporting.guard.case import Case
from core.reporting.guard.checking import Check, JudgedSentence, Outside, Silent, check, check_object
from core.reporting.guard.examination import examine
from core.reporting.guard.intake import read_evidence
from core.reporting.guard.linking import link
from core.reporting.guard.repairing import repair
from core.reporting.guard.sentence import examine_sentence
from core.reporting.guard.verdict import (
    NOT_CHECKED,
    Attempt,
    Draft,
    Verdict,
    Violation,
    ViolationKind,
    verdict_as_object,
)

__all__ = [
    "NOT_CHECKED",
    "Attempt",
    "Case",
    "Check",
    "Draft",
    "JudgedSentence",
    "Outside",
    "Silent",
    "Verdict",
    "Violation",
    "ViolationKind",
    "check",
    "check_object",
    "examine",
    "examine_sentence",
    "link",
    "read_evidence",
    "repair",
    "verdict_as_object",
]
