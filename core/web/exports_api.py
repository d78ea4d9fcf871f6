"""Many studies in one file over HTTP: asked for by ``POST /api/exports``, fetched when it is done."""

from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for

from core.reporting import FORMATS
from core.studies.exports import TABLE, Exports, export_name
from core.studies.tables import Export, Job, iso
from core.studies.worklist import Query
from core.web.access import person
from core.web.api import attachment
from core.web.errors import NotFound
from core.web.services import services

blueprint = Blueprint("exports", __name__, url_prefix="/api/exports")


@blueprint.post("")
def create() -> tuple[Response, int, dict[str, str]]:
    """Have one file made of the studies that ``GET /api/studies`` lists with these parameters.

    ``format`` is ``table`` (the default: their findings as CSV) or a format of a single study's report, for a zip
    archive with a file of each.

    202 with ``{"id", "format", "status": "queued|running|done|failed", "progress", "created", "error", "links"}``;
    ``links.self`` answers with the same, and ``links.file`` is the file once it is done. It is kept for a day.
    """
    known, file_format = person(), request.args.get("format") or TABLE
    export = _exports().ask(Query.from_arguments(request.args), file_format, by=known.name if known else "")
    answer = _as_object(*_exports().find(export.id))
    return jsonify(answer), 202, {"Location": answer["links"]["self"]}


@blueprint.get("/<export_id>")
def read(export_id: str) -> dict[str, Any]:
    """How far an export is."""
    return _as_object(*_exports().find(export_id))


@blueprint.get("/<export_id>/file")
def file(export_id: str) -> Response:
    """Download the file."""
    export, job = _exports().find(export_id)
    if job.state != "done":
        raise NotFound("This export is not done yet.")
    media_type = FORMATS["csv"].media_type if export.format == TABLE else "application/zip"
    return attachment(_exports().file(export_id), media_type, export_name(export))


@blueprint.delete("/<export_id>")
def delete(export_id: str) -> tuple[str, int]:
    """Remove an export, done or not."""
    _exports().remove(export_id)
    return "", 204


def _exports() -> Exports:
    return Exports(services().studies)


def _as_object(export: Export, job: Job) -> dict[str, Any]:
    views = {"self": "exports.read", "file": "exports.file"}
    links = {name: url_for(view, export_id=export.id) for name, view in views.items()}
    error = {"code": job.error_code, "message": job.error_message} if job.state == "failed" else None
    return {
        "id": export.id,
        "format": export.format,
        "status": job.state,
        "progress": export.written / export.total if export.total else float(job.state == "done"),
        "created": iso(export.created),
        "error": error,
        "links": links,
    }
