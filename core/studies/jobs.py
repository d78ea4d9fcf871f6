"""Jobs: what is to be done for a study, who does it, and what becomes of it when that goes wrong.

A job's row is the truth. Whoever does it holds a claim with a lease, which signs of life prolong. A claim whose process
is gone is void: the job is done again, unless it took its process with it twice.
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from core.errors import Busy
from core.studies.database import Database
from core.studies.delivery import KINDS, Delivery
from core.studies.errors import Unavailable
from core.studies.tables import ARRIVING, Inquiry, Job, JobKind, Presence, Study, now

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
_SHOWN_EVERY_SECONDS = 20.0
_PAUSE, _LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=5)
_DEATHS = 2
SINGLE, BATCH = 10, 0
"""Priorities: somebody waits for a study that was sent by itself."""
_ANNOUNCED_AT_ONCE = 500
_STOPPED = "The work on this study ended its process twice, so that it was set aside; have it analysed again."
_STOPPED_OTHERWISE = {
    "answer": "Answering this ended its process twice, so that it was set aside; ask in another way.",
    "export": "Making this export ended its process twice, so that it was set aside; ask for fewer studies.",
}


@dataclass(frozen=True)
class Claim:
    """A job that this process does now.

    Attributes:
        study_id: whose files it makes; the id of the export for an export.
    """

    job_id: int
    study_id: str
    kind: JobKind
    attempts: int


class Jobs:
    """The jobs of all studies.

    Args:
        database: with their rows.
        delivery: tells workers of them.
    """

    def __init__(self, database: Database, delivery: Delivery) -> None:
        self._database, self._delivery = database, delivery
        self._trusted_since: float | None = None
        self._shown: float | None = None

    def announce(self, job: Job) -> None:
        """Tell the workers of a job whose row is safe."""
        self._delivery.send(job.kind, job.id, job.priority)

    def waiting(self, *priorities: int) -> int:
        """Number of studies that wait for their analysis, of these priorities or of all."""
        wanted = select(func.count()).select_from(Job).where(Job.kind == "analyse", Job.state == "queued")
        if priorities:
            wanted = wanted.where(Job.priority.in_(priorities))
        with self._database.session() as session:
            return session.scalar(wanted) or 0

    def claim(self, job_id: int) -> Claim | None:
        """Take a job on; None where there is nothing to do, or another process does it."""
        with self._database.session() as session:
            taken = session.execute(
                update(Job)
                .where(Job.id == job_id, Job.state == "queued", Job.not_before <= now())
                .values(state="running", claimed_by=me(), lease_until=now() + LEASE, attempts=Job.attempts + 1)
            )
            if not _rows(taken):
                return None
            job = session.execute(select(Job).where(Job.id == job_id)).scalar_one()
            if job.kind == "analyse":
                session.execute(update(Study).where(Study.id == job.study_id).values(status="running", progress=0.1))
            session.commit()
            return Claim(job.id, job.study_id or job.export_id, job.kind, job.attempts)  # type: ignore[arg-type]

    def beat(self) -> None:
        """Give a sign of life: all claims of this worker are prolonged."""
        with self._database.session() as session:
            running = update(Job).where(Job.claimed_by == me(), Job.state == "running")
            changed = _rows(session.execute(running.values(lease_until=now() + LEASE)))
            if self._shown is None or time.monotonic() - self._shown > _SHOWN_EVERY_SECONDS:
                session.merge(Presence(name=me(), seen=now()))
                session.execute(delete(Presence).where(Presence.seen < now() - 2 * LEASE))
                changed, self._shown = 1, time.monotonic()
            if changed:
                session.commit()

    def leave(self) -> None:
        """Say that this worker ends."""
        with self._database.session() as session:
            session.execute(delete(Presence).where(Presence.name == me()))
            session.commit()

    def check_workers(self) -> None:
        """Raises ``Unavailable`` where no worker has given a sign of life lately: studies would wait for ever."""
        with self._database.session() as session:
            if session.scalars(select(Presence.name).where(Presence.seen > now() - LEASE).limit(1)).first() is None:
                raise Unavailable("No worker is at work; start one with: python -m core worker.")

    def progress(self, claim: Claim, share: float) -> None:
        """Say how far an analysis is."""
        with self._database.session() as session:
            session.execute(update(Study).where(Study.id == claim.study_id).values(progress=share))
            session.commit()

    def show(self, claim: Claim, pieces: Sequence[str]) -> None:
        """Show what is there of a result that comes in pieces."""
        with self._database.session() as session:
            session.execute(update(Job).where(Job.id == claim.job_id).values(partial=list(pieces)))
            session.commit()

    def finish(self, claim: Claim, apply: Callable[[Session], list[Job]]) -> bool:
        """End a job with its result, in one transaction.

        Args:
            claim: of the job.
            apply: writes the result's rows, and returns jobs that follow from it.

        Returns:
            False where the claim is void: the study was deleted, or another process took the job over.
        """
        with self._database.session() as session:
            if not _rows(self._end(session, claim, state="done", error_code=None, error_message=None)):
                return False
            following = apply(session)
            session.add_all(following)
            session.commit()
        for job in following:
            self.announce(job)
        return True

    def fail(self, claim: Claim, code: str, message: str) -> None:
        """End a job for good, with one sentence; the study that was analysed, or what was asked, has failed."""
        with self._database.session() as session:
            if _rows(self._end(session, claim, state="failed", error_code=code, error_message=message[:500])):
                _fail_what_waits(session, claim.study_id, claim.kind, code, message)
                session.commit()

    def put_off(self, claim: Claim, message: str) -> None:
        """Try a job again later, each time after a longer pause: what went wrong may pass."""
        pause = min(_PAUSE * 2 ** min(claim.attempts - 1, 10), _LONGEST_PAUSE)
        self._give_back(claim, not_before=now() + pause, error_code="unavailable", error_message=message[:500])

    def release(self, claim: Claim) -> None:
        """Leave a job to others, because this process ends."""
        self._give_back(claim, attempts=Job.attempts - 1)

    def repeat(self, study_id: str) -> bool:
        """Have a study whose analysis failed analysed as if for the first time; False where it has not failed."""
        failed = update(Job).where(Job.study_id == study_id, Job.kind == "analyse", Job.state == "failed")
        anew = {"attempts": 0, "deaths": 0, "not_before": now(), "error_code": None, "error_message": None}
        with self._database.session() as session:
            if not _rows(session.execute(failed.values(state="queued", **anew))):
                return False
            _wait_again(session, study_id, "analyse")
            told = update(Study).where(Study.id == study_id)
            session.execute(told.values(error_code=None, error_message=None))
            job = session.scalars(select(Job).where(Job.study_id == study_id, Job.kind == "analyse")).one()
            session.commit()
        self.announce(job)
        return True

    def recover(self) -> list[str]:
        """Put jobs back whose process is gone.

        Returns:
            Ids of studies whose upload was cut off, which are to be deleted.
        """
        moment = now()
        with self._database.session() as session:
            held = select(Job).where(Job.state.in_(("running", ARRIVING)), Job.claimed_by.is_distinct_from(me()))
            void = [job for job in session.scalars(held) if self._is_void(job, moment)]
            cut_off = [job.study_id for job in void if job.state == ARRIVING and job.study_id]
            for job in void:
                if job.state == "running":
                    self._put_back(session, job)
            session.commit()
        if self._trusted_since is None:
            self._trusted_since = time.monotonic()
        return cut_off

    def distrust(self) -> None:
        """The database was away: leases that ran out meanwhile prove nothing, as nobody could prolong them."""
        self._trusted_since = None

    def announce_due(self) -> None:
        """Tell the workers again of jobs whose messages may be lost: those that wait although the queue is empty."""
        for kind in KINDS:
            if not self._delivery.is_empty(kind):
                continue
            due = select(Job).where(Job.kind == kind, Job.state == "queued", Job.not_before <= now())
            with self._database.session() as session:
                for job in session.scalars(due.order_by(Job.priority.desc(), Job.id).limit(_ANNOUNCED_AT_ONCE)):
                    self.announce(job)

    def _put_back(self, session: Session, job: Job) -> None:
        mine = update(Job).where(Job.id == job.id, Job.state == "running", Job.claimed_by == job.claimed_by)
        values: dict[str, Any] = {"deaths": job.deaths + 1, "claimed_by": None, "lease_until": None}
        if job.deaths + 1 < _DEATHS:
            if _rows(session.execute(mine.values(state="queued", not_before=now(), **values))):
                log.warning("the process that did job %s ended; it is done again", job.id)
                _wait_again(session, job.study_id, job.kind)
            return
        said = _STOPPED_OTHERWISE.get(job.kind, _STOPPED)
        if _rows(session.execute(mine.values(state="failed", error_code="stopped", error_message=said, **values))):
            log.error("job %s ended its process twice and was set aside", job.id)
            _fail_what_waits(session, job.study_id, job.kind, "stopped", said)

    def _is_void(self, job: Job, moment: datetime) -> bool:
        if job.claimed_by is None or _process_is_gone(job.claimed_by):
            return True
        trusted = self._trusted_since is not None and time.monotonic() - self._trusted_since > LEASE.total_seconds()
        return trusted and job.lease_until is not None and job.lease_until < moment

    def _give_back(self, claim: Claim, **values: Any) -> None:
        with self._database.session() as session:
            if _rows(self._end(session, claim, state="queued", **values)):
                _wait_again(session, claim.study_id, claim.kind)
                session.commit()

    def _end(self, session: Session, claim: Claim, **values: Any) -> Any:
        mine = update(Job).where(Job.id == claim.job_id, Job.state == "running", Job.claimed_by == me())
        return session.execute(mine.values(claimed_by=None, lease_until=None, partial=None, **values))


def passes(error: BaseException) -> bool:
    """Whether what went wrong may be over when it is tried again; else it is the file's fault, or a bug."""
    return isinstance(error, (Busy, OSError, MemoryError)) and not isinstance(error, FileNotFoundError)


