"""Reads files of strangers in child processes with bounded memory and time.

Protocol with ``worker``: the request is 8 bytes of length (big endian) and the file; the answer is 4 bytes of length, a
JSON header of that length, and the float32 pixels in the machine's byte order where the header gives a ``shape``.
Nothing is unpickled, and what the child sends is checked like any input.
"""

import atexit
import contextlib
import json
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from core.imaging.dicom_source import clean_source
from core.imaging.limits import MAX_PIXELS
from core.imaging.radiograph import (
    ImagingError,
    Radiograph,
    RefusedImage,
    TooLarge,
    UnreadableImage,
    UnsupportedType,
)
from core.imaging.reader import check_length

_POOL_SIZE = 2
_START_SECONDS = 120
_MAX_HEADER = 2**20
_ROOT = Path(__file__).resolve().parents[2]
_ERRORS: dict[str, type[ImagingError]] = {
    kind.__name__: kind for kind in (UnreadableImage, TooLarge, UnsupportedType, RefusedImage)
}
# What a Python process needs of the environment; tokens and passwords are none of the child's business.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG")
_OUT_OF_MEMORY = "The image needs more memory to decode than any radiograph; export it again."


class _WorkerEnded(Exception):
    """The child's answer ended early."""


class _Worker:
    """One child process, used by one thread at a time."""

    def __init__(self) -> None:
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.imaging.worker"],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with self._deadline(_START_SECONDS):
            try:
                ready = self._receive_header()
            except _WorkerEnded:
                self.close()
                raise RuntimeError(
                    "The image reader could not start; run `python -m core.imaging.worker` to see why."
                ) from None
        if not ready.get("ready"):
            self.close()
            raise RuntimeError("The image reader gave an unexpected answer; install ChestLens again.")

    def read(self, data: bytes, timeout_s: float) -> Radiograph:
        """Have the child read a file.

        Raises:
            ImagingError: as the child found.
            _WorkerEnded: the child gave no valid answer; it must be closed.
            TimeoutError: it gave none in time and was killed.
        """
        with self._deadline(timeout_s) as expired:
            try:
                self._stream(self._process.stdin).write(struct.pack(">Q", len(data)))
                self._stream(self._process.stdin).write(data)
                self._stream(self._process.stdin).flush()
                return self._receive_radiograph(self._receive_header())
            except (OSError, _WorkerEnded):
                if expired.is_set():
                    raise TimeoutError from None
                raise _WorkerEnded from None

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

    @staticmethod
    def _stream(stream: IO[bytes] | None) -> IO[bytes]:
        if stream is None:
            raise _WorkerEnded
        return stream

    def _receive(self, length: int) -> bytearray:
        buffer = bytearray(length)
        view = memoryview(buffer)
        stream = self._stream(self._process.stdout)
        while view:
            count = stream.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise _WorkerEnded
            view = view[count:]
        return buffer

    def _receive_header(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._receive(4))
        if length > _MAX_HEADER:
            raise _WorkerEnded
        try:
            header = json.loads(self._receive(length))
        except ValueError:
            raise _WorkerEnded from None
        if not isinstance(header, dict):
            raise _WorkerEnded
        return header

    def _receive_radiograph(self, header: dict[str, Any]) -> Radiograph:
        if "error" in header:
            if header["error"] == MemoryError.__name__:
                raise MemoryError
            raise _ERRORS.get(header["error"], UnreadableImage)(str(header.get("message", "")))
        try:
            height, width = (int(side) for side in header["shape"])
            spacing = header["pixel_spacing_mm"]
            facts = {
                "view": header["view"],
                "pixel_spacing_mm": None if spacing is None else (float(spacing[0]), float(spacing[1])),
                "warnings": tuple(str(sentence) for sentence in header["warnings"]),
                "metadata": {str(name): str(value) for name, value in header["metadata"].items()},
                "source": clean_source(header["source"]),
            }
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise _WorkerEnded from None
        if not (height > 0 and width > 0 and height * width <= MAX_PIXELS):
            raise _WorkerEnded
        pixels = np.frombuffer(self._receive(height * width * 4), dtype=np.float32).reshape(height, width)
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            raise _WorkerEnded
        return Radiograph(pixels=pixels, **facts)


class _Pool:
    """A fixed number of places, each with a worker once it was needed."""

    def __init__(self, size: int) -> None:
        self._places: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(size):
            self._places.put(None)

    def read(self, data: bytes, timeout_s: float) -> Radiograph:
        worker = self._places.get()
        try:
            if worker is not None and not worker.alive():
                # Ended between two files, for example by the system's memory killer.
                worker = self._discard(worker)
            if worker is None:
                worker = _Worker()
            return worker.read(data, timeout_s)
        except ImagingError:
            raise
        except TimeoutError:
            worker = self._discard(worker)
            raise UnreadableImage(
                f"The image took longer than {timeout_s:g} seconds to decode; export it again, uncompressed."
            ) from None
        except MemoryError:
            worker = self._discard(worker)
            raise UnreadableImage(_OUT_OF_MEMORY) from None
        except _WorkerEnded:
            worker = self._discard(worker)
            raise UnreadableImage("The image made its decoder fail; export or download it again.") from None
        except BaseException:
            worker = self._discard(worker)
            raise
        finally:
            self._places.put(worker)

    @staticmethod
    def _discard(worker: _Worker | None) -> None:
        if worker is not None:
            worker.close()

    def close(self) -> None:
        """End the workers that are idle; those at work end with their standard input."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._discard(self._places.get_nowait())


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


def read_safely(data: bytes, *, timeout_s: float = 20) -> Radiograph:
    """``read_radiograph`` in a child process with about 1.5 GB of memory and limited time. Thread-safe.

    Args:
        data: the file's bytes.
        timeout_s: seconds that the decoding may take; waiting for a free worker is not counted.

    Raises:
        ImagingError: as ``read_radiograph``; ``UnreadableImage`` also where decoding failed, took too long, or too
            much memory.
        RuntimeError: the child process cannot be started.
    """
    check_length(data)
    return _pool.read(data, timeout_s)
