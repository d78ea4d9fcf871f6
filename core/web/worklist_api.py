"""The worklist over HTTP: ``GET /api/studies`` and the same as one table of findings."""

from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, request

from core.reporting import FORMATS, as_csv
from core.studies.errors import NoSuchStudy
from core.studies.reviews.desk import as_review, summary_object
from core.studies.tables import Event, Study, iso
from core.studies.worklist import Page, Query, find, find_all
from core.web.access import concerning
from core.web.api import attachment
from core.web.services import services

blueprint = Blueprint("worklist", __name__)

_LONGEST_TABLE = 2000


@blueprint.get("/api/studies")
def index() -> dict[str, Any]:
    """The studies that match ``query``, ``finding``, ``decision`` and ``state``, by ``sort``; see ``Query``."""
    page = find(services().studies.database, Query.from_arguments(request.args))
    reviews = services().reviews.latest([study.id for study in page.studies])
    return {
        "studies": [item(page, study, reviews.get(study.id)) for study in page.studies],
        "total": page.total,
        "unfinished": page.unfinished,
    }


@blueprint.get("/api/studies.csv")
def table() -> Response:
    """Download the findings of the studies that ``GET /api/studies`` lists, on all its pages, as one table."""
    rows = []
    studies = find_all(services().studies.database, Query.from_arguments(request.args), at_most=_LONGEST_TABLE)
    concerning(study.id for study in studies)
    reviews = services().reviews.latest([study.id for study in studies])
    for study in studies:
        # A study may be deleted meanwhile.
        if study.status == "done":
            with suppress(NoSuchStudy):
                evidence = services().studies.result(study.id).evidence
                last = reviews.get(study.id)
                rows.append((study.filename, evidence, as_review([last] if last else [])))
    return attachment(as_csv(rows).encode(), FORMATS["csv"].media_type, "studies.csv")


def item(page: Page, study: Study, review: Event | None) -> dict[str, Any]:
    """One study as a line of the worklist."""
    rating = page.ratings.get(study.id)
    present = study.summary.get("present", [])
    return {
        "id": study.id,
        "filename": study.filename,
        "created": iso(study.created),
        "status": study.status,
        "progress": study.progress,
        "error": {"code": study.error_code, "message": study.error_message} if study.error_code else None,
        "n_present": len(present),
        "n_possible": len(study.summary.get("possible", [])),
        "top": present[:3],
        "findings": [
            {"name": call.finding, "decision": call.decision, "probability": call.probability}
            for call in page.calls.get(study.id, [])
        ],
        "urgency": rating and {"level": rating.level, "because": rating.because, "sentence": rating.sentence},
        "timing_ms": {"total": study.total_ms},
        "review": summary_object(review) if study.status == "done" else None,
    }
