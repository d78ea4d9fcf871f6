"""The guard: no rewritten report is shown that adds to the evidence, or takes from it."""

from core.reporting.guard.examination import examine
from core.reporting.guard.guarding import guarded
from core.reporting.guard.linking import link
from core.reporting.guard.repairing import repair
from core.reporting.guard.sentence import examine_sentence
from core.reporting.guard.verdict import Attempt, Draft, Verdict, Violation, ViolationKind, verdict_as_object

__all__ = [
    "Attempt",
    "Draft",
    "Verdict",
    "Violation",
    "ViolationKind",
    "examine",
    "examine_sentence",
    "guarded",
    "link",
    "repair",
    "verdict_as_object",
]
