"""The guard: no report is shown that contradicts the evidence, or states what it does not have.

``check`` and ``check_object`` judge any text against its evidence; ``guarded`` chooses between the drafts of the writer
and the template.
"""

from core.reporting.guard.case import Case
from core.reporting.guard.checking import Check, Outside, check, check_object
from core.reporting.guard.examination import examine
from core.reporting.guard.guarding import guarded
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
    "Outside",
    "Verdict",
    "Violation",
    "ViolationKind",
    "check",
    "check_object",
    "examine",
    "examine_sentence",
    "guarded",
    "link",
    "read_evidence",
    "repair",
    "verdict_as_object",
]
