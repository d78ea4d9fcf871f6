"""The one writer of a worker: its jobs take turns at it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.studies.errors import RewritingFailed

if TYPE_CHECKING:
    from core.vlm.backends import Backend

# No piece of work is put off longer than this for studies that are analysed.
_PUT_OFF_SECONDS = 5.0


class SharedWriter:
    """A writer that is opened when it is first needed, and asked by one thread at a time.

    Args:
        name: of a backend, as ``core.vlm.backends`` takes it.
        others_idle: set while no study waits for this processor; cleared, the writer gives way.

    Raises:
        RewritingFailed: there is no such writer.
    """

    def __init__(self, name: str | Path, others_idle: threading.Event) -> None:
        check_writer(name)
        self._name, self._others_idle = name, others_idle
        self._turn = threading.Lock()
        self._writer: Backend | None = None

    def open(self) -> None:
        """Load the writer, which takes seconds in which much can happen: before any study is taken on.

        Raises:
            WriterError, BackendError: it cannot be opened or reached.
        """
        with self._turn:
            self._opened()

    @contextmanager
    def turn(self) -> Iterator["Backend"]:
        """The writer, for this thread alone until the block ends."""
        with self._turn:
            yield self._opened()

    def _opened(self) -> "Backend":
        from core.vlm.backends import open_backend

        if self._writer is None:
            self._writer = open_backend(self._name)
            self._writer.give_way = lambda: self._others_idle.wait(_PUT_OFF_SECONDS)
        return self._writer


def check_writer(name: str | Path) -> None:
    """Refuse a writer that cannot be opened, as far as that is seen without loading a model.

    Args:
        name: of a backend, as ``core.vlm.backends`` takes it.

    Raises:
        RewritingFailed: its folder holds no model, or its server does not answer.
    """
    from core.vlm.backends import BackendChoice, BackendError, check_backend

    try:
        check_backend(BackendChoice.of(name))
    except BackendError as error:
        raise RewritingFailed(f"{error} Choose another writer, or off for none.") from None
