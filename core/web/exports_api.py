"""Long tables over HTTP: asked for by ``POST /api/exports``, fetched when they are done."""

from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for

from core.reporting import FORMATS
from core.studies.exports import Exports
from core.studies.tables import Export, Job, iso
from core.studies.worklist import Query
from core.web.access import person
from core.web.api import attachment
from core.web.errors import NotFound
from core.web.services import services

blueprint = Blueprint("exports", __name__, url_prefix="/api/exports")


@blueprint.post("")
def create() -> tuple[Response, int, dict[str, str]]:
    """Have the findings of the studies that ``GET /api/studies`` lists with these parameters made into one table.

    202 with ``{"id", "status": "queued|running|done|failed", "progress", "created", "error", "links"}``; ``links.self``
    answers with the same, and ``links.file`` is the table once it is done. It is kept for a day.
    """
    known = person()
    export = _exports().ask(Query.from_arguments(request.args), by=known.name if known else "")
    answer = _as_object(*_exports().find(export.id))
    return jsonify(answer), 202, {"Location": answer["links"]["self"]}


@blueprint.get("/<export_id>")
def read(export_id: str) -> dict[str, Any]:
    """How far an export is."""
    return _as_object(*_exports().find(export_id))


@blueprint.get("/<export_id>/studies.csv")
def table(export_id: str) -> Response:
    """Download the table."""
    if _exports().find(export_id)[1].state != "done":
        raise NotFound("This export is not done yet.")
    return attachment(_exports().table(export_id), FORMATS["csv"].media_type, "studies.csv")


@blueprint.delete("/<export_id>")
def delete(export_id: str) -> tuple[str, int]:
    """Remove an export, done or not."""
    _exports().remove(export_id)
    return "", 204


def _exports() -> Exports:
    return Exports(services().studies)


def _as_object(export: Export, job: Job) -> dict[str, Any]:
    views = {"self": "exports.read", "file": "exports.table"}
    links = {name: url_for(view, export_id=export.id) for name, view in views.items()}
    error = {"code": job.error_code, "message": job.error_message} if job.state == "failed" else None
    return {
        "id": export.id,
        "status": job.state,
        "progress": export.written / export.total if export.total else float(job.state == "done"),
        "created": iso(export.created),
        "error": error,
        "links": links,
    }
