"""The worklist over HTTP: ``GET /api/studies`` and the same as one table of findings."""

from typing import Any

from flask import Blueprint, Response, request

from core.reporting import FORMATS, as_csv
from core.studies import exports
from core.studies.exports import TooManyStudies, findings_of
from core.studies.reviews.desk import summary_object
from core.studies.tables import Event, Study, iso
from core.studies.worklist import Page, Query, find, find_all
from core.web.access import concerning
from core.web.api import attachment
from core.web.services import services

blueprint = Blueprint("worklist", __name__)


@blueprint.get("/api/studies")
def index() -> dict[str, Any]:
    """The studies that match ``query``, ``finding``, ``decision`` and ``state``, by ``sort``; see ``Query``."""
    page = find(services().studies.database, Query.from_arguments(request.args))
    reviews = services().reviews.latest([study.id for study in page.studies])
    return {
        "studies": [study_line(page, study, reviews.get(study.id)) for study in page.studies],
        "total": page.total,
        "unfinished": page.unfinished,
    }


@blueprint.get("/api/studies.csv")
def table() -> Response:
    """Download the findings of the studies that ``GET /api/studies`` lists, on all its pages, as one table.

    More than ``core.studies.exports.LONGEST_TABLE`` are refused: whoever wants them asks ``core.web.exports_api``.
    """
    studies = services().studies
    listed = find_all(studies.database, Query.from_arguments(request.args), at_most=exports.LONGEST_TABLE + 1)
    if len(listed) > exports.LONGEST_TABLE:
        raise TooManyStudies(
            f"More than {exports.LONGEST_TABLE:,} studies match; have the table made by POST /api/exports with the "
            "same parameters, and fetch it when it is done."
        )
    concerning(study.id for study in listed)
    return attachment(as_csv(findings_of(studies, listed)).encode(), FORMATS["csv"].media_type, "studies.csv")


def study_line(page: Page, study: Study, review: Event | None) -> dict[str, Any]:
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
