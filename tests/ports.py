"""Ports for servers that tests start in processes of their own."""

import random
import socket
from contextlib import suppress


def free_port() -> int:
    """A port that nobody listens on.

    It lies below those that the system takes for outgoing connections (32768 and up, ip(7)): one of these could take
    the port before the server does, or while it is started again.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
