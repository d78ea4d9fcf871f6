"""Logs of the server and its workers: lines for people on a terminal, one JSON object a line elsewhere.

Nothing that came out of a file is logged: libraries quote what they stumble over, which may be a patient's name, so
that their words are left out, and of their exceptions the kind and the place remain.
"""

import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from core.errors import ChestLensError

FORMS = ("text", "json")
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Names the request that is being answered, so that its lines are found; None outside of one."""

# These speak of connections and tasks, not of what files hold.
_SPEAKING = frozenset({"core", "app", "__main__", "waitress", "gunicorn", "huey"})


def set_up(form: str | None = None, *, level: int = logging.INFO) -> None:
    """Send all logs of this process to stderr.

    Args:
        form: ``text`` or ``json``; None for text on a terminal and JSON elsewhere.
        level: of our own lines; libraries are heard from warnings on.
    """
    handler = logging.StreamHandler()
    is_text = (form or ("text" if sys.stderr.isatty() else "json")) == "text"
    handler.setFormatter(_TextFormatter() if is_text else _JsonFormatter())
    handler.addFilter(_complete)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _SPEAKING:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)


def _complete(record: logging.LogRecord) -> bool:
    """Name the request, and take out the words of a library."""
    record.request_id = request_id.get()
    if record.name.partition(".")[0] not in _SPEAKING:
        record.msg, record.args = "(the words of a library are left out: they may quote a file)", None
    return True


class _TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        named = getattr(record, "request_id", None)
        return super().formatMessage(record) + (f" [request {named}]" if named else "")

    def formatException(self, ei: Any) -> str:
        return describe(ei[1])


class _JsonFormatter(JsonFormatter):
    """``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``, ``request_id``, and what a line adds."""

    def __init__(self) -> None:
        names = {"asctime": "time", "levelname": "level", "name": "logger"}
        super().__init__(["asctime", "levelname", "name", "message", "request_id"], rename_fields=names)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def formatException(self, ei: Any) -> str:
        return describe(ei[1])


def describe(error: BaseException | None) -> str:
    """The traceback of an exception and of those that led to it, the first one first.

    What an exception says is given if it is a sentence of ours, or the system's on a file; else its kind alone.
    """
    parts: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{_kind(error)}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nand then:\n\n".join(reversed(parts))


def _kind(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, ChestLensError):
        return f"{kind}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}"
    return kind
