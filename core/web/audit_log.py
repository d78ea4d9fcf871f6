"""The audit log for admins, as a page and over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request, url_for

from core.studies.audit import LONGEST_PAGE, Search
from core.studies.tables import AuditEntry, iso
from core.studies.worklist import BadQuery, number
from core.web.services import services

blueprint = Blueprint("audit", __name__)


@blueprint.get("/audit")
def page() -> str:
    """The audit log as a page."""
    search = _search()
    found = services().audit.find(search)
    return render_template(
        "pages/audit.html",
        entries=found,
        search=search,
        older=_older("audit.page", search, found),
        actions=services().audit.actions(),
        people=services().accounts.all(),
    )


@blueprint.get("/api/audit")
def entries() -> dict[str, Any]:
    """The audit log, latest first: ``{"entries": [{"id", "time", "actor", "action", "study", "detail"}], "older"}``.

    ``actor``, ``action``, ``study``, ``since`` and ``until`` (days, or moments as ISO 8601) search, ``limit`` (up to
    200) and ``before`` (an ``id``) leaf through; ``older`` is the address of the entries before, or null.
    """
    search = _search()
    found = services().audit.find(search)
    return {
        "entries": [
            {
                "id": entry.id,
                "time": iso(entry.time),
                "actor": entry.actor,
                "action": entry.action,
                "study": entry.study_id,
                "detail": entry.detail,
            }
            for entry in found
        ],
        "older": _older("audit.entries", search, found),
    }


def _older(endpoint: str, search: Search, entries: list[AuditEntry]) -> str | None:
    """Address of the entries before these, if there may be any."""
    if len(entries) < search.limit:
        return None
    asked: dict[str, Any] = request.args.to_dict() | {"before": entries[-1].id}
    return url_for(endpoint, **asked)


def _search() -> Search:
    asked = request.args
    return Search(
        actor=asked.get("actor") or None,
        action=asked.get("action") or None,
        study_id=asked.get("study") or None,
        since=_moment("since"),
        # A day as the end is meant with all its hours.
        until=_moment("until", whole_day=True),
        before=number(asked, "before", None, lowest=1, highest=2**31 - 1),
        limit=number(asked, "limit", 50, lowest=1, highest=LONGEST_PAGE),
    )


def _moment(name: str, *, whole_day: bool = False) -> datetime | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(f"The parameter {name} must be a day such as 2026-01-31, or a moment as ISO 8601.") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment + timedelta(days=1) if whole_day and len(text) == len("2026-01-31") else moment
