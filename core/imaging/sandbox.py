"""Reads files of strangers in child processes with bounded memory and time, without network, files or processes.

Protocol with ``decoder``: the request is 8 bytes of length, 4 bytes of milliseconds of processor time (big endian) and
the file; the answer is 4 bytes of length, a JSON header of that length, and the float32 pixels in the machine's byte
order where the header gives a ``shape``. Nothing is unpickled, and what the child sends is checked like any input.
"""

import atexit
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
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from core.errors import Busy
from core.imaging.file_kinds import check_length
from core.imaging.identifiers import clean_source
from core.imaging.limits import MAX_PIXELS
from core.imaging.radiograph import (
    ImagingError,
    Radiograph,
    RefusedImage,
    TooLarge,
    UnreadableImage,
    UnsupportedType,
    shares_of_white,
)
from core.settings import ROOT

if sys.platform == "linux":
    import fcntl

log = logging.getLogger(__name__)

REQUEST = struct.Struct(">QI")
# One for the server's own work and one for each of two clients.
_POOL_SIZE = 3
# Requests of one client, and of all, that may wait for a decoder or have one; a server has a few threads more.
_PER_CLIENT = 3
_ALL_CLIENTS = 6
_START_SECONDS = 120
_MAX_HEADER = 2**20
# The most that Linux lets any user have.
_PIPE_BYTES = 2**20
# A child that computes for so long needs longer by the clock where others compute too.
_CLOCK_TO_PROCESSOR = 3
_ERRORS: dict[str, type[ImagingError]] = {
    kind.__name__: kind for kind in (UnreadableImage, TooLarge, UnsupportedType, RefusedImage)
}
# What a child's answer may hold, see ``read_stored``.
_PIXELS: dict[object, np.dtype[Any]] = {name: np.dtype(name) for name in ("uint8", "float32")}
# What a Python process needs of the environment; tokens and passwords are none of the child's business.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG")
_OUT_OF_MEMORY = "The image needs more memory to decode than any radiograph; export it again."
# What the child's timer ends it with; Windows has neither.
_OUT_OF_TIME = getattr(signal, "SIGPROF", 0)
_said: set[str] = set()


class DecodersBusy(Busy):
    """All decoders that the client may have are at work; nothing is known of the file."""

    retry_after_s = 3


class NotDecodedInTime(Busy):
    """The file was being decoded when the answer was due; it may be read by somebody with more time."""

    retry_after_s = 60


class _DecoderEnded(Exception):
    """The child's answer ended early."""


class _TooLong(Exception):
    """The child computed for longer than it may, or gave no answer in time."""


class _Decoder:
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
            except _DecoderEnded:
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
        """Have the child read a file.

        Raises:
            ImagingError: as the child found.
            _DecoderEnded: the child gave no valid answer; it must be closed.
            _TooLong: it took more processor time than it may and has ended.
            TimeoutError: it gave no answer in time and was killed.
        """
        self.fresh = False
        with self._deadline(clock_s) as expired:
            try:
                self._stream(self._process.stdin).write(REQUEST.pack(len(data), max(1, round(1000 * processor_s))))
                self._stream(self._process.stdin).write(data)
                self._stream(self._process.stdin).flush()
                return self._receive_radiograph(self._receive_header())
            except (OSError, _DecoderEnded):
                if expired.is_set():
                    raise TimeoutError from None
                if self._process.wait() == -_OUT_OF_TIME:
                    raise _TooLong from None
                raise _DecoderEnded from None

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
            raise _DecoderEnded
        return stream

    def _receive(self, length: int) -> bytearray:
        buffer = bytearray(length)
        view = memoryview(buffer)
        stream = self._stream(self._process.stdout)
        while view:
            count = stream.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise _DecoderEnded
            view = view[count:]
        return buffer

    def _receive_header(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._receive(4))
        if length > _MAX_HEADER:
            raise _DecoderEnded
        try:
            header = json.loads(self._receive(length))
        except ValueError:
            raise _DecoderEnded from None
        if not isinstance(header, dict):
            raise _DecoderEnded
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
            raise _DecoderEnded from None
        if not (height > 0 and width > 0 and height * width <= MAX_PIXELS):
            raise _DecoderEnded
        values = np.frombuffer(self._receive(height * width * kind.itemsize), dtype=kind)
        pixels = shares_of_white(values.reshape(height, width))
        if kind != np.uint8 and not (pixels.min() >= 0 and pixels.max() <= 1):
            raise _DecoderEnded
        return Radiograph(pixels=pixels, **facts)


