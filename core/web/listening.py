"""The HTTP server under the application: waitress, with errors of its own told as the application tells them.

A body over the limit, headers that are too long and requests that are none are turned away before the application sees
them, and before a body is written to the disk.
"""

import json
import select
import sys

from flask import Flask
from waitress import create_server
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, MultiSocketServer
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge
from waitress.wasyncore import dispatcher

from core.errors import ChestLensError
from core.web.errors import TOO_LARGE

# Browsers and scripts keep connections open between requests, and at the limit nobody else is answered.
_MOST_CONNECTIONS = 2000
# Files, pipes and the database need some of what a process may open.
_OTHER_FILES = 200


class _TellingErrors(ErrorTask):
    """An error under ``/api`` as JSON with a code and a sentence; elsewhere as waitress writes it."""

    def execute(self) -> None:
        error = self.request.error
        if not getattr(self.request, "path", "").startswith("/api"):
            super().execute()
            return
        if isinstance(error, RequestEntityTooLarge):
            told = {"code": "too_large", "message": TOO_LARGE}
        else:
            told = {"code": error.reason.lower().replace(" ", "_"), "message": f"{error.reason}: {error.body}"}
        body = json.dumps({"error": told}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class CannotListen(ChestLensError):
    """The address is taken, or not of this machine."""


class _Channel(HTTPChannel):
    error_task_class = _TellingErrors


def listen(
    app: Flask, *, host: str, port: int, sockets: dict[int, dispatcher] | None = None
) -> BaseWSGIServer | MultiSocketServer:
    """A server that listens, and answers once its ``run`` is called.

    Args:
        app: the application; its ``MAX_CONTENT_LENGTH`` is the server's limit of a body, too.
        host: a name can stand for several addresses, each with a socket of its own.
        port: 0 for any free one.
        sockets: gets what the server listens and answers on, for one that is to be closed again.

    Raises:
        CannotListen: the address is taken or not of this machine.
    """
    sockets = {} if sockets is None else sockets
    try:
        server = create_server(
            app,
            map=sockets,
            host=host,
            port=port,
            threads=8,
            ident="ChestLens",
            max_request_body_size=app.config["MAX_CONTENT_LENGTH"],
            connection_limit=_most_connections(),
            # select(2) knows 1,024 files at most.
            asyncore_use_poll=hasattr(select, "poll"),
        )
    except OSError as error:
        raise CannotListen(f"Cannot listen on {host}, port {port}: {error.strerror}. Choose another --port.") from error
    for listener in sockets.values():
        if isinstance(listener, BaseWSGIServer):
            listener.channel_class = _Channel
    return server


def _most_connections() -> int:
    """Number of connections that may be open at once: those of the limit that the system lets this process have."""
    if sys.platform == "win32":
        return 300  # of the 512 that select knows there
    import resource

    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(100, min(_MOST_CONNECTIONS, allowed - _OTHER_FILES))
