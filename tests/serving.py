"""A server that a test runs in a thread of its own process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flask import Flask
from waitress import wasyncore
from waitress.server import BaseWSGIServer

from core.web.listening import listen


@contextmanager
def serving(application: Flask) -> Iterator[int]:
    """The port at which the application answers meanwhile."""
    sockets: dict[int, wasyncore.dispatcher] = {}
    server = listen(application, host="127.0.0.1", port=0, sockets=sockets)
    assert isinstance(server, BaseWSGIServer)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield int(server.effective_port)
    server.task_dispatcher.shutdown()
    # Its own thread closes the sockets: closed by another, they fail the select() that waits for them. A request that
    # ends just then wakes that thread as well, and what it was to be woken by is closed already.
    with suppress(OSError):
        server.trigger.pull_trigger(lambda: wasyncore.close_all(sockets))
    thread.join(timeout=10)
    assert not thread.is_alive(), "the server did not stop"
