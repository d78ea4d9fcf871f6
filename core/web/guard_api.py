"""The guard over HTTP: ``POST /api/guard`` judges any text against its evidence."""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from core.errors import ChestLensError

blueprint = Blueprint("guard", __name__)

# A report has a few thousand characters, and reading takes time.
_LONGEST = 200_000


@blueprint.post("/api/guard")
def guard() -> ResponseReturnValue:
    """Judge one draft; the body and the answer are those of a line of ``python -m core guard``.

    ``?outside=removed`` takes out what is not checked and adds the text that is left; ``?silent=refused`` refuses
    places and degrees of which the evidence says nothing.
    """
    # Its patterns take as long to compile as all else that a server needs at its start.
    from core.reporting.guard import check_object

    if (request.content_length or 0) > _LONGEST:
        return _refused(413, "too_large", f"A draft may have up to {_LONGEST:,} bytes.")
    body: Any = request.get_json(silent=True)
    if body is None:
        return _refused(400, "bad_draft", "The body should be a JSON object with evidence, findings and impression.")
    try:
        outside, silent = request.args.get("outside", "shown"), request.args.get("silent", "set_apart")
        return jsonify(check_object(body, outside=outside, silent=silent))  # type: ignore[arg-type]
    except ChestLensError as error:
        return _refused(400, "bad_draft", str(error))


def _refused(status: int, code: str, message: str) -> ResponseReturnValue:
    return jsonify(error={"code": code, "message": message}), status
