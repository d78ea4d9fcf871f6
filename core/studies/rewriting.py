"""The job ``rewrite``: from the template's report to a reworded one.

A study is done, and complete, before its rewrite begins. Whatever goes wrong here leaves the template standing.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from core.studies import results
from core.studies.jobs import Claim
from core.studies.shared_writer import SharedWriter
from core.studies.studies import Studies
from core.studies.tables import Job, Study

if TYPE_CHECKING:
    from core.vlm.prompts import Style

# Studies that are looked at after a start, for those that were finished while there was no writer.
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
    "mode": "evidence",
    "apart": [],
}


def rewriting_state(job: Job | None) -> dict[str, Any]:
    """The ``rewrite`` part of ``GET /api/studies/<id>`` for a finished study whose rewrite has not ended well."""
    if job is None:
        return _OFF
    if job.state == "failed":
        return _OFF | {"status": "failed", "message": f"The report could not be rewritten. {job.error_message}"}
    if job.state == "running":
        return _OFF | {"status": "writing", "partial": job.partial or []}
    return _OFF | {"status": "waiting"}


class Rewriting:
    """Rewords one report after another.

    Args:
        studies: whose settings name the writer.
        writer: who words them.
    """

    def __init__(self, studies: Studies, writer: SharedWriter) -> None:
        self._studies, self._writer = studies, writer
        self._style: Style = "reasoning" if studies.settings.reasoning else "report"
        self._gives_way = False

    def enlist(self) -> None:
        """Add a job for the last studies that were finished while there was no writer."""
        lacking = ~exists().where(Job.study_id == Study.id, Job.kind == "rewrite")
        with self._studies.database.session() as session:
            latest = select(Study.id).where(Study.status == "done").order_by(Study.created.desc()).limit(_LOOKED_AT)
            found = select(Study.id).where(Study.id.in_(latest), lacking).order_by(Study.created)
            session.add_all([Job(study_id=study_id, kind="rewrite") for study_id in session.scalars(found)])
            session.commit()

    def prepare(self) -> None:
        """Load the writer."""
        if not self._gives_way:
            _give_way()
            self._gives_way = True
        self._writer.open()

    def run(self, claim: Claim) -> Callable[[Session], list[Job]]:
        """Reword a study's report; what is returned writes its rows.

        Raises:
            Gone: the study was deleted.
            Unavailable: files cannot be stored at the moment.
        """
        from core.vlm.generation import rewrite_as_object
        from core.vlm.pictures import picture_of
        from core.vlm.rewrite import rewrite

        storage, study_id = self._studies.storage, claim.study_id
        result = results.read_result(storage, study_id, rewritten=False)
        picture = picture_of(results.read_radiograph(storage, study_id, result))
        with self._writer.turn() as writer:
            written = rewrite(
                picture,
                result.evidence,
                writer,
                style=self._style,
                mode=self._studies.settings.writer_mode,
                on_sentences=lambda sentences: self._studies.jobs.show(claim, sentences),
            )
        report = written.report if written.report.source == "vlm" else None
        results.write_rewrite(storage, study_id, report, rewrite_as_object(written))
        return lambda session: []


def _give_way() -> None:
    """Let this thread, and those that its libraries start, take only what the analysis leaves of the processor."""
    if sys.platform == "linux":  # where a thread has a priority of its own (sched(7))
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _GIVES_WAY)
