"""Errors as one plain sentence: JSON under ``/api``, a page elsewhere."""

import errno
import logging

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from core.anatomy import NotAFrontalChest
from core.errors import Busy, ChestLensError
from core.imaging import MAX_FILE_BYTES, ImagingError, RefusedImage, TooLarge, UnreadableImage, UnsupportedType
from core.logs import request_id
from core.studies.errors import KeyReused, NoSuchExport, NoSuchInquiry, NoSuchStudy, Unavailable
from core.web.archives import MAX_ARCHIVE_BYTES

log = logging.getLogger(__name__)

blueprint = Blueprint("errors", __name__)

_STATUS: dict[type[ImagingError], int] = {
    UnreadableImage: 400,
    TooLarge: 413,
    UnsupportedType: 415,
    RefusedImage: 422,
    NotAFrontalChest: 422,
}
TOO_LARGE = (
    f"A radiograph may have up to {MAX_FILE_BYTES // 2**20} MB and a zip archive up to "
    f"{MAX_ARCHIVE_BYTES // 2**20} MB; send less at once."
)
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class NotFound(ChestLensError):
    """What was asked for is not there."""

    code = "not_found"


@blueprint.app_errorhandler(ImagingError)
def imaging_error(error: ImagingError) -> tuple[Response, int]:
    """An upload that cannot be taken."""
    return _answer(_STATUS[type(error)], error.code, str(error))


@blueprint.app_errorhandler(RequestEntityTooLarge)
def request_too_large(_: RequestEntityTooLarge) -> tuple[Response, int]:
    """A request body over a limit: of its bytes, turned away before it is read, or of a form's fields."""
    limit = current_app.config["MAX_CONTENT_LENGTH"]
    if request.content_length is None or request.content_length > limit:
        return _answer(413, "too_large", TOO_LARGE)
    message = (
        f"A request may have up to {request.max_form_parts:,} fields, those of text up to "
        f"{(request.max_form_memory_size or limit) // 1000} kB; send less at once, or a zip archive."
    )
    return _answer(413, "too_large", message)


@blueprint.app_errorhandler(NotFound)
@blueprint.app_errorhandler(NoSuchStudy)
@blueprint.app_errorhandler(NoSuchExport)
@blueprint.app_errorhandler(NoSuchInquiry)
def not_found(error: NotFound | NoSuchStudy | NoSuchExport | NoSuchInquiry) -> tuple[Response, int]:
    """An unknown finding or format; a study that is not there, or not for this person."""
    return _answer(404, error.code, str(error))


@blueprint.app_errorhandler(Busy)
def busy(error: Busy) -> tuple[Response, int]:
    """More work than the server takes on, or what passes by itself."""
    response, status = _answer(503, error.code, str(error))
    response.headers["Retry-After"] = str(error.retry_after_s)
    return response, status


@blueprint.app_errorhandler(OSError)
def system_error(error: OSError) -> tuple[Response, int]:
    """The disk is full or read-only, or a connection is gone, while a request is read; anything else is a bug."""
    if error.errno not in _PASSING:
        return unexpected(error)
    return busy(Unavailable(f"The server cannot store the request: {error.strerror}."))


@blueprint.app_errorhandler(KeyReused)
def key_reused(error: KeyReused) -> tuple[Response, int]:
    """An ``Idempotency-Key`` that stands for another file."""
    return _answer(422, error.code, str(error))


@blueprint.app_errorhandler(ChestLensError)
def bad_request(error: ChestLensError) -> tuple[Response, int]:
    """What cannot be done as asked, where nothing more is known of the kind."""
    return _answer(400, error.code, str(error))


@blueprint.app_errorhandler(HTTPException)
def http_error(error: HTTPException) -> tuple[Response, int]:
    """Everything that Flask itself turns away."""
    if isinstance(error.response, Response):
        return error.response, error.response.status_code
    sentences = {
        404: "There is nothing at this address.",
        405: "This address does not take that kind of request.",
    }
    status = error.code or 500
    # Errors of ours bring their own sentence; those of the framework are written for developers.
    told = error.description if type(error).__module__.startswith("core.") else None
    message = told or sentences.get(status, str(error.name))
    response, status = _answer(status, (error.name or "error").lower().replace(" ", "_"), message)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="ChestLens"'
    return response, status


@blueprint.app_errorhandler(Exception)
def unexpected(error: Exception) -> tuple[Response, int]:
    """A fault of ours: logged in full, told in a sentence with the number by which the log names the request."""
    log.error("unexpected error at %s %s", request.method, request.endpoint, exc_info=error)
    message = f"Something failed inside ChestLens; the server's log says what, at the request {request_id.get()}."
    return _answer(500, "internal", message, request_id=request_id.get() or "-")


def _answer(status: int, code: str, message: str, **facts: str) -> tuple[Response, int]:
    if request.path.startswith("/api"):
        return jsonify(error={"code": code, "message": message, **facts}), status
    page = render_template(
        "pages/error.html", status=status, title=code.replace("_", " ").capitalize(), message=message
    )
    return Response(page, mimetype="text/html"), status
