"""Bodies of requests: texts and JSON, limited and checked."""

import json
from typing import Any, NoReturn

from flask import request

from core.errors import ChestLensError
from core.imaging import TooLarge


class BadRequestBody(ChestLensError):
    """A request whose body says nothing usable: a field is missing, of another kind, or too long."""

    code = "bad_request"


def text_of_body(largest: int) -> str:
    """The body as text.

    Args:
        largest: so many bytes it may have.

    Raises:
        TooLarge: it has more.
    """
    if (request.content_length or 0) > largest:
        raise TooLarge(f"The request is too large; it may have {largest // 1024} kB.")
    return request.get_data(as_text=True)


def object_of_body(largest: int) -> dict[str, Any]:
    """The body as a JSON object (RFC 8259: no NaN and no Infinity), sent as ``application/json``.

    Raises:
        BadRequestBody: it is none, or nested too deeply.
        TooLarge: it has more than ``largest`` bytes.
    """
    text = text_of_body(largest)
    try:
        body = json.loads(text, parse_constant=_refuse) if request.is_json else None
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise BadRequestBody("The request carries no JSON object.")
    return body


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
