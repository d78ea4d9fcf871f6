"""A ``ReportedStudy`` to files. Each format has one writer, which pages, HTTP interface and command line share.

The text is the reviewer's where there is one, and each format says whether it is a draft, edited or signed.
Patient and study identifiers of the source are written into DICOM objects, which belong to the patient's study, and,
as identifiers without a name, into FHIR resources; the other formats carry none.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.findings import LABELS
from core.reporting.errors import ReportingError
from core.reporting.exports.plain import as_csv, as_json, as_object, as_text
from core.reporting.exports.study import ReportedStudy

__all__ = ["FORMATS", "Format", "ReportedStudy", "as_csv", "as_object", "check_choice", "export"]


Writer = Callable[[ReportedStudy, str | None], bytes]


@dataclass(frozen=True)
class Format:
    """One format of export.

    Attributes:
        file_name: its name in the HTTP interface, ``report.*``, ``overlay.*`` or ``deidentified.*``.
        media_type: MIME type; texts are in UTF-8.
        write: makes the file of a study and, for a format of ``pictures``, of the finding whose heatmap it shows.
        pictures: whether it shows a heatmap, whose finding may be chosen.
        anonymous: whether not even its name may tell whose it is.
    """

    file_name: str
    media_type: str
    write: Writer = field(repr=False)
    pictures: bool = False
    anonymous: bool = False


def _text(study: ReportedStudy, _: str | None) -> bytes:
    return as_text(study.evidence, study.report, study.review, name=study.name).encode(errors="replace")


def _json(study: ReportedStudy, _: str | None) -> bytes:
    return as_json(study.evidence, study.report, study.review, name=study.name).encode()


def _csv(study: ReportedStudy, _: str | None) -> bytes:
    return as_csv([(study.name, study.evidence, study.review)]).encode(errors="replace")


# What a format needs is imported when it is asked for: highdicom and ReportLab take longer than a text report.
def _pdf(study: ReportedStudy, finding: str | None) -> bytes:
    from core.reporting.exports.pdf import as_pdf

    return as_pdf(study, finding)


def _structured_report(study: ReportedStudy, _: str | None) -> bytes:
    from core.reporting.exports.structured_report import as_structured_report

    return as_structured_report(study)


def _secondary_capture(study: ReportedStudy, finding: str | None) -> bytes:
    from core.reporting.exports.secondary_capture import as_secondary_capture

    return as_secondary_capture(study, finding)


def _fhir(study: ReportedStudy, _: str | None) -> bytes:
    from core.reporting.exports.fhir import as_fhir

    return as_fhir(study).encode()


def _deidentified(study: ReportedStudy, _: str | None) -> bytes:
    from core.reporting.exports.deidentified import as_deidentified

    return as_deidentified(study)


FORMATS: dict[str, Format] = {
    "txt": Format("report.txt", "text/plain", _text),
    "json": Format("report.json", "application/json", _json),
    "csv": Format("report.csv", "text/csv", _csv),
    "pdf": Format("report.pdf", "application/pdf", _pdf, pictures=True),
    "sr": Format("report.dcm", "application/dicom", _structured_report),
    "sc": Format("overlay.dcm", "application/dicom", _secondary_capture, pictures=True),
    "fhir": Format("report.fhir.json", "application/fhir+json", _fhir),
    "deidentified": Format("deidentified.zip", "application/zip", _deidentified, anonymous=True),
}


def check_choice(file_format: str, finding: str | None) -> None:
    """Refuse what ``export`` would refuse, before any work is done.

    Raises:
        ReportingError: the format or the finding is unknown, or the format shows no heatmap.
    """
    if file_format not in FORMATS:
        raise ReportingError(f"Unknown report format {file_format!r}; choose one of {', '.join(FORMATS)}.")
    if finding is None:
        return
    if not FORMATS[file_format].pictures:
        shown = " and ".join(name for name, entry in FORMATS.items() if entry.pictures)
        raise ReportingError(f"A {file_format} report shows no heatmap; choose a finding for {shown} only.")
    if finding not in LABELS:
        raise ReportingError(f"There is no finding {finding!r}; choose one of {', '.join(LABELS)}.")


def export(study: ReportedStudy, file_format: str, *, finding: str | None = None) -> bytes:
    """Write one study in one of ``FORMATS``; the same study always gives the same bytes.

    Args:
        finding: whose heatmap a format that ``pictures`` shows; by default the leading one.

    Raises:
        ReportingError: the format or the finding is unknown, or the format shows no heatmap.
    """
    check_choice(file_format, finding)
    return FORMATS[file_format].write(study, finding)
