"""The entries of all reviews in the database."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from core.errors import ChestLensError
from core.studies.database import Database
from core.studies.reviews.record import START
from core.studies.tables import Event, ReviewKind, Study, now


class OutOfDate(ChestLensError):
    """Somebody else added to the record first."""

    code = "conflict"


@dataclass(frozen=True)
class Entry:
    """What is to be added to a record; attributes as those of ``Event``."""

    kind: ReviewKind
    version: int
    text: dict[str, str]
    model: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    author: str = ""
    reason: str = ""


class ReviewStore:
    """Reads and adds entries; there is no way to change or delete one.

    Args:
        database: that of the studies.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def events(self, study_id: str) -> list[Event]:
        """A study's entries, oldest first."""
        with self._database.session() as session:
            return list(session.scalars(select(Event).where(Event.study_id == study_id).order_by(Event.number)))

    def latest(self, study_ids: Sequence[str]) -> dict[str, Event]:
        """The last entry of each study that has one, with one query."""
        other = aliased(Event)
        last = select(func.max(other.number)).where(other.study_id == Event.study_id).scalar_subquery()
        with self._database.session() as session:
            rows = session.scalars(select(Event).where(Event.study_id.in_(study_ids), Event.number == last))
            return {row.study_id: row for row in rows}

    def append(self, study_id: str, revision: int, entries: Sequence[Entry]) -> None:
        """Add entries to a record, all of them or none.

        Args:
            study_id: whose.
            revision: number of the entry that they follow, 0 for none.
            entries: at least one.

        Raises:
            OutOfDate: the record has gone on since ``revision``, or the study is gone.
        """
        moment = now()
        with self._database.session() as session:
            last = session.scalars(
                select(Event).where(Event.study_id == study_id).order_by(Event.number.desc()).limit(1)
            ).first()
            if (last.number if last else 0) != revision or session.get(Study, study_id) is None:
                raise OutOfDate
            previous = last.digest if last else START
            for number, entry in enumerate(entries, start=revision + 1):
                added = Event(study_id=study_id, number=number, time=moment, **vars(entry))
                added.seal(previous)
                previous = added.digest
                session.add(added)
            try:
                session.commit()
            except IntegrityError:
                # Another request wrote the same number, or deleted the study, between our look and our writing.
                raise OutOfDate from None
