"""A child process that reads files of strangers: how it is started, asked and ended.

Protocol with ``decoder``: the request is 8 bytes of length, 4 bytes of milliseconds of processor time (big endian) and
the file; the answer is 4 bytes of length, a JSON header of that length, and the pixels in the machine's byte order
where the header gives a ``shape`` and their ``type``. Nothing is unpickled, and what the child sends is checked like
any input.
"""

import contextlib
import json
import logging
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from core.imaging.identifiers import clean_source
from core.imaging.limits import MAX_PIXELS
from core.imaging.radiograph import (
    ImagingError,
    Radiograph,
    RefusedImage,
    TooLarge,
    UnreadableImage,
    UnsupportedType,
)
from core.settings import ROOT

if sys.platform == "linux":
    import fcntl

log = logging.getLogger(__name__)

REQUEST = struct.Struct(">QI")
_START_SECONDS = 120
_MAX_HEADER = 2**20
# The most that Linux lets any user have.
_PIPE_BYTES = 2**20
_ERRORS: dict[str, type[ImagingError]] = {
    kind.__name__: kind for kind in (UnreadableImage, TooLarge, UnsupportedType, RefusedImage)
}
# What a child's answer may hold, see ``read_stored``.
_PIXELS: dict[object, np.dtype[Any]] = {name: np.dtype(name) for name in ("uint8", "float32")}
# What a Python process needs of the environment; tokens and passwords are none of the child's business.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG")
# What the child's timer ends it with; Windows has neither.
_OUT_OF_TIME = getattr(signal, "SIGPROF", 0)
_said: set[str] = set()


class DecoderEnded(Exception):
    """The child's answer ended early."""


class TookTooLong(Exception):
    """The child computed for longer than it may, or gave no answer in time."""


class Decoder:
    """One child process, used by one thread at a time.

    Attributes:
        fresh: whether it has read no file yet.
    """

    def __init__(self) -> None:
        self.fresh = True
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.imaging.decoder"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            close_fds=True,
        )
        _widen(self._process.stdin, self._process.stdout)
        self._started = time.monotonic()
        self._is_ready = False

    def get_ready(self, within_s: float | None = None) -> None:
        """Wait until the child can read files.

        Raises:
            TimeoutError: it needs longer than that, and goes on starting.
            RuntimeError: it cannot start; it must be closed.
        """
        if self._is_ready:
            return
        if within_s is not None and not self._speaks_within(within_s):
            raise TimeoutError
        with self._deadline(max(0.001, self._started + _START_SECONDS - time.monotonic())):
            try:
                ready = self._receive_header()
            except DecoderEnded:
                raise RuntimeError(
                    "The image reader could not start; run `python -m core.imaging.decoder` to see why."
                ) from None
        if not ready.get("ready"):
            raise RuntimeError("The image reader gave an unexpected answer; install ChestLens again.")
        self._is_ready = True
        for sentence in ready.get("unconfined", ()):
            if sentence not in _said:
                _said.add(sentence)
                log.warning("%s", sentence)

    def read(self, data: bytes, *, processor_s: float, clock_s: float) -> Radiograph:
        """Have the child read a file, by ``read_stored``.

        Raises:
            ImagingError: as the child found.
            DecoderEnded: the child gave no valid answer; it must be closed.
            TookTooLong: it took more processor time than it may and has ended.
            TimeoutError: it gave no answer in time and was killed.
        """
        self.fresh = False
        with self._deadline(clock_s) as expired:
            try:
                self._stream(self._process.stdin).write(REQUEST.pack(len(data), max(1, round(1000 * processor_s))))
                self._stream(self._process.stdin).write(data)
                self._stream(self._process.stdin).flush()
                return self._receive_radiograph(self._receive_header())
            except (OSError, DecoderEnded):
                if expired.is_set():
                    raise TimeoutError from None
                if self._process.wait() == -_OUT_OF_TIME:
                    raise TookTooLong from None
                raise DecoderEnded from None

    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """Kill the child and wait for its end."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._process.wait()

    @contextlib.contextmanager
    def _deadline(self, seconds: float) -> Iterator[threading.Event]:
        """Kill the child when the time is over, which ends every wait for it."""
        expired = threading.Event()

        def kill() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            yield expired
        finally:
            timer.cancel()

    def _speaks_within(self, seconds: float) -> bool:
        """Whether it is time to listen to the child: it has said something, or has had all the time of a start."""
        if os.name == "nt" or self._started + _START_SECONDS <= time.monotonic() + seconds:
            return True  # Windows cannot wait for a pipe so
        return bool(select.select([self._stream(self._process.stdout)], [], [], seconds)[0])

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        if stream is None:
            raise DecoderEnded
        return stream

    def _receive(self, length: int) -> bytearray:
        buffer = bytearray(length)
        view = memoryview(buffer)
        stream = self._stream(self._process.stdout)
        while view:
            count = stream.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise DecoderEnded
            view = view[count:]
        return buffer

    def _receive_header(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._receive(4))
        if length > _MAX_HEADER:
            raise DecoderEnded
        try:
            header = json.loads(self._receive(length))
        except ValueError:
            raise DecoderEnded from None
        if not isinstance(header, dict):
            raise DecoderEnded
        return header

    def _receive_radiograph(self, header: dict[str, Any]) -> Radiograph:
        if "error" in header:
            if header["error"] == MemoryError.__name__:
                raise MemoryError
            raise _ERRORS.get(header["error"], UnreadableImage)(str(header.get("message", "")))
        try:
            height, width = (int(side) for side in header["shape"])
            kind = _PIXELS[header["type"]]
            spacing = header["pixel_spacing_mm"]
            facts = {
                "view": header["view"],
                "pixel_spacing_mm": None if spacing is None else (float(spacing[0]), float(spacing[1])),
                "warnings": tuple(str(sentence) for sentence in header["warnings"]),
                "metadata": {str(name): str(value) for name, value in header["metadata"].items()},
                "source": clean_source(header["source"]),
            }
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise DecoderEnded from None
        if not (height > 0 and width > 0 and height * width <= MAX_PIXELS):
            raise DecoderEnded
        pixels = np.frombuffer(self._receive(height * width * kind.itemsize), dtype=kind).reshape(height, width)
        if kind != np.uint8 and not (pixels.min() >= 0 and pixels.max() <= 1):
            raise DecoderEnded
        return Radiograph(pixels=pixels, **facts)


def _widen(*pipes: IO[bytes] | None) -> None:
    """Let pipes hold a large part of an image, so that the two processes need not take turns for each small piece."""
    if sys.platform == "linux":
        for pipe in pipes:
            if pipe is not None:
                # The system may allow a user no more.
                with contextlib.suppress(OSError):
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
