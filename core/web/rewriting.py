"""The second worker: takes finished studies from the template's report to a rewritten one, at their own pace.

A study is done, and complete, before its rewrite begins. Whatever goes wrong here leaves the template's report standing.
"""

import logging
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.imaging import Radiograph, read_safely
from core.reporting.storage import restore_report, restore_rewrite, store_rewrite
from core.web.store import Store

if TYPE_CHECKING:
    from core.vlm.writer import Writer

log = logging.getLogger(__name__)

_OFF: dict[str, Any] = {
    "status": "off",
    "message": None,
    "seconds": None,
    "partial": [],
    "verdict": None,
    "model": None,
    "reasoning": None,
}


class Rewriter:
    """A thread that rewrites reports in the order in which their studies were finished.

    Args:
        store: the studies.
        folder: of the writer; None switches rewriting off.
    """

    def __init__(self, store: Store, folder: Path | None) -> None:
        self._store = store
        self._folder = folder
        self._queue: queue.Queue[tuple[str, Radiograph | None] | None] = queue.Queue()
        self._partial: dict[str, tuple[str, ...]] = {}
        self._writer: Writer | None = None
        self._thread = threading.Thread(target=self._run, name="rewriting", daemon=True)
        if folder is not None:
            for study_id in store.to_rewrite():
                self._queue.put((study_id, None))
            self._thread.start()

    def submit(self, study_id: str, radiograph: Radiograph) -> None:
        """Queue a finished study."""
        if self._folder is not None:
            # Only the next few keep their pixels in memory.
            self._queue.put((study_id, radiograph if self._queue.qsize() < 4 else None))

    def state(self, study_id: str) -> dict[str, Any]:
        """The ``rewrite`` part of ``GET /api/studies/<id>`` for a finished study."""
        stored = restore_rewrite(self._store.path(study_id))
        if stored is not None:
            return _OFF | stored[1]
        if self._folder is None:
            return _OFF
        if study_id in self._partial:
            return _OFF | {"status": "writing", "partial": list(self._partial[study_id])}
        return _OFF | {"status": "waiting"}

    def stop(self) -> None:
        """Finish the report in hand and end the thread; the rest is taken up again at the next start."""
        if self._folder is None:
            return
        with self._queue.mutex:
            self._queue.queue.clear()
        self._queue.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            study_id, radiograph = item
            try:
                self._rewrite(study_id, radiograph)
            except Exception as error:
                # One study must never take the thread down with it.
                log.exception("the report of study %s could not be rewritten", study_id)
                self._fail(study_id, error)
            finally:
                self._partial.pop(study_id, None)

    def _rewrite(self, study_id: str, radiograph: Radiograph | None) -> None:
        # transformers takes seconds to import and the model to load; the server answers meanwhile.
        from core.vlm.generation import rewrite_as_object
        from core.vlm.pictures import picture_of
        from core.vlm.rewrite import rewrite
        from core.vlm.writer import Writer

        folder = self._store.path(study_id)
        if self._store.get(study_id) is None:
            return  # deleted while it waited
        if self._writer is None:
            self._writer = Writer(self._folder or "")
        evidence, template = restore_report(folder, template=True)
        if radiograph is None:
            radiograph = read_safely(self._store.upload(study_id).read_bytes())
        self._partial[study_id] = ()
        written = rewrite(
            picture_of(radiograph),
            evidence,
            template,
            self._writer,
            on_sentences=lambda sentences: self._partial.update({study_id: sentences}),
        )
        if self._store.get(study_id) is not None:
            store_rewrite(folder, written.report, rewrite_as_object(written))

    def _fail(self, study_id: str, error: Exception) -> None:
        folder = self._store.path(study_id)
        if folder.is_dir():
            # What is wrong on purpose is a ValueError of ours, with a sentence for people.
            message = str(error) if isinstance(error, ValueError) else "The server's log says why."
            text = f"The report could not be rewritten; the template's stands. {message}"
            store_rewrite(folder, None, _OFF | {"status": "failed", "message": text})
