"""The HTTP interface under ``/api``."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from flask import Blueprint, Response, current_app, jsonify, request, send_file, url_for
from isal import igzip

from core.findings import LABELS
from core.reporting import FORMATS, export
from core.reporting.overlay import overlay_data, overlay_png
from core.studies import results
from core.studies.exports import download_name
from core.studies.reviews.desk import as_review, summary_object
from core.studies.rewriting import rewriting_state
from core.studies.tables import Study, iso
from core.web.errors import NotFound
from core.web.services import services

blueprint = Blueprint("api", __name__)


@blueprint.get("/api/studies/<study_id>")
def read(study_id: str) -> dict[str, Any]:
    """One study: its state and, once done, everything about it."""
    studies = services().studies
    study = studies.find(study_id)
    answer: dict[str, Any] = {
        "id": study.id,
        "filename": study.filename,
        "created": iso(study.created),
        "status": study.status,
        "progress": study.progress,
        "error": {"code": study.error_code, "message": study.error_message} if study.error_code else None,
        "gate": None,
        "view": None,
        "image": None,
        "findings": [],
        "heatmaps": {},
        "report": None,
        "warnings": [],
        "model": services().model.identity,
        "timing_ms": {"total": study.total_ms},
        "review": None,
        "reference": studies.reference(study_id),
    }
    if study.status == "done":
        result = studies.result(study_id)
        answer |= result.as_object()
        answer["review"] = summary_object(services().reviews.latest([study_id]).get(study_id))
        answer["rewrite"] = result.rewriting or rewriting_state(studies.rewrite_job(study_id))
        answer["image"]["url"] = url_for("api.image", study_id=study_id)
        answer["image"]["pixels"] = result.image["pixels"] | {"url": url_for("api.pixels", study_id=study_id)}
        answer["heatmaps"] = {name: url_for("api.heatmap", study_id=study_id, finding=name) for name in LABELS}
    return answer


@blueprint.delete("/api/studies/<study_id>")
def delete(study_id: str) -> tuple[str, int]:
    """Remove a study and every file of it."""
    services().studies.delete(study_id)
    return "", 204


@blueprint.post("/api/studies/<study_id>/analysis")
def analyse_again(study_id: str) -> tuple[dict[str, Any], int]:
    """Have a study that failed analysed again: 202 with ``id``, ``filename``, ``status`` and ``links``."""
    return receipt_of(services().studies.analyse_again(study_id)), 202


def receipt_of(study: Study) -> dict[str, Any]:
    """What the sender of a file is told of its study."""
    links = {"self": url_for("api.read", study_id=study.id), "page": url_for("pages.study", study_id=study.id)}
    return {"id": study.id, "filename": study.filename, "status": study.status, "links": links}


@blueprint.get("/api/studies/<study_id>/image.png")
def image(study_id: str) -> Response:
    """The radiograph as the page shows it."""
    _finished(study_id)
    return current_app.response_class(services().studies.read(study_id, results.IMAGE), mimetype="image/png")


@blueprint.get("/api/studies/<study_id>/pixels")
def pixels(study_id: str) -> Response:
    """Every grey value of the radiograph; ``image.pixels`` of the study says how to read them."""
    _finished(study_id)
    data, zipped = services().studies.read(study_id, results.PIXELS), "gzip" in request.accept_encodings
    response = current_app.response_class(
        data if zipped else igzip.decompress(data), mimetype="application/octet-stream"
    )
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/api/studies/<study_id>/heatmaps.json")
def heatmaps(study_id: str) -> Response:
    """All heatmaps as numbers, and how pictures are made of them, so that a viewer switches without asking again."""
    _finished(study_id)
    response = jsonify(overlay_data(_heatmaps(study_id)))
    if "gzip" in request.accept_encodings:
        # A megabyte, of which few bytes differ from their neighbours.
        response.set_data(igzip.compress(response.get_data(), compresslevel=1))
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    return response


@blueprint.get("/api/studies/<study_id>/heatmaps/<finding>.png")
def heatmap(study_id: str, finding: str) -> Response:
    """One finding's heatmap, transparent, in the radiograph's proportions."""
    _finished(study_id)
    _check_finding(finding)
    picture = overlay_png(_heatmaps(study_id)[finding])
    response = current_app.response_class(picture, mimetype="image/png")
    response.cache_control.max_age = 3600
    response.cache_control.private = True
    return response


@blueprint.get("/api/studies/<study_id>/<any(report, overlay, deidentified):kind>.<extension>")
def download(study_id: str, kind: str, extension: str) -> Response:
    """Download the report as it stands, the overlay as a DICOM secondary capture, or all without whose it is.

    ``?finding=`` chooses whose heatmap is shown. Made when asked for, from the stored evidence, the grey values
    and the review, with identifiers that only depend on these: each download gives the same file.
    """
    study = _finished(study_id)
    wanted = f"{kind}.{extension}"
    file_format = next((name for name, entry in FORMATS.items() if entry.file_name == wanted), None)
    if file_format is None:
        raise NotFound(f"Downloads are {', '.join(entry.file_name for entry in FORMATS.values())}, not {wanted!r}.")
    finding = request.args.get("finding") if FORMATS[file_format].pictures else None
    if finding is not None:
        _check_finding(finding)
    reported = services().studies.reported(study, as_review(services().reviews.events(study_id)))
    data = export(reported, file_format, finding=finding)
    return attachment(data, FORMATS[file_format].media_type, download_name(study, file_format))


def attachment(data: bytes, media_type: str, name: str) -> Response:
    """An answer that browsers save as a file of that name."""
    response = send_file(io.BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name)
    # It may hold a patient's identifiers, which no cache should keep.
    response.headers["Cache-Control"] = "no-store"
    return response


def _check_finding(name: str) -> None:
    if name not in LABELS:
        raise NotFound(f"There is no finding {name!r}; the 14 names are listed in the study.")


def _heatmaps(study_id: str) -> dict[str, npt.NDArray[np.float32]]:
    return services().studies.heatmaps(study_id)


def _finished(study_id: str) -> Study:
    study = services().studies.find(study_id)
    if study.status != "done":
        raise NotFound(f"This study is {study.status}; it has no result yet.")
    return study
