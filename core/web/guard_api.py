"""The guard over HTTP: ``POST /api/guard`` judges any text against its evidence."""

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from core.errors import ChestLensError
from core.web.bodies import object_of_body

blueprint = Blueprint("guard", __name__)

# A report has a few thousand characters, and reading takes time.
_LARGEST_BODY = 200_000  # bytes


@blueprint.post("/api/guard")
def guard() -> ResponseReturnValue:
    """Judge one draft; the body and the answer are those of a line of ``python -m core guard``.

    ``?outside=removed`` takes out what is not checked and adds the text that is left; ``?silent=refused`` refuses
    places and degrees of which the evidence says nothing.
    """
    # Its patterns take as long to compile as all else that a server needs at its start.
    from core.reporting.guard import check_object

    body = object_of_body(_LARGEST_BODY)
    try:
        outside, silent = request.args.get("outside", "shown"), request.args.get("silent", "set_apart")
        return jsonify(check_object(body, outside=outside, silent=silent))  # type: ignore[arg-type]
    except ChestLensError as error:
        return jsonify(error={"code": "bad_draft", "message": str(error)}), 400
