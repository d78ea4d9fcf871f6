"""The in-process worker: takes queued studies one after another from upload to report."""

import itertools
import json
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from core.anatomy import Admitted, admit
from core.classifier import Classifier
from core.classifier.policies import DEFAULT_POLICY
from core.errors import Busy
from core.imaging import ImagingError, Radiograph, read_safely
from core.reporting import Assessment, as_object, assess
from core.reporting.overlay import radiograph_png
from core.reporting.storage import store
from core.studies.pixels import write_pixels
from core.studies.store import Store
from core.studies.worklist import record

log = logging.getLogger(__name__)

# The ordinary picture is for the list, for programs and for printing; the viewer has every grey value.
_DISPLAY_SIDE = 2048


class QueueFull(Busy):
    """Too many studies are waiting."""


@dataclass(order=True)
class _Job:
    """A study in the queue; lower ``place`` and ``number`` come first. No ``study_id`` ends the worker."""

    place: int
    number: int
    study_id: str = field(compare=False, default="")
    admitted: Admitted | None = field(compare=False, default=None)


_STOP, _SINGLE, _BATCH = range(3)


class Worker:
    """A thread that analyses studies in the order of their arrival, those of a batch after those sent one by one.

    Studies left unfinished by an earlier run of the server are taken up again as a batch.

    Args:
        store: the studies.
        classifier: shared with nobody else that needs its memory.
        policy: by which findings are called.
        queue_limit: studies sent one by one that may wait, and studies of batches from which on no further batch is
            taken. A batch that was taken waits as a whole: its files are stored, and only their ids are held here.
        on_done: is told of each study that was finished.
    """

    def __init__(
        self,
        store: Store,
        classifier: Classifier,
        *,
        policy: str = DEFAULT_POLICY,
        queue_limit: int,
        on_done: Callable[[str, Radiograph], None] = lambda study_id, radiograph: None,
    ) -> None:
        self._store = store
        self._classifier, self._policy = classifier, policy
        self._queue: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._limit = queue_limit
        self._on_done = on_done
        for study_id in store.unfinished():
            self._put(_BATCH, study_id)
        self._thread = threading.Thread(target=self._run, name="analysis", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Number of studies in the queue."""
        return self._queue.qsize()

    def check_room(self, *, batch: bool = False) -> None:
        """Raises ``QueueFull`` when no more studies should be taken, or no more batches."""
        waiting = self._in_place(_BATCH if batch else _SINGLE)
        if waiting >= self._limit:
            raise QueueFull(f"{waiting} studies are waiting; try again in a minute.")

    def submit(self, study_id: str, admitted: Admitted | None, *, batch: bool = False) -> None:
        """Queue a study; where its upload was read already, that is not done again."""
        # Only the next few keep their pixels in memory; the rest are read again from the upload when it is their turn.
        self._put(_BATCH if batch else _SINGLE, study_id, admitted if self.waiting < 4 else None)

    def stop(self) -> None:
        """Finish the study in hand and end the thread; the rest stays queued in the store."""
        with self._queue.mutex:
            self._queue.queue.clear()
        self._put(_STOP)
        self._thread.join(timeout=30)

    def _put(self, place: int, study_id: str = "", admitted: Admitted | None = None) -> None:
        self._queue.put(_Job(place, next(self._numbers), study_id, admitted))

    def _in_place(self, place: int) -> int:
        with self._queue.mutex:
            return sum(job.place == place for job in self._queue.queue)

    def _run(self) -> None:
        while (job := self._queue.get()).study_id:
            study_id = job.study_id
            try:
                self._analyse(study_id, job.admitted)
            except ImagingError as error:
                self._fail(study_id, error.code, str(error))
            except Exception:
                # One study must never take the worker down with it.
                log.exception("study %s failed", study_id)
                self._fail(study_id, "internal", "The analysis failed inside ChestLens; the server's log says why.")

    def _fail(self, study_id: str, code: str, message: str) -> None:
        try:
            self._store.update(study_id, status="failed", error_code=code, error_message=message)
        except Exception:
            log.exception("study %s could not be marked as failed", study_id)

    def _analyse(self, study_id: str, admitted: Admitted | None) -> None:
        study = self._store.get(study_id)
        if study is None:
            return  # deleted while it waited
        folder = self._store.path(study_id)
        self._store.update(study_id, status="running", progress=0.1)
        if admitted is None:
            radiograph = read_safely(self._store.upload(study_id).read_bytes())
            admitted = admit(radiograph, force=self._store.forced(study_id))
        self._store.update(study_id, progress=0.4)
        assessment = assess(admitted, self._classifier, self._policy)
        self._store.update(study_id, progress=0.8)
        write_results(folder, admitted.radiograph, assessment)
        evidence = assessment.evidence
        record(self._store, study_id, evidence.findings, undoubted=evidence.undoubted)
        created = study.created
        self._store.update(
            study_id,
            status="done",
            progress=1.0,
            summary={
                decision: [item.finding.name for item in evidence.decided(decision)]
                for decision in ("present", "possible")
            },
            total_ms=round((datetime.now(UTC) - created).total_seconds() * 1000),
        )
        self._on_done(study_id, admitted.radiograph)


def write_results(folder: Path, radiograph: Radiograph, assessment: Assessment) -> None:
    """Write all that the page and, beside the upload itself, the downloads need into a study's folder."""
    (folder / "image.png").write_bytes(radiograph_png(radiograph.pixels, longest_side=_DISPLAY_SIDE))
    store(folder, assessment.prediction, assessment.evidence, assessment.report)
    height, width = radiograph.pixels.shape
    image = {
        "width": width,
        "height": height,
        "pixel_spacing_mm": radiograph.pixel_spacing_mm,
        "pixels": write_pixels(folder, radiograph.pixels),
    }
    result = as_object(assessment.evidence, assessment.report) | {"image": image}
    (folder / "result.json").write_text(json.dumps(result))
