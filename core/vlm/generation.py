"""One call from an image to a written report with its labels and codes, as data."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from core.anatomy import admit
from core.classifier import Classifier
from core.imaging import Radiograph, read_safely
from core.labeler import chexpert_values, label_values, presences
from core.reporting import assess
from core.reporting.bulk import file_bytes
from core.reporting.evidence import Evidence
from core.reporting.exports import as_object
from core.reporting.guard import verdict_as_object
from core.reporting.report import Report
from core.vlm.backends import Backend, BackendChoice, open_backend
from core.vlm.ehr import in_one_line, read_ehr
from core.vlm.icd import CodeSuggestion, suggested_codes
from core.vlm.pass_settings import PassSettings
from core.vlm.passes import Passes, run_passes
from core.vlm.pictures import picture_of
from core.vlm.prompts import Mode, Style
from core.vlm.rewrite import Rewrite, rewrite


@dataclass(frozen=True)
class GeneratedReport:
    """A report and what it says, as data.

    Attributes:
        findings, impression: what is shown: the model's text as far as the guard lets it through.
        labels: the 14 labels as the labeler reads them from that text: 1, 0, -1 (uncertain) or None (not mentioned).
        chexpert: the CheXpert-14 labels: read in the same way, or from the structured passes.
        icd: ICD-10-CM codes, each with what it rests on.
        evidence: what the text rests on.
        template: the report as the template writes it.
        rewrite: the text with the guard's verdict.
        ehr: the health record as it was read; None where none was given.
        passes: how the structured passes answered; None where they were not asked for.
        timing: seconds for ``image`` (reading and judging it), ``report``, each pass, and ``total``.
    """

    findings: str
    impression: str
    labels: dict[str, int | None]
    chexpert: dict[str, int | None]
    icd: tuple[CodeSuggestion, ...]
    evidence: Evidence
    template: Report
    rewrite: Rewrite
    ehr: dict[str, Any] | None
    passes: Passes | None
    timing: dict[str, float]

    def as_object(self) -> dict[str, Any]:
        """The object of ``GET /api/studies/<id>``, with labels, codes and times beside it."""
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
            "icd": [one.as_object() for one in self.icd],
            "ehr": self.ehr,
            "passes": None if self.passes is None else self.passes.as_object(),
            "timing": self.timing,
        }

    def structured(self) -> dict[str, Any]:
        """Findings, impression, labels, codes and times alone."""
        return {
            "findings": self.findings,
            "impression": self.impression,
            "chexpert": self.chexpert,
            "icd": [one.as_object() for one in self.icd],
            "timing": self.timing,
        } | ({} if self.passes is None else {"passes": self.passes.as_object()})


def generate(
    image: str | Path | bytes | Radiograph,
    ehr: str | Path | Mapping[str, Any] | None = None,
    *,
    style: Style = "report",
    mode: Mode = "evidence",
    structured: bool = False,
    settings: PassSettings | None = None,
    classifier: Classifier | None = None,
    backend: Backend | str | Path | None = None,
    force: bool = False,
) -> GeneratedReport:
    """Read a chest radiograph and write its report.

    Args:
        image: path, address (``s3://bucket/file``) or bytes of a DICOM, PNG or JPEG file, or a radiograph that was
            read.
        ehr: health record as JSON text, path or mapping; context for the writer, never a source of findings.
        style: what the writer is asked for.
        mode: ``evidence`` words the plan; ``image`` lets the model report on its own, judged claim by claim.
        structured: whether impression, CheXpert labels and ICD codes are asked for in passes of their own.
        settings: of these passes; by default those of the environment.
        classifier: by default the shipped one, loaded once.
        backend: the writer, or its name as ``core.vlm.backends.open_backend`` takes it; by default the one that the
            environment names, else the shipped one, loaded once.
        force: judge also what does not look like a frontal chest; the result says so.

    Raises:
        ImagingError: the file cannot be read, or is no frontal chest radiograph.
        EhrError: the health record cannot be read.
        WriterError, BackendError, CheckpointError: a model cannot be opened or reached.
        SettingError: a setting of the environment makes no sense.
    """
    started = time.perf_counter()
    record = None if ehr is None else read_ehr(ehr)
    seen = look(image, classifier=classifier, force=force)
    looked = time.perf_counter() - started
    writer = backend if isinstance(backend, Backend) else _opened(BackendChoice.of(backend))
    report = report_on(seen, writer, record=record, style=style, mode=mode, structured=structured, settings=settings)
    timing = {"image": looked} | report.timing | {"total": time.perf_counter() - started}
    return replace(report, timing={name: round(seconds, 3) for name, seconds in timing.items()})


@dataclass(frozen=True)
class Seen:
    """An image and what the classifier makes of it.

    Attributes:
        picture: as ``core.vlm.pictures`` makes it.
        evidence: what a report may say.
        template: the report as the template words it.
    """

    picture: Image.Image
    evidence: Evidence
    template: Report


def look(image: str | Path | bytes | Radiograph, *, classifier: Classifier | None = None, force: bool = False) -> Seen:
    """Read and judge an image; the arguments and errors are those of ``generate``."""
    if not isinstance(image, Radiograph):
        image = read_safely(image if isinstance(image, bytes) else file_bytes(image))
    admitted = admit(image, force=force)
    assessment = assess(admitted, classifier or _shipped_classifier())
    return Seen(picture_of(admitted.radiograph), assessment.evidence, assessment.report)


def report_on(
    seen: Seen,
    writer: Backend,
    *,
    record: Mapping[str, Any] | None = None,
    style: Style = "report",
    mode: Mode = "evidence",
    structured: bool = False,
    settings: PassSettings | None = None,
) -> GeneratedReport:
    """Write the report of an image that was judged.

    Args:
        seen: the image and what it shows.
        writer: the model.
        record: health record as ``read_ehr`` gives it.
        style, mode, structured, settings: as for ``generate``.

    Raises:
        BackendError: a server does not answer.
        SettingError: a setting of the environment makes no sense.
    """
    started = time.perf_counter()
    context = "" if record is None else in_one_line(record)
    written = rewrite(seen.picture, seen.evidence, writer, style=style, mode=mode, context=context)
    timing = {"report": written.seconds}
    findings, impression = written.report.text("findings"), written.report.text("impression")
    passes = None
    if structured:
        passes = run_passes(
            seen.picture,
            seen.evidence,
            writer,
            written.report,
            mode=mode,
            context=context,
            record=record,
            settings=settings or PassSettings.of(),
        )
        impression = passes.impression
        timing |= passes.seconds
    found = presences(f"FINDINGS: {findings}\nIMPRESSION: {impression}")
    timing["total"] = time.perf_counter() - started
    return GeneratedReport(
        findings=findings,
        impression=impression,
        labels=label_values(found),
        chexpert=passes.chexpert if passes else chexpert_values(found),
        icd=passes.icd if passes else tuple(suggested_codes(seen.evidence)),
        evidence=seen.evidence,
        template=seen.template,
        rewrite=written,
        ehr=None if record is None else dict(record),
        passes=passes,
        timing={name: round(seconds, 3) for name, seconds in timing.items()},
    )


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
        "mode": written.mode,
        "apart": [one.as_object() for one in written.apart],
    }


@cache
def _shipped_classifier() -> Classifier:
    return Classifier()


@cache
def _opened(choice: BackendChoice) -> Backend:
    return open_backend(choice)
