"""The HTTP interface of questions and comparisons.

``GET /api/studies/<id>/inquiries`` gives what was asked and answered so far. A question or a comparison is answered by
the writer of a worker: it is ``waiting`` at first.
"""

from typing import Any

from flask import Blueprint, Response, jsonify

from core.errors import ChestLensError
from core.plain_text import printable
from core.settings import WRITER_MODES
from core.studies.inquiries import Inquiries
from core.studies.tables import Inquiry, InquiryKind, Study, iso
from core.vlm.pass_settings import PassSettings, SettingError
from core.web.access import person
from core.web.bodies import BadRequestBody, object_of_body
from core.web.errors import NotFound
from core.web.services import services

blueprint = Blueprint("inquiries", __name__, url_prefix="/api/studies/<study_id>")

_LARGEST_BODY = 2**16  # bytes


class NoWriter(ChestLensError):
    """This server rewrites and answers nothing."""

    code = "no_writer"


@blueprint.get("/inquiries")
def index(study_id: str) -> dict[str, Any]:
    """All questions and comparisons, oldest first.

    ``{"has_writer", "inquiries": [{"id", "kind": "question|record|settings", "asked", "asked_by", "asked_at",
    "state": "waiting|done|failed", "answer": {...} | null, "message"}]}``. The answer to a question has ``sentences``
    with the ``findings`` that they cite, ``silent`` where the evidence covers nothing of it, and ``apart``: what the
    model says beside it. A comparison has two ``reports``, their ``differences`` word by word, ``labels_changed`` and
    the codes of one of them only.
    """
    services().studies.find(study_id)
    return {
        "has_writer": services().studies.settings.writer is not None,
        "inquiries": [_inquiry_object(one) for one in _inquiries().of(study_id)],
    }


@blueprint.delete("/inquiries/<int:inquiry_id>")
def remove(study_id: str, inquiry_id: int) -> tuple[str, int]:
    """Remove one question or comparison with its answer; one that waits is not answered any more."""
    services().studies.find(study_id)
    _inquiries().remove(study_id, inquiry_id)
    return "", 204


@blueprint.post("/questions")
def ask(study_id: str) -> tuple[Response, int]:
    """Ask a question about the image: ``{"question"}``. 202 with the inquiry."""
    # What reads an answer has patterns that would take long to compile at the start of a server.
    from core.vlm.question import one_question

    study = _finished(study_id)
    given = _body().get("question")
    question = one_question(printable(given) if isinstance(given, str) else "")
    return _kept(study, "question", {"question": question})


@blueprint.post("/comparisons")
def compare(study_id: str) -> tuple[Response, int]:
    """Write the report twice, with the same draws. 202 with the inquiry.

    ``{"of": "record"}``: from the image alone, and from image and health record. ``{"of": "settings", "settings":
    [{...}, {...}]}``: with two choices of settings, by the names of the structured passes; what a choice leaves out is
    as the server has it. ``"mode": "image"`` lets the model report on its own both times.
    """
    study = _finished(study_id)
    body = _body()
    asked: dict[str, Any] = {"mode": body.get("mode", "evidence")}
    if asked["mode"] not in WRITER_MODES:
        raise BadRequestBody(f"'mode' must be {' or '.join(WRITER_MODES)}.")
    if body.get("of") == "record":
        if services().studies.ehr(study_id) is None:
            raise BadRequestBody("This study has no health record yet; add one first.")
        return _kept(study, "record", asked)
    if body.get("of") != "settings":
        raise BadRequestBody("'of' must be 'record' or 'settings'.")
    choices = body.get("settings")
    if not isinstance(choices, list) or len(choices) != 2:
        raise BadRequestBody("'settings' must be a list of two objects.")
    asked["settings"] = [vars(_settings(one)) for one in choices]
    if asked["settings"][0] == asked["settings"][1]:
        raise BadRequestBody("Both choices of settings are the same; change one of them.")
    return _kept(study, "settings", asked)


def _settings(given: Any) -> PassSettings:
    if not isinstance(given, dict) or not all(isinstance(value, str | int | float) for value in given.values()):
        raise BadRequestBody("Each choice of settings must be an object of values by name.")
    known = vars(PassSettings())
    if unknown := [name for name in given if name not in known]:
        raise SettingError(f"There is no setting {unknown[0][:60]!r}; there are {', '.join(known)}.")
    return PassSettings.of(given)


def _kept(study: Study, kind: InquiryKind, asked: dict[str, Any]) -> tuple[Response, int]:
    if services().studies.settings.writer is None:
        raise NoWriter("This server has no writer that could answer; start it without --writer off.")
    known = person()
    inquiry = _inquiries().ask(study.id, kind, asked, by=known.full_name if known else "")
    return jsonify(_inquiry_object(inquiry)), 202


def _inquiry_object(inquiry: Inquiry) -> dict[str, Any]:
    return {
        "id": inquiry.id,
        "kind": inquiry.kind,
        "asked": inquiry.asked,
        "asked_by": inquiry.asked_by,
        "asked_at": iso(inquiry.created),
        "state": inquiry.state,
        "answer": inquiry.answer,
        "message": inquiry.error_message,
    }


def _inquiries() -> Inquiries:
    studies = services().studies
    return Inquiries(studies.database, studies.jobs)


def _finished(study_id: str) -> Study:
    study = services().studies.find(study_id)
    if study.status != "done":
        raise NotFound(f"This study is {study.status}; there is nothing to ask about yet.")
    return study


def _body() -> dict[str, Any]:
    return object_of_body(_LARGEST_BODY)
