"""The audit log: who saw, changed, exported and deleted what. Entries are only ever added; the database sees to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from core.studies.database import Database
from core.studies.tables import AuditEntry, now

LONGEST_PAGE = 200


@dataclass(frozen=True)
class Search:
    """Which entries are asked for; what is None asks for nothing.

    Attributes:
        actor: name of the person.
        action: what was done.
        study_id: to which study.
        since, until: moments between which it was done.
        before: number of an entry; older ones are given.
        limit: at most so many.
    """

    actor: str | None = None
    action: str | None = None
    study_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


class AuditLog:
    """Reads and adds entries; there is no way to change or delete one.

    Args:
        database: of the studies.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        action: str,
        *,
        actor_id: int | None = None,
        actor: str = "",
        studies: Sequence[str] = (),
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Add an entry for each study, or one that is about none.

        Args:
            action: what was done, such as ``view``, ``export``, ``sign`` or ``delete``.
            actor_id, actor: the person; the name alone for who has no account, such as the command line.
            studies: to which studies.
            detail: further facts, none of which may identify a patient.
        """
        moment = now()
        entries = [
            AuditEntry(
                time=moment, actor_id=actor_id, actor=actor, action=action, study_id=study_id, detail=detail or {}
            )
            for study_id in studies or (None,)
        ]
        with self._database.session() as session:
            session.add_all(entries)
            session.commit()

    def find(self, search: Search) -> list[AuditEntry]:
        """The entries that match, latest first."""
        wanted = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(search.limit)
        for column, value in (
            (AuditEntry.actor, search.actor),
            (AuditEntry.action, search.action),
            (AuditEntry.study_id, search.study_id),
        ):
            if value is not None:
                wanted = wanted.where(column == value)
        if search.since is not None:
            wanted = wanted.where(AuditEntry.time >= search.since)
        if search.until is not None:
            wanted = wanted.where(AuditEntry.time < search.until)
        if search.before is not None:
            wanted = wanted.where(AuditEntry.id < search.before)
        with self._database.session() as session:
            return list(session.scalars(wanted))

    def actions(self) -> list[str]:
        """Every action that there is an entry of, for a choice."""
        with self._database.session() as session:
            return sorted(session.scalars(select(AuditEntry.action).distinct()))
