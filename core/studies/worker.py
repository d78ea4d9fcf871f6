"""A worker: threads that take jobs on, and one that keeps the studies in order."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from sqlalchemy.orm import Session

from core.errors import ChestLensError
from core.studies.analysis import Analysis
from core.studies.answering import Answering
from core.studies.errors import Gone, NoSuchStudy, Unavailable
from core.studies.exports import Exporting
from core.studies.jobs import Claim, passes
from core.studies.rewriting import Rewriting
from core.studies.shared_writer import SharedWriter
from core.studies.studies import Studies
from core.studies.tables import Job

log = logging.getLogger(__name__)

_KEEP_SECONDS = 2.0
_SWEEP_SECONDS = 24 * 3600.0
_AWAY_SECONDS = 2.0
_STOP_SECONDS = 25.0
_INTERNAL = "The analysis failed inside ChestLens; the server's log says why."


class Task(Protocol):
    """What does one kind of job."""

    def prepare(self) -> None:
        """Load what takes long, before a job is taken on."""

    def run(self, claim: Claim) -> Callable[[Session], list[Job]]:
        """Do a job; what is returned writes its rows, and returns the jobs that follow."""


class Worker:
    """Analyses studies, rewords reports and answers what is asked about them, one of each at a time.

    Args:
        studies: to work on.

    Raises:
        CheckpointError, RewritingFailed: the classifier or the writer cannot be used.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies = studies
        analysis = Analysis(studies)
        self._tasks: dict[str, Task] = {"analyse": analysis, "export": Exporting(studies)}
        self._enlist: Callable[[], None] | None = None
        if studies.settings.writer is not None:
            writer = SharedWriter(studies.settings.writer, analysis.idle)
            rewriting = Rewriting(studies, writer)
            self._tasks |= {"rewrite": rewriting, "answer": Answering(studies, writer)}
            self._enlist = rewriting.enlist
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._keep, name="keeping", daemon=True)]
        self._threads += [
            threading.Thread(target=self._serve, args=(kind,), name=kind, daemon=True) for kind in self._tasks
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the jobs in hand and let go of the networks; a job that takes too long is found and done again."""
        self._stop.set()
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        with suppress(Unavailable):
            self._studies.jobs.leave()
        # An application refers to itself in circles; the networks are not to wait until those are found.
        self._tasks, self._enlist = {}, None

    def _keep(self) -> None:
        """Give signs of life, put back what others left, announce what was lost, and sweep once a day."""
        swept: float | None = None
        while not self._stop.is_set():
            try:
                if swept is None or time.monotonic() - swept > _SWEEP_SECONDS:
                    if self._enlist is not None:
                        self._enlist()
                    self._studies.sweep()
                    swept = time.monotonic()
                self._studies.jobs.beat()
                self._studies.recover()
                self._studies.jobs.announce_due()
            except Unavailable as error:
                self._studies.jobs.distrust()
                log.warning("%s", error)
            except Exception:
                log.exception("keeping the studies in order failed")
            self._stop.wait(_KEEP_SECONDS)

    def _serve(self, kind: str) -> None:
        task = self._tasks[kind]
        while not self._stop.is_set():
            try:
                job_id = self._studies.delivery.next(kind, self._stop)
                if job_id is None or self._stop.is_set():
                    continue
                task.prepare()
                claim = self._studies.jobs.claim(job_id)
            except Unavailable as error:
                log.warning("%s", error)
                self._stop.wait(_AWAY_SECONDS)
            except Exception:
                log.exception("no job of the kind %s can be done", kind)
                self._stop.wait(_AWAY_SECONDS)
            else:
                if claim is not None:
                    self._do(task, claim)

    def _do(self, task: Task, claim: Claim) -> None:
        jobs = self._studies.jobs
        try:
            apply = task.run(claim)
        except (Gone, NoSuchStudy):
            self._end(claim, lambda: self._gone(claim))
        except Exception as error:
            # One study must never take the worker down with it.
            said = str(error)
            if passes(error):
                log.warning("job %s is tried again later: %s", claim.job_id, type(error).__name__)
                self._end(claim, lambda: jobs.put_off(claim, said))
            elif isinstance(error, ChestLensError):
                code = error.code
                self._end(claim, lambda: jobs.fail(claim, code, said))
            else:
                log.exception("job %s failed", claim.job_id)
                self._end(claim, lambda: jobs.fail(claim, "internal", _INTERNAL))
        else:
            self._end(claim, lambda: self._finish(claim, apply))

    def _finish(self, claim: Claim, apply: Callable[[Session], list[Job]]) -> None:
        if not self._studies.jobs.finish(claim, apply):
            self._gone(claim)

    def _gone(self, claim: Claim) -> None:
        """The study was deleted meanwhile, or its files are lost; whatever was written since goes, too."""
        try:
            self._studies.find(claim.study_id)
        except NoSuchStudy:
            self._studies.remove(claim.study_id)
        else:
            message = "The file of this study is no longer there; upload it again."
            self._studies.jobs.fail(claim, "file_gone", message)

    def _end(self, claim: Claim, end: Callable[[], object]) -> None:
        """Write how a job ended. Until the database is back, nothing else is done: the work must not be lost."""
        while True:
            try:
                end()
                return
            except Unavailable as error:
                log.warning("the end of job %s cannot be written yet: %s", claim.job_id, error)
                if self._stop.wait(_AWAY_SECONDS):
                    return
            except Exception:
                log.exception("the end of job %s cannot be written", claim.job_id)
                return
