"""Reads files of strangers in child processes with bounded memory and time, without network, files or processes.

A fixed number of children is shared by all that read; see ``decoder_process`` for one of them.
"""

import atexit
import contextlib
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from core.errors import Busy
from core.imaging.decoder_process import Decoder, DecoderEnded, TookTooLong
from core.imaging.file_kinds import check_length
from core.imaging.radiograph import ImagingError, Radiograph, UnreadableImage, shares_of_white

# One for the server's own work and one for each of two clients.
_POOL_SIZE = 3
# Requests of one client, and of all, that may wait for a decoder or have one; a server has a few threads more.
_PER_CLIENT = 3
_ALL_CLIENTS = 6
# A child that computes for so long needs longer by the clock where others compute too.
_CLOCK_TO_PROCESSOR = 3
_OUT_OF_MEMORY = "The image needs more memory to decode than any radiograph; export it again."


class DecodersBusy(Busy):
    """All decoders that the client may have are at work; nothing is known of the file."""

    retry_after_s = 3


class NotDecodedInTime(Busy):
    """The file was being decoded when the answer was due; it may be read by somebody with more time."""

    retry_after_s = 60


class _Pool:
    """A fixed number of places, each with a decoder once it was needed.

    Whoever names a client waits its turn: no client holds all decoders, and neither one client nor all of them keep
    many of a server's threads waiting.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._idle: list[Decoder | None] = [None] * size
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
                except DecoderEnded:
                    # Perhaps the system's memory killer, or what earlier files left behind: the file is not blamed yet.
                    return place.read(data, timeout_s, due)
            except DecoderEnded:
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

    def __init__(self, decoder: Decoder | None) -> None:
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
            DecoderEnded: the decoder died.
        """
        if self.decoder is not None and not self.decoder.alive():
            self._discard()  # ended between two files
        if self.decoder is None:
            self.decoder = Decoder()
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
        except TookTooLong:
            self._discard()
            raise _took_longer(timeout_s) from None
        except MemoryError:
            self._discard()
            if not fresh:
                raise DecoderEnded from None
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
    data: bytes,
    *,
    timeout_s: float = 20,
    within_s: float | None = None,
    client: str | None = None,
    as_stored: bool = False,
) -> Radiograph:
    """``read_radiograph`` in a child process with about 1.5 GB of memory, limited time and nothing else. Thread-safe.

    Args:
        data: the file's bytes.
        timeout_s: seconds of processor time that the decoding may take.
        within_s: seconds by the clock in which an answer is needed; None waits for a decoder for as long as it takes,
            and for the decoding for three times ``timeout_s``.
        client: who asks, where several do: no client gets all decoders, and only a few of its requests wait for one.
        as_stored: give the pixels as ``read_stored`` does, for those who only shrink them.

    Raises:
        ImagingError: as ``read_radiograph``; ``UnreadableImage`` also where decoding failed twice, took too much
            processor time, or too much memory.
        DecodersBusy: no decoder was free for this client in time.
        NotDecodedInTime: the time was over before the image was decoded.
        RuntimeError: the child process cannot be started.
    """
    check_length(data)
    radiograph = _pool.read(data, timeout_s, within_s=within_s, client=client)
    return radiograph if as_stored else replace(radiograph, pixels=shares_of_white(radiograph.pixels))
