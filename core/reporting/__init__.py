"""Evidence, templater, exports."""

from core.reporting.assessment import Assessment, assess
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.exports import FORMATS, ReportedStudy, as_csv, as_object, export
from core.reporting.report import Report, Sentence

__all__ = [
    "FORMATS",
    "Assessment",
    "Evidence",
    "FindingEvidence",
    "Report",
    "ReportedStudy",
    "Sentence",
    "as_csv",
    "as_object",
    "assess",
    "export",
]
