"""Evidence, templater, exports."""

from core.reporting.assessment import Assessment, assess
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.exports import FORMATS, as_object, export
from core.reporting.report import Report, Sentence

__all__ = [
    "FORMATS",
    "Assessment",
    "Evidence",
    "FindingEvidence",
    "Report",
    "Sentence",
    "as_object",
    "assess",
    "export",
]
