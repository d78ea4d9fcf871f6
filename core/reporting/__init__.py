"""Evidence, templater, exports."""

from core.reporting.assessment import Assessment, assess
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.exports import FORMATS, ReportedStudy, as_csv, as_object, export
from core.reporting.report import Report, Sentence
from core.reporting.review import Review, SignOff

__all__ = [
    "FORMATS",
    "Assessment",
    "Evidence",
    "FindingEvidence",
    "Report",
    "ReportedStudy",
    "Review",
    "Sentence",
    "SignOff",
    "as_csv",
    "as_object",
    "assess",
    "export",
]
