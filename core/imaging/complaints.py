"""What decoders written in C say of corrupt data on standard error, which is the only place where some of them say it.

The libjpeg inside gdcm decodes what is left of a broken stream, fills up the rest and prints a warning.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Warnings of libjpeg (jerror.h, JWRN_*) that mean lost pixels; the others are about markers.
LOST_PIXELS = ("Corrupt JPEG data", "Premature end of JPEG", "Inconsistent progression")

_ENOUGH = 2**16
_lock = threading.RLock()
_listening: int | None = None


def listen_from_now_on() -> None:
    """Turn the standard error of this process, for good, into what ``complaints`` gives; for the decoders' process."""
    global _listening
    if _listening is None:
        _listening = _turn_over()


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Give a list that holds, once the block has ended, the lines which were written to standard error meanwhile.

    In a process of its own, see ``listen_from_now_on``, nothing else is caught. In any other, what other threads write
    in these milliseconds is caught too, and passed on.
    """
    lines: list[str] = []
    if _listening is not None:
        _read(_listening)
        try:
            yield lines
        finally:
            lines += _read(_listening).decode(errors="replace").splitlines()
        return
    with _lock:
        sys.stderr.flush()
        before = os.dup(2)
        reading = _turn_over()
        try:
            yield lines
        finally:
            os.dup2(before, 2)
            os.close(before)
            heard = _read(reading)
            os.close(reading)
            lines += heard.decode(errors="replace").splitlines()
            for line in lines:
                if not any(warning in line for warning in LOST_PIXELS):
                    print(line, file=sys.stderr)


def _turn_over() -> int:
    """Put a pipe in the place of standard error; its other end. When it is full, what is written is lost."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    os.dup2(writing, 2)
    os.close(writing)
    return reading


def _read(reading: int) -> bytes:
    heard = b""
    while True:
        try:
            part = os.read(reading, _ENOUGH)
        except BlockingIOError:
            return heard
        if not part:
            return heard
        heard += part