def me() -> str:
    """This process, as claims name it: machine, number and time of its start."""
    return f"{_machine()}/{os.getpid()}/{_status(os.getpid())[1]}"


def _machine() -> str:
    """This machine or container: numbers of processes mean nothing in another one."""
    name = socket.gethostname()[:64]
    with contextlib.suppress(OSError):
        name += f"-{os.stat('/proc/self/ns/pid').st_ino}"
    return name


def _status(number: int) -> tuple[str, str]:
    """State and time of the start of a process (proc(5)); empty where the system does not tell."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]


def _process_is_gone(claimed_by: str) -> bool:
    """Whether a claim's process has certainly ended. One of another machine may live, whatever is known of it here."""
    machine, number, started = claimed_by.rsplit("/", 2)
    if machine != _machine():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    # The number may be that of another process by now, and one that ended may still be listed.
    state, now_started = _status(int(number))
    return state in ("Z", "X") or now_started != started


def _wait_again(session: Session, study_id: str | None, kind: str) -> None:
    if kind == "analyse":
        session.execute(update(Study).where(Study.id == study_id).values(status="queued", progress=0.0))


def _fail_what_waits(session: Session, study_id: str | None, kind: str, code: str, message: str) -> None:
    if kind == "analyse":
        failed = {"status": "failed", "error_code": code, "error_message": message[:500]}
        session.execute(update(Study).where(Study.id == study_id).values(**failed))
    elif kind == "answer":
        waiting = update(Inquiry).where(Inquiry.study_id == study_id, Inquiry.state == "waiting")
        session.execute(waiting.values(state="failed", error_message=message[:500]))


def _rows(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
