"""One call from an image to a written report with its labels and codes, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core.anatomy import admit
from core.classifier import Classifier
from core.imaging import Radiograph, read_safely
from core.labeler import chexpert_values, label_values, presences
from core.reporting import assess
from core.reporting.evidence import Evidence
from core.reporting.exports import as_object
from core.reporting.exports.codes import icd10cm_code
from core.reporting.guard import verdict_as_object
from core.reporting.report import Report
from core.vlm.ehr import in_one_line, read_ehr
from core.vlm.pictures import picture_of
from core.vlm.prompts import Style
from core.vlm.rewrite import Rewrite, rewrite
from core.vlm.writer import SHIPPED_WRITER, Writer


@dataclass(frozen=True)
class GeneratedReport:
    """A report and what it says, as data.

    Attributes:
        findings, impression: what is shown: the rewritten text, or the template where the guard let nothing through.
        labels: the 14 labels as the labeler reads them from that text: 1, 0, -1 (uncertain) or None (not mentioned).
        chexpert: the CheXpert-14 labels in the same way.
        icd10cm: codes suggested for findings that are present, each with ``code``, ``meaning`` and ``findings``.
        evidence: what the text rests on.
        template: the report as the template writes it.
        rewrite: the text with the guard's verdict and the time taken.
    """

    findings: str
    impression: str
    labels: dict[str, int | None]
    chexpert: dict[str, int | None]
    icd10cm: list[dict[str, Any]]
    evidence: Evidence
    template: Report
    rewrite: Rewrite

    def as_object(self) -> dict[str, Any]:
        """The object of ``GET /api/studies/<id>``, with labels and codes beside it."""
        template = as_object(self.evidence, self.template)
        shown = as_object(self.evidence, self.rewrite.report)
        return shown | {
            "reports": {
                "template": template["report"],
                "vlm": shown["report"] if self.rewrite.report.source == "vlm" else None,
            },
            "rewrite": rewrite_as_object(self.rewrite),
            "labels": self.labels,
            "chexpert": self.chexpert,
            "icd10cm": self.icd10cm,
        }


def generate(
    image: str | Path | bytes | Radiograph,
    ehr: str | Path | Mapping[str, Any] | None = None,
    *,
    style: Style = "report",
    classifier: Classifier | None = None,
    writer: Writer | None = None,
    force: bool = False,
) -> GeneratedReport:
    """Read a chest radiograph and write its report.

    Args:
        image: path or bytes of a DICOM, PNG or JPEG file, or a radiograph that was read.
        ehr: health record as JSON text, path or mapping; context for the writer, never a source of findings.
        style: what the writer is asked for.
        classifier, writer: by default the shipped ones, loaded once.
        force: judge also what does not look like a frontal chest; the result says so.

    Raises:
        ImagingError: the file cannot be read, or is no frontal chest radiograph.
        EhrError: the health record cannot be read.
        WriterError, CheckpointError: a model cannot be opened.
    """
    if not isinstance(image, Radiograph):
        image = read_safely(image if isinstance(image, bytes) else Path(image).read_bytes())
    context = "" if ehr is None else in_one_line(read_ehr(ehr))
    admitted = admit(image, force=force)
    assessment = assess(admitted, classifier or _shipped_classifier())
    written = rewrite(
        picture_of(admitted.radiograph),
        assessment.evidence,
        writer or _shipped_writer(),
        style=style,
        context=context,
    )
    findings, impression = written.report.text("findings"), written.report.text("impression")
    found = presences(f"FINDINGS: {findings}\nIMPRESSION: {impression}")
    return GeneratedReport(
        findings=findings,
        impression=impression,
        labels=label_values(found),
        chexpert=chexpert_values(found),
        icd10cm=suggested_codes(assessment.evidence),
        evidence=assessment.evidence,
        template=assessment.report,
        rewrite=written,
    )


def suggested_codes(evidence: Evidence) -> list[dict[str, Any]]:
    """ICD-10-CM codes for the findings that are present, most probable first; each code once."""
    codes: dict[str, dict[str, Any]] = {}
    for item in evidence.decided("present"):
        code = icd10cm_code(item.finding)
        entry = codes.setdefault(code.value, {"code": code.value, "meaning": code.meaning, "findings": []})
        entry["findings"].append(item.finding.name)
    return list(codes.values())


def rewrite_as_object(written: Rewrite) -> dict[str, Any]:
    """The ``rewrite`` part of ``GET /api/studies/<id>`` once the writer is done."""
    return {
        "status": "done",
        "message": None,
        "seconds": round(written.seconds, 2),
        "partial": [],
        "verdict": verdict_as_object(written.verdict),
        "model": written.model,
        "worded": {author: written.worded_by(author) for author in ("model", "rule")},
        "reasoning": list(written.steps) or None,
        "reasoning_by_rule": written.steps_by_rule,
    }


@cache
def _shipped_classifier() -> Classifier:
    return Classifier()


@cache
def _shipped_writer() -> Writer:
    return Writer(SHIPPED_WRITER)