def _widen(*pipes: IO[bytes] | None) -> None:
    """Let pipes hold a large part of an image, so that the two processes need not take turns for each small piece."""
    if sys.platform == "linux":
        for pipe in pipes:
            if pipe is not None:
                # The system may allow a user no more.
                with contextlib.suppress(OSError):
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class _Pool:
    """A fixed number of places, each with a decoder once it was needed.

    Whoever names a client waits its turn: no client holds all decoders, and neither one client nor all of them keep
    many of a server's threads waiting.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: list[_Decoder | None] = [None] * size
        self._changed = threading.Condition()
        self._waiting: Counter[str] = Counter()
        self._served: Counter[str] = Counter()

    def read(
        self, data: bytes, timeout_s: float, *, within_s: float | None = None, client: str | None = None
    ) -> Radiograph:
        due = None if within_s is None else time.monotonic() + within_s
        with self._place(within_s, client) as place:
            try:
                try:
                    return place.read(data, timeout_s, due)
                except _DecoderEnded:
                    # Perhaps the system's memory killer, or what earlier files left behind: the file is not blamed yet.
                    return place.read(data, timeout_s, due)
            except _DecoderEnded:
                raise UnreadableImage("The image made its decoder fail; export or download it again.") from None
            except TimeoutError:
                if due is not None:
                    raise NotDecodedInTime("The image takes long to read; send it again in a minute.") from None
                raise _took_longer(timeout_s) from None

    @contextlib.contextmanager
    def _place(self, within_s: float | None, client: str | None) -> Iterator["_Place"]:
        with self._changed:
            if client is not None:
                if self._waiting[client] >= _PER_CLIENT or self._waiting.total() >= _ALL_CLIENTS:
                    raise DecodersBusy("Other images are being read; send this one again in a few seconds.")
                self._waiting[client] += 1
            try:
                if not self._changed.wait_for(lambda: self._may_start(client), within_s):
                    raise DecodersBusy("Other images are being read; send this one again in a few seconds.")
            except BaseException:
                self._leave(client)
                raise
            place = _Place(self._idle.pop())
            if client is not None:
                self._served[client] += 1
        try:
            yield place
        finally:
            with self._changed:
                if client is not None:
                    self._served[client] -= 1
                self._leave(client)
                self._idle.append(place.decoder)
                self._changed.notify_all()

    def _may_start(self, client: str | None) -> bool:
        return bool(self._idle) and (client is None or self._served[client] < max(1, self._size - 1))

    def _leave(self, client: str | None) -> None:
        if client is not None:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client], self._served[client]

    def close(self) -> None:
        """End the decoders that are idle; those at work end with their standard input."""
        with self._changed:
            for decoder in self._idle:
                if decoder is not None:
                    decoder.close()
            self._idle = [None] * len(self._idle)


class _Place:
    """A place in the pool while one file is read in it."""

    def __init__(self, decoder: _Decoder | None) -> None:
        self.decoder = decoder

    def read(self, data: bytes, timeout_s: float, due: float | None) -> Radiograph:
        """Read the file in the decoder that is here, or in a fresh one; one that failed is gone afterwards.

        Args:
            data: the file.
            timeout_s: seconds of processor time for it.
            due: when the answer is needed, by ``time.monotonic``. A decoder that is not ready by then stays, and is
                there for the next file.

        Raises:
            ImagingError: as the decoder found, or it took more time or memory than any radiograph.
            TimeoutError: there was no answer in time.
            _DecoderEnded: the decoder died.
        """
        if self.decoder is not None and not self.decoder.alive():
            self._discard()  # ended between two files
        if self.decoder is None:
            self.decoder = _Decoder()
        try:
            self.decoder.get_ready(None if due is None else _left(due))
        except RuntimeError:
            self._discard()
            raise
        fresh = self.decoder.fresh
        clock_s = _CLOCK_TO_PROCESSOR * timeout_s if due is None else _left(due)
        try:
            return self.decoder.read(data, processor_s=timeout_s, clock_s=clock_s)
        except ImagingError:
            raise
        except _TooLong:
            self._discard()
            raise _took_longer(timeout_s) from None
        except MemoryError:
            self._discard()
            if not fresh:
                raise _DecoderEnded from None
            raise UnreadableImage(_OUT_OF_MEMORY) from None
        except BaseException:
            self._discard()
            raise

    def _discard(self) -> None:
        if self.decoder is not None:
            self.decoder.close()
        self.decoder = None


def _left(due: float) -> float:
    return max(0.001, due - time.monotonic())


def _took_longer(seconds: float) -> UnreadableImage:
    return UnreadableImage(f"The image took longer than {seconds:g} seconds to decode; export it again, uncompressed.")


_pool = _Pool(_POOL_SIZE)


def _close_pool() -> None:
    _pool.close()


def _fresh_pool() -> None:
    """A forked process must not talk to its parent's workers."""
    global _pool
    _pool = _Pool(_POOL_SIZE)


atexit.register(_close_pool)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fresh_pool)


def read_safely(
    data: bytes, *, timeout_s: float = 20, within_s: float | None = None, client: str | None = None
) -> Radiograph:
    """``read_radiograph`` in a child process with about 1.5 GB of memory, limited time and nothing else. Thread-safe.

    Args:
        data: the file's bytes.
        timeout_s: seconds of processor time that the decoding may take.
        within_s: seconds by the clock in which an answer is needed; None waits for a decoder for as long as it takes,
            and for the decoding for three times ``timeout_s``.
        client: who asks, where several do: no client gets all decoders, and only a few of its requests wait for one.

    Raises:
        ImagingError: as ``read_radiograph``; ``UnreadableImage`` also where decoding failed twice, took too much
            processor time, or too much memory.
        DecodersBusy: no decoder was free for this client in time.
        NotDecodedInTime: the time was over before the image was decoded.
        RuntimeError: the child process cannot be started.
    """
    check_length(data)
    return _pool.read(data, timeout_s, within_s=within_s, client=client)
