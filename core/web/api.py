"""The HTTP interface under ``/api``."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, request, send_file, url_for
from werkzeug.utils import secure_filename

from core.classifier import model_identity
from core.findings import LABELS
from core.imaging import MAX_FILE_BYTES, TooLarge, UnreadableImage, read_safely
from core.imaging.gate import admit
from core.reporting import FORMATS
from core.reporting.overlay import overlay_png
from core.web.errors import NotFound
from core.web.services import services
from core.web.store import Study

blueprint = Blueprint("api", __name__)


@blueprint.get("/healthz")
def health() -> dict[str, Any]:
    """Whether the server answers, with what model, and how many studies wait."""
    return {
        "status": "ok",
        "model": model_identity(services().classifier.config),
        "queue": services().worker.waiting,
    }


@blueprint.post("/api/studies")
def create() -> tuple[Response, int, dict[str, str]]:
    """Take one file, refuse it at once if it cannot be read, and queue it."""
    services().worker.check_room()
    upload = request.files.get("file")
    if upload is None:
        raise UnreadableImage("The request carries no file; send it as the multipart field 'file'.")
    data = upload.stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"The file is over {MAX_FILE_BYTES // 2**20} MB; export the radiograph smaller.")
    radiograph = read_safely(data)
    admit(radiograph)
    study = services().store.add(upload.filename or "unnamed", data)
    services().worker.submit(study.id, radiograph)
    location = url_for("api.read", study_id=study.id)
    links = {"self": location, "page": url_for("pages.study", study_id=study.id)}
    return jsonify(id=study.id, status="queued", links=links), 201, {"Location": location}


@blueprint.get("/api/studies")
def index() -> dict[str, Any]:
    """The latest studies."""
    return {
        "studies": [
            {
                "id": study.id,
                "filename": study.filename,
                "created": _iso(study.created),
                "status": study.status,
                "n_present": len(study.summary.get("present", [])),
                "n_possible": len(study.summary.get("possible", [])),
                "top": study.summary.get("present", [])[:3],
            }
            for study in services().store.newest()
        ]
    }


@blueprint.get("/api/studies/<study_id>")
def read(study_id: str) -> dict[str, Any]:
    """One study: its state and, once done, everything about it."""
    study = _study(study_id)
    answer: dict[str, Any] = {
        "id": study.id,
        "filename": study.filename,
        "created": _iso(study.created),
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
    }
    if study.status == "done":
        answer |= json.loads((services().store.path(study_id) / "result.json").read_text())
        answer["image"]["url"] = url_for("api.image", study_id=study_id)
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


@blueprint.get("/api/studies/<study_id>/heatmaps/<finding>.png")
def heatmap(study_id: str, finding: str) -> Response:
    """One finding's heatmap, transparent, in the radiograph's proportions."""
    _finished(study_id)
    if finding not in LABELS:
        raise NotFound(f"There is no finding {finding!r}; the 14 names are listed in the study.")
    with np.load(services().store.path(study_id) / "heatmaps.npz") as maps:
        picture = overlay_png(maps[finding].astype(np.float32) / 255)
    response = current_app.response_class(picture, mimetype="image/png")
    response.cache_control.max_age = 3600
    response.cache_control.private = True
    return response


@blueprint.get("/api/studies/<study_id>/report.<file_format>")
def report(study_id: str, file_format: str) -> Response:
    """Download the report."""
    study = _finished(study_id)
    if file_format not in FORMATS:
        raise NotFound(f"Reports come as {', '.join(FORMATS)}, not as {file_format!r}.")
    stem = secure_filename(study.filename.rsplit(".", 1)[0]) or study.id
    return send_file(
        services().store.path(study_id) / f"report.{file_format}",
        mimetype=FORMATS[file_format],
        as_attachment=True,
        download_name=f"{stem}-report.{file_format}",
    )


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


def _iso(moment: datetime) -> str:
    # SQLite gives times back without their zone; they were stored in UTC.
    return moment.replace(tzinfo=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
