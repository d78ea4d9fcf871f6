"""The HTTP interface under ``/api``."""

import io
import json
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, send_file, url_for
from isal import igzip
from werkzeug.utils import secure_filename

from core.anatomy import put_upright
from core.classifier import model_identity
from core.findings import LABELS
from core.imaging import read_safely
from core.reporting import FORMATS, ReportedStudy, export
from core.reporting.overlay import overlay_data, overlay_png
from core.reporting.storage import restore, restore_heatmap, restore_heatmaps
from core.studies.pixels import compressed_pixels, read_pixels
from core.studies.reviews.desk import as_review, summary_object
from core.studies.samples import restore_reference
from core.studies.tables import Study, iso
from core.web.errors import NotFound
from core.web.services import services

blueprint = Blueprint("api", __name__)

# The largest file that was judged is decoded in this time.
_DECODING_SECONDS = 20.0


@blueprint.get("/healthz")
def health() -> dict[str, Any]:
    """Whether the server answers, with what model, and how many studies wait."""
    return {
        "status": "ok",
        "model": model_identity(services().classifier.config),
        "queue": services().worker.waiting,
    }


@blueprint.get("/api/studies/<study_id>")
def read(study_id: str) -> dict[str, Any]:
    """One study: its state and, once done, everything about it."""
    study = _study(study_id)
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
        "model": model_identity(services().classifier.config),
        "timing_ms": {"total": study.total_ms},
        "review": None,
        "reference": restore_reference(services().store.path(study_id)),
    }
    if study.status == "done":
        answer["review"] = summary_object(services().reviews.latest([study_id]).get(study_id))
        answer |= json.loads((services().store.path(study_id) / "result.json").read_text())
        if "rewrite" not in answer:
            answer["reports"] = {"template": answer["report"], "vlm": None}
            answer["rewrite"] = services().rewriter.state(study_id)
        answer["image"]["url"] = url_for("api.image", study_id=study_id)
        # Studies of earlier versions have no grey values beside the picture.
        if answer["image"].setdefault("pixels", None):
            answer["image"]["pixels"]["url"] = url_for("api.pixels", study_id=study_id)
        answer["heatmaps"] = {name: url_for("api.heatmap", study_id=study_id, finding=name) for name in LABELS}
    return answer


@blueprint.delete("/api/studies/<study_id>")
def delete(study_id: str) -> tuple[str, int]:
    """Remove a study and every file of it."""
    if not services().store.delete(study_id):
        raise NotFound("There is no such study; it may have been deleted.")
    return "", 204


@blueprint.get("/api/studies/<study_id>/image.png")
def image(study_id: str) -> Response:
    """The radiograph as the page shows it."""
    _finished(study_id)
    return send_file(services().store.path(study_id) / "image.png", mimetype="image/png")


@blueprint.get("/api/studies/<study_id>/pixels")
def pixels(study_id: str) -> Response:
    """Every grey value of the radiograph; ``image.pixels`` of the study says how to read them."""
    _finished(study_id)
    folder = services().store.path(study_id)
    try:
        if "gzip" in request.accept_encodings:
            response = send_file(compressed_pixels(folder), mimetype="application/octet-stream")
            response.headers["Content-Encoding"] = "gzip"
        else:
            response = current_app.response_class(read_pixels(folder), mimetype="application/octet-stream")
    except FileNotFoundError:
        raise NotFound("This study was analysed by an earlier version, which kept only image.png.") from None
    response.vary.add("Accept-Encoding")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/api/studies/<study_id>/heatmaps.json")
def heatmaps(study_id: str) -> Response:
    """All heatmaps as numbers, and how pictures are made of them, so that a viewer switches without asking again."""
    _finished(study_id)
    response = jsonify(overlay_data(restore_heatmaps(services().store.path(study_id))))
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
    picture = overlay_png(restore_heatmap(services().store.path(study_id), finding))
    response = current_app.response_class(picture, mimetype="image/png")
    response.cache_control.max_age = 3600
    response.cache_control.private = True
    return response


@blueprint.get("/api/studies/<study_id>/<any(report, overlay, deidentified):kind>.<extension>")
def download(study_id: str, kind: str, extension: str) -> Response:
    """Download the report as it stands, the overlay as a DICOM secondary capture, or all without whose it is.

    ``?finding=`` chooses whose heatmap is shown. Made when asked for, from the upload, the stored evidence and the
    review, with identifiers that only depend on these: each download gives the same file.
    """
    study = _finished(study_id)
    wanted = f"{kind}.{extension}"
    file_format = next((name for name, entry in FORMATS.items() if entry.file_name == wanted), None)
    if file_format is None:
        raise NotFound(f"Downloads are {', '.join(entry.file_name for entry in FORMATS.values())}, not {wanted!r}.")
    finding = request.args.get("finding") if FORMATS[file_format].pictures else None
    if finding is not None:
        _check_finding(finding)
    try:
        prediction, evidence, report = restore(services().store.path(study_id))
        upload = services().store.upload(study_id).read_bytes()
        radiograph = read_safely(upload, within_s=_DECODING_SECONDS, client=request.remote_addr)
    except FileNotFoundError:
        raise NotFound("The files of this study are gone or of an earlier version; upload it again.") from None
    review = as_review(services().reviews.events(study_id))
    radiograph = put_upright(radiograph, evidence.gate)
    reported = ReportedStudy(radiograph, prediction, evidence, report, study.filename, study.created, review)
    data = export(reported, file_format, finding=finding)
    stem = secure_filename(study.filename.rsplit(".", 1)[0]) or study.id
    name = f"chestlens-{wanted}" if FORMATS[file_format].anonymous else f"{stem}-{wanted}"
    return attachment(data, FORMATS[file_format].media_type, name)


def attachment(data: bytes, media_type: str, name: str) -> Response:
    """An answer that browsers save as a file of that name."""
    response = send_file(io.BytesIO(data), mimetype=media_type, as_attachment=True, download_name=name)
    # It may hold a patient's identifiers, which no cache should keep.
    response.headers["Cache-Control"] = "no-store"
    return response


def _check_finding(name: str) -> None:
    if name not in LABELS:
        raise NotFound(f"There is no finding {name!r}; the 14 names are listed in the study.")


def _study(study_id: str) -> Study:
    study = services().store.get(study_id)
    if study is None:
        raise NotFound("There is no such study; it may have been deleted.")
    return study


def _finished(study_id: str) -> Study:
    study = _study(study_id)
    if study.status != "done":
        raise NotFound(f"This study is {study.status}; it has no result yet.")
    return study
