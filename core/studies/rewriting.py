"""The second worker: takes finished studies from the template's report to a rewritten one, one after another.

A study is done, and complete, before its rewrite begins. Whatever goes wrong here leaves the template standing.
"""

import json
import logging
import os
import queue
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.anatomy import put_upright
from core.imaging import Radiograph, read_safely
from core.reporting import Report
from core.reporting.exports.plain import report_object
from core.reporting.storage import restore_report, store_rewrite
from core.studies.store import Store

if TYPE_CHECKING:
    from core.vlm.prompts import Style
    from core.vlm.writer import Writer

log = logging.getLogger(__name__)

# Studies that are looked at after a start, for those whose rewrite was cut off.
_LOOKED_AT = 200
# Of 0 to 19: a study that waits for its result goes before a report that is there and reworded.
_GIVES_WAY = 15
_OFF: dict[str, Any] = {
    "status": "off",
    "message": None,
    "seconds": None,
    "partial": [],
    "verdict": None,
    "model": None,
    "worded": None,
    "reasoning": None,
    "reasoning_by_rule": False,
}


class Rewriter:
    """A thread that rewrites reports in the order in which their studies were finished.

    Args:
        store: the studies.
        folder: of the writer; None switches rewriting off.
        reasoning: whether the writer writes ten reasoning steps before each report.
    """

    def __init__(self, store: Store, folder: Path | None, *, reasoning: bool = False) -> None:
        self._store = store
        self._folder = folder
        self._style: Style = "reasoning" if reasoning else "report"
        self._queue: queue.Queue[tuple[str, Radiograph | None] | None] = queue.Queue()
        self._partial: dict[str, tuple[str, ...]] = {}
        self._writer: Writer | None = None
        self._thread = threading.Thread(target=self._run, name="rewriting", daemon=True)
        if folder is not None:
            for study_id in store.latest_done(_LOOKED_AT):
                self._queue.put((study_id, None))
            self._thread.start()

    def submit(self, study_id: str, radiograph: Radiograph) -> None:
        """Queue a finished study."""
        if self._folder is not None:
            # Only the next few keep their pixels in memory.
            self._queue.put((study_id, radiograph if self._queue.qsize() < 4 else None))

    def state(self, study_id: str) -> dict[str, Any]:
        """The ``rewrite`` part of ``GET /api/studies/<id>`` for a finished study that was not rewritten yet."""
        if self._folder is None:
            return _OFF
        partial = self._partial.get(study_id)
        return _OFF | ({"status": "waiting"} if partial is None else {"status": "writing", "partial": list(partial)})

    def stop(self) -> None:
        """Finish the report in hand and end the thread; the rest is taken up again at the next start."""
        if self._folder is None:
            return
        with self._queue.mutex:
            self._queue.queue.clear()
        self._queue.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        _give_way()
        while (item := self._queue.get()) is not None:
            study_id, radiograph = item
            try:
                self._rewrite(study_id, radiograph)
            except FileNotFoundError:
                # Deleted meanwhile, or of an earlier version that stored no evidence.
                log.info("the report of study %s was not rewritten: its files are gone", study_id)
            except Exception as error:
                # One study must never take the thread down with it.
                log.exception("the report of study %s could not be rewritten", study_id)
                self._fail(study_id, error)
            finally:
                self._partial.pop(study_id, None)

    def _rewrite(self, study_id: str, radiograph: Radiograph | None) -> None:
        folder = self._store.path(study_id)
        if "rewrite" in json.loads((folder / "result.json").read_text()):
            return
        # transformers takes seconds to import and the model to load; the server answers meanwhile.
        from core.vlm.generation import rewrite_as_object
        from core.vlm.pictures import picture_of
        from core.vlm.rewrite import rewrite
        from core.vlm.writer import Writer

        if self._writer is None:
            self._writer = Writer(self._folder or "")
        evidence, _ = restore_report(folder, template=True)
        if radiograph is None:
            radiograph = put_upright(read_safely(self._store.upload(study_id).read_bytes()), evidence.gate)
        self._partial[study_id] = ()
        written = rewrite(
            picture_of(radiograph),
            evidence,
            self._writer,
            style=self._style,
            on_sentences=lambda sentences: self._partial.update({study_id: sentences}),
        )
        if written.report.source == "vlm":
            store_rewrite(folder, written.report)
        _keep(folder, written.report, rewrite_as_object(written))

    def _fail(self, study_id: str, error: Exception) -> None:
        # What goes wrong on purpose is a ValueError of ours, with a sentence for people.
        message = str(error) if isinstance(error, ValueError) else "The server's log says why."
        state = _OFF | {"status": "failed", "message": f"The report could not be rewritten. {message}"}
        try:
            _keep(self._store.path(study_id), None, state)
        except OSError:
            log.exception("study %s could not be marked", study_id)


def _give_way() -> None:
    """Let this thread, and those that its libraries start, take only what the analysis leaves of the processor."""
    if sys.platform == "linux":  # where a thread has a priority of its own (sched(7))
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GIVES_WAY)


def _keep(folder: Path, report: Report | None, state: dict[str, Any]) -> None:
    """Add the rewritten report, if one may be shown, and how it came about to what the page reads."""
    result = json.loads((folder / "result.json").read_text())
    rewritten = report_object(report) if report is not None and report.source == "vlm" else None
    result["reports"] = {"template": result["report"], "vlm": rewritten}
    result["report"] = rewritten or result["report"]
    result["rewrite"] = state
    partial = folder / "result.json.partial"
    partial.write_text(json.dumps(result))
    os.replace(partial, folder / "result.json")
