"""Whether the server is alive, and whether it can take work on."""

import logging
from typing import Any

from flask import Blueprint, Response, jsonify

from core.studies.errors import Unavailable
from core.web.services import services

log = logging.getLogger(__name__)

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> dict[str, Any]:
    """Whether the server answers, with what model, and how many studies wait (null while nobody can say)."""
    try:
        waiting: int | None = services().studies.jobs.waiting()
    except Unavailable:
        waiting = None
    return {"status": "ok", "model": services().model.identity, "queue": waiting}


@blueprint.get("/readyz")
def ready() -> tuple[Response, int]:
    """Whether database, disk, queue and models can be used: 200, or 503 with what cannot."""
    failing: dict[str, str] = {}
    for name, check in services().studies.checks().items():
        if name == "models" and "database" in failing:
            continue  # nothing is known of them
        try:
            check()
        except Unavailable as error:
            failing[name] = str(error)
    response = jsonify(status="unavailable" if failing else "ready", failing=failing)
    if failing:
        response.headers["Retry-After"] = str(Unavailable.retry_after_s)
    return response, 503 if failing else 200
