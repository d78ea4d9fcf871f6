"""The HTML pages."""

from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template

from core import DISCLAIMER, __version__
from core.findings import LABELS, display_name
from core.imaging import MAX_FILE_BYTES
from core.imaging.phantom import phantom_png
from core.reporting.evidence import DECISIONS
from core.studies import exports
from core.vlm.pass_settings import PassSettings, kind_of, limits
from core.vlm.question import LONGEST_QUESTION
from core.web.archives import MAX_ARCHIVE_BYTES
from core.web.services import services

if TYPE_CHECKING:
    from core.datasets.samples import Sample

blueprint = Blueprint("pages", __name__)

_EXPORT_FORMATS = {
    "pdf": "PDF reports",
    "txt": "Text reports",
    "json": "JSON reports",
    "sr": "DICOM structured reports",
    "sc": "DICOM overlays",
    "fhir": "FHIR reports",
    "deidentified": "De-identified studies",
}
_PASS_SETTINGS = {
    "chexpert_do_sample": "Labels: draw answers at random",
    "chexpert_vote": "Labels: answers voted on, where drawn",
    "chexpert_temperature": "Labels: temperature of the draws",
    "chexpert_positive_bias": "Labels: bias for present",
    "chexpert_negative_bias": "Labels: bias for absent",
    "chexpert_max_new_tokens": "Labels: longest answer, tokens",
    "enable_label_keywords": "Labels: read from the report's words where open",
    "icd_do_sample": "Codes: draw answers at random",
    "icd_vote": "Codes: answers voted on, where drawn",
    "icd_temperature": "Codes: temperature of the draws",
    "icd_positive_bias": "Codes: bias for a code",
    "icd_negative_bias": "Codes: bias against a code",
    "icd_max_new_tokens": "Codes: longest answer, tokens",
    "imp_max_new_tokens": "Impression: longest answer, tokens",
}


@blueprint.app_context_processor
def everywhere() -> dict[str, Any]:
    """What every page shows."""
    return {
        "disclaimer": DISCLAIMER,
        "version": __version__,
        "model": services().model.identity,
    }


@blueprint.get("/")
def upload() -> str:
    """The upload page, with a few samples and the worklist."""
    samples = services().samples
    return render_template(
        "pages/upload.html",
        limits={
            "max_mb": MAX_FILE_BYTES // 2**20,
            "max_archive_mb": MAX_ARCHIVE_BYTES // 2**20,
            "types": "DICOM, PNG, JPEG",
        },
        n_samples=len(samples),
        longest_table=exports.LONGEST_TABLE,
        export_formats=_EXPORT_FORMATS.items(),
        showcase=[{"id": sample.id, "name": sample.name, "title": _title(sample)} for sample in samples.showcase],
        findings=[(name, display_name(name)) for name in LABELS],
        decisions=DECISIONS,
    )


@blueprint.get("/studies/<study_id>")
def study(study_id: str) -> str:
    """The result page of one study."""
    services().studies.find(study_id)
    return render_template(
        "pages/study.html",
        study_id=study_id,
        pass_settings=_pass_settings(PassSettings.of()),
        longest_question=LONGEST_QUESTION,
    )


@blueprint.get("/samples/phantom.png")
def phantom() -> Response:
    """The rendered phantom that newcomers can try."""
    response = Response(_phantom(), mimetype="image/png")
    response.cache_control.max_age = 86400
    return response


def _pass_settings(settings: PassSettings) -> list[dict[str, Any]]:
    """The settings of the structured passes as fields of a form, with the values that the server has."""
    fields = []
    for name, title in _PASS_SETTINGS.items():
        lowest, highest = limits(name)
        kind = kind_of(name)
        step = 1 if kind is int else "any"
        field = {"name": name, "title": title, "is_switch": kind is bool, "value": getattr(settings, name)}
        fields.append(field | {"lowest": lowest, "highest": highest, "step": step})
    return fields


def _title(sample: "Sample") -> str:
    if sample.labels is None:
        return sample.name
    return f"{sample.name}, labelled {', '.join(map(display_name, sample.labels)) or 'no finding'}"


@cache
def _phantom() -> bytes:
    return phantom_png()
