"""How many studies and jobs there are in which state, and how long the oldest job has waited."""

from dataclasses import dataclass

from sqlalchemy import func, select

from core.studies.database import Database
from core.studies.tables import Job, Study, now


@dataclass(frozen=True)
class Counts:
    """What the rows say at one moment.

    Attributes:
        studies: by their status.
        jobs: by kind and state.
        oldest_wait_s: seconds since the oldest job that may begin could have begun; 0 where none waits.
    """

    studies: dict[str, int]
    jobs: dict[tuple[str, str], int]
    oldest_wait_s: float


def count(database: Database) -> Counts:
    """Count all studies and jobs.

    Raises:
        Unavailable: the database cannot be used at the moment.
    """
    with database.session() as session:
        studies = session.execute(select(Study.status, func.count()).group_by(Study.status)).tuples().all()
        jobs = session.execute(select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)).tuples().all()
        oldest = session.scalar(select(func.min(Job.not_before)).where(Job.state == "queued"))
    waited = (now() - oldest).total_seconds() if oldest is not None else 0.0
    return Counts(dict(studies), {(kind, state): n for kind, state, n in jobs}, max(0.0, waited))
