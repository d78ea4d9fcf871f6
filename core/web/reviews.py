"""The HTTP interface of reviews.

Every text is sent with the ``revision`` that it was edited from, the number of the record's last entry then. Where the
record has gone on, nothing is overwritten: the answer is 409 with the code ``conflict`` and the review as it stands.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, jsonify
from werkzeug.utils import secure_filename

from core import DISCLAIMER
from core.plain_text import printable
from core.reporting.exports.plain import report_object
from core.reporting.report import SECTIONS
from core.reporting.review import disagreements, reviewed_report
from core.studies.reviews.desk import EDITABLE, Desk, NotPossible, Standing
from core.studies.reviews.record import first_fault
from core.studies.reviews.store import OutOfDate
from core.studies.tables import iso
from core.web.access import person
from core.web.bodies import BadRequestBody, object_of_body
from core.web.errors import NotFound
from core.web.services import services

blueprint = Blueprint("reviews", __name__, url_prefix="/api/studies/<study_id>")

_LARGEST_BODY = 2**19  # bytes, enough for both sections at their longest
_LONGEST_TEXT = 20_000
_LONGEST_NAME = 64
_LONGEST_REASON = 500
_CHANGED = "The report was changed elsewhere in the meantime. Nothing was overwritten; both texts are kept."
_HOW = (
    "Each digest is SHA-256, in hexadecimal, over the digest before (64 zeros for the first) followed by the content "
    "as JSON with sorted keys, without spaces, in UTF-8."
)


Answer = dict[str, Any] | tuple[Response, int]


def _answering_conflicts(view: Callable[[Desk], None]) -> Callable[[str], Answer]:
    """A view that changes a review: it answers with the review, or with 409, the reason, and the review as it is."""

    @wraps(view)
    def answer(study_id: str) -> Answer:
        desk = _desk(study_id)
        try:
            view(desk)
        except OutOfDate:
            error = {"code": "conflict", "message": _CHANGED}
        except NotPossible as reason:
            error = {"code": reason.code, "message": str(reason)}
        else:
            return _review_object(desk)
        return jsonify(error=error, review=_review_object(_desk(study_id))), 409

    return answer


@blueprint.get("/review")
def read(study_id: str) -> dict[str, Any]:
    """The review as it stands.

    ``{"state": "draft|edited|signed", "version", "revision", "text": {"findings", "impression"}, "report": {...},
    "base": {...}, "draft": "template|vlm", "saved_at", "signed_by", "signed_at",
    "reopened": {"by", "at", "reason"} | null,
    "record": {"intact", "problem", "entries": [{"number", "version", "kind", "author", "reason", "time"}]}}``.
    ``report`` is the text as a report whose sentences name their findings; differences are shown against ``base``.
    """
    return _review_object(_desk(study_id))


@blueprint.put("/review")
@_answering_conflicts
def save(desk: Desk) -> None:
    """Save a text: ``{"revision", "text": {"findings", "impression"}, "draft": "template|vlm", "author"?}``.

    The answer is that of ``GET``, or 409 with ``conflict`` or ``signed`` and the review in ``review``.
    """
    body = _body()
    desk.save(_revision(body), _text(body), _source(body), _name(body, "author", required=False))


@blueprint.post("/review/sign")
@_answering_conflicts
def sign(desk: Desk) -> None:
    """Sign a text: the fields of ``PUT``, and the reviewer's ``name`` for ``author``. Answers as ``PUT`` does.

    Where people sign in, the name is that of the person, whatever is sent.
    """
    body = _body()
    desk.sign(_revision(body), _text(body), _source(body), _name(body, "name"))


@blueprint.post("/review/reopen")
@_answering_conflicts
def reopen(desk: Desk) -> None:
    """Begin the next version: ``{"revision", "name", "reason"}``. 409 with ``not_signed`` or ``conflict``."""
    body = _body()
    desk.reopen(_revision(body), _name(body, "name"), _line(body, "reason", _LONGEST_REASON))


@blueprint.post("/review/check")
def check(study_id: str) -> dict[str, Any]:
    """What a text says against the evidence: ``{"text": {...}}`` gives ``{"notes": [{"finding", "says", "message"}]}``.

    ``says`` is present, uncertain, absent or not mentioned.
    """
    text = _text(_body())
    desk = _desk(study_id)
    return {
        "notes": [
            {"finding": item.finding.finding.name, "says": item.says, "message": item.message}
            for item in disagreements(text, desk.draft, desk.evidence)
        ]
    }


@blueprint.get("/review/versions")
def versions(study_id: str) -> dict[str, Any]:
    """Every version of the report, oldest first, each with the text that was signed or, in the last, that stands.

    ``{"versions": [{"version", "state", "text": {"findings", "impression"}, "by", "at"}]}``; before the first edit
    there is the draft alone, as version 1.
    """
    desk = _desk(study_id)
    last = {entry.version: entry for entry in desk.events}
    if not last:
        return {"versions": [{"version": 1, "state": "draft", "text": _written(desk.standing().text)}]}
    return {
        "versions": [
            {
                "version": version,
                "state": "signed" if entry.kind == "sign" else "edited",
                "text": _written(entry.text),
                "by": entry.author,
                "at": iso(entry.time),
            }
            for version, entry in last.items()
        ]
    }


@blueprint.get("/record.json")
def record(study_id: str) -> Response:
    """Download the record with all that is needed to verify it elsewhere."""
    desk = _desk(study_id)
    fault = first_fault(desk.events)
    stem = secure_filename(services().studies.find(study_id).filename.rsplit(".", 1)[0])
    content = {
        "study": study_id,
        "intact": fault is None,
        "problem": fault,
        "how": _HOW,
        "disclaimer": DISCLAIMER,
        "events": [
            {"content": entry.content(), "previous": entry.previous, "digest": entry.digest} for entry in desk.events
        ],
    }
    response = Response(json.dumps(content, indent=2, ensure_ascii=False) + "\n", mimetype="application/json")
    response.headers.set("Content-Disposition", "attachment", filename=f"{stem or study_id}-record.json")
    return response


def _desk(study_id: str) -> Desk:
    study = services().studies.find(study_id)
    if study.status != "done":
        raise NotFound(f"This study is {study.status}; it has no report yet.")
    return services().desk(study_id)


def _review_object(desk: Desk) -> dict[str, Any]:
    standing: Standing = desk.standing()
    fault = first_fault(desk.events)
    report = report_object(reviewed_report(standing.text, desk.draft))
    reopened = standing.reopened
    return {
        "state": standing.state,
        "version": standing.version,
        "revision": standing.revision,
        "text": _written(standing.text),
        # A report joins its sentences by spaces; the reviewer's own lines stand as they were written.
        "report": report | {section: standing.text[section] for section in SECTIONS},
        "base": _written(standing.base),
        "draft": standing.source,
        "saved_at": iso(desk.events[-1].time) if desk.events else None,
        "signed_by": standing.signed.author if standing.signed else None,
        "signed_at": iso(standing.signed.time) if standing.signed else None,
        "reopened": {"by": reopened.author, "at": iso(reopened.time), "reason": reopened.reason} if reopened else None,
        "record": {
            "intact": fault is None,
            "problem": fault,
            "entries": [
                {
                    "number": entry.number,
                    "version": entry.version,
                    "kind": entry.kind,
                    "author": entry.author,
                    "reason": entry.reason,
                    "time": iso(entry.time),
                }
                for entry in desk.events
            ],
        },
    }


def _written(text: dict[str, str]) -> dict[str, str]:
    return {section: text[section] for section in EDITABLE}


def _body() -> dict[str, Any]:
    return object_of_body(_LARGEST_BODY)


def _revision(body: dict[str, Any]) -> int:
    revision = body.get("revision")
    if type(revision) is not int or revision < 0:
        raise BadRequestBody("'revision' must be the whole number that GET .../review gave.")
    return revision


def _source(body: dict[str, Any]) -> Any:
    source = body.get("draft", "template")
    if source not in ("template", "vlm"):
        raise BadRequestBody("'draft' must be 'template' or 'vlm'.")
    return source


def _text(body: dict[str, Any]) -> dict[str, str]:
    """Findings and Impression without the control characters that no format can carry."""
    text = body.get("text")
    if not isinstance(text, dict) or not all(isinstance(text.get(section), str) for section in EDITABLE):
        raise BadRequestBody(f"'text' must hold the texts {' and '.join(EDITABLE)}.")
    if any(len(text[section]) > _LONGEST_TEXT for section in EDITABLE):
        raise BadRequestBody(f"A section may have {_LONGEST_TEXT} characters at most; shorten it.")
    return {section: _clean(text[section]) for section in EDITABLE}


def _name(body: dict[str, Any], field: str, *, required: bool = True) -> str:
    """Who writes: the person who has signed in or, where nobody has to, the name that was given."""
    known = person()
    return known.full_name if known else _line(body, field, _LONGEST_NAME, required=required)


def _line(body: dict[str, Any], field: str, longest: int, *, required: bool = True) -> str:
    value = body.get(field, "")
    value = " ".join(_clean(value).split()) if isinstance(value, str) else ""
    if required and not value:
        raise BadRequestBody(f"'{field}' must not be empty.")
    if len(value) > longest:
        raise BadRequestBody(f"'{field}' may have {longest} characters at most; shorten it.")
    return value


def _clean(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    # Half of a surrogate pair is printable to nobody and cannot be stored.
    return printable(lines, keep="\n")
