"""What people ask the writer about a finished study: questions, and comparisons of two reports.

Each is a row that stays with its study. One job of a study answers all that wait, oldest first.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.errors import ChestLensError
from core.studies.database import Database
from core.studies.errors import NoSuchInquiry, Unavailable
from core.studies.jobs import SINGLE, Jobs
from core.studies.tables import Inquiry, InquiryKind, Job, now

MOST = 200
"""Inquiries that one study may have."""


class TooManyInquiries(ChestLensError):
    """A study has as many inquiries as it may have."""

    code = "too_many"


class Inquiries:
    """The inquiries of all studies.

    Args:
        database: with their rows.
        jobs: by which they are answered.
    """

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database, self._jobs = database, jobs

    def ask(self, study_id: str, kind: InquiryKind, asked: Mapping[str, Any], *, by: str = "") -> Inquiry:
        """Keep an inquiry and have it answered.

        Args:
            study_id: of a finished study.
            kind: of the inquiry.
            asked: what is asked, see ``core.studies.tables.Inquiry``.
            by: who asks, where people sign in.

        Raises:
            TooManyInquiries: the study has no room for another one.
            Unavailable: it could not be kept.
        """
        inquiry = Inquiry(study_id=study_id, kind=kind, asked=dict(asked), asked_by=by, created=now())
        with self._database.session() as session:
            if (session.scalar(select(func.count()).where(Inquiry.study_id == study_id)) or 0) >= MOST:
                raise TooManyInquiries(f"A study may have {MOST} questions and comparisons; this one has them all.")
        try:
            job = self._keep(inquiry)
        except IntegrityError:
            # The study's first two inquiries came at the same moment, each with the job that both need.
            inquiry = Inquiry(study_id=study_id, kind=kind, asked=dict(asked), asked_by=by, created=now())
            job = self._keep(inquiry)
        self._jobs.announce(job)
        return inquiry

    def of(self, study_id: str) -> list[Inquiry]:
        """All inquiries of a study, oldest first."""
        with self._database.session() as session:
            return list(session.scalars(select(Inquiry).where(Inquiry.study_id == study_id).order_by(Inquiry.id)))

    def remove(self, study_id: str, inquiry_id: int) -> None:
        """Remove an inquiry with its answer. A worker that is at it writes its answer nowhere.

        Raises:
            NoSuchInquiry: the study has none of that number.
            Unavailable: it could not be removed.
        """
        chosen = delete(Inquiry).where(Inquiry.id == inquiry_id, Inquiry.study_id == study_id)
        with self._database.session() as session:
            if session.execute(chosen.returning(Inquiry.id)).first() is None:
                raise NoSuchInquiry
            session.commit()
        with suppress(Unavailable):
            self._database.forget_deleted()

    def next(self, study_id: str) -> Inquiry | None:
        """The oldest inquiry of a study that waits for its answer."""
        with self._database.session() as session:
            return session.scalars(_waiting(study_id)).first()

    def end(self, inquiry: Inquiry, *, answer: Mapping[str, Any] | None = None, error: str | None = None) -> None:
        """Write an answer, or the sentence that says why there is none."""
        values = {"state": "done" if error is None else "failed", "answer": answer}
        values["error_message"] = None if error is None else error[:500]
        with self._database.session() as session:
            session.execute(
                update(Inquiry).where(Inquiry.id == inquiry.id, Inquiry.state == "waiting").values(**values)
            )
            session.commit()

    def go_on(self, session: Session, study_id: str) -> list[Job]:
        """The job of a study once more, if something was asked since it looked last; called as the job ends."""
        if session.scalars(_waiting(study_id)).first() is None:
            return []
        job = session.scalars(_job(study_id).with_for_update()).one()
        job.state = "queued"
        return [job]

    def _keep(self, inquiry: Inquiry) -> Job:
        with self._database.session() as session:
            session.add(inquiry)
            session.flush()
            # A job that is just ending sees the new inquiry, or is seen to have ended: its row is held until then.
            job = session.scalars(_job(inquiry.study_id).with_for_update()).first()
            if job is None:
                job = Job(study_id=inquiry.study_id, kind="answer", priority=SINGLE)
                session.add(job)
            elif job.state in ("done", "failed"):
                job.state, job.attempts, job.deaths, job.not_before = "queued", 0, 0, now()
                job.error_code = job.error_message = None
            session.commit()
        return job


def _waiting(study_id: str) -> Any:
    waiting = select(Inquiry).where(Inquiry.study_id == study_id, Inquiry.state == "waiting")
    return waiting.order_by(Inquiry.id).limit(1)


def _job(study_id: str) -> Any:
    return select(Job).where(Job.study_id == study_id, Job.kind == "answer")
