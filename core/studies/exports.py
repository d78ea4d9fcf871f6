"""Tables of findings: a short one is made when it is asked for, a long one by a job, and fetched when it is done."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from core.reporting import as_csv
from core.reporting.evidence import Evidence
from core.reporting.review import Review
from core.studies.audit import AuditLog
from core.studies.errors import Gone, NoSuchExport, NoSuchStudy, QueueFull
from core.studies.jobs import Claim
from core.studies.reviews.desk import as_review
from core.studies.reviews.store import ReviewStore
from core.studies.studies import Studies
from core.studies.tables import Export, Job, Study
from core.studies.viewer import Viewer, current_viewer, owner_id, seen_by
from core.studies.worklist import Query, find_all

LONGEST_TABLE = 2000
"""Studies in a table that is made while somebody waits."""
_LONGEST_EXPORT = 200_000
_WAITING = 3
_AT_ONCE = 100
_TABLE = "table"


class Exports:
    """The long tables that were asked for.

    Args:
        studies: that they are about.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies = studies

    def ask(self, query: Query, *, by: str = "") -> Export:
        """Have a table made of the studies that match, of those that who asks may see now.

        Args:
            query: which studies, in what order; its page does not matter.
            by: name of who asks, where people sign in.

        Raises:
            QueueFull: the person waits for several already.
            Unavailable: it could not be kept.
        """
        viewer = current_viewer()
        export = Export(id=uuid.uuid4().hex, viewer=viewer and asdict(viewer), asked_by=by, query=asdict(query))
        with self._studies.database.session() as session:
            mine = select(func.count()).select_from(Job).join(Export, Job.export_id == Export.id)
            mine = mine.where(_own(), Job.state.in_(("queued", "running")))
            if (session.scalar(mine) or 0) >= _WAITING:
                raise QueueFull(f"{_WAITING} exports are being made for you already; wait until one is done.")
            session.add(export)
            session.flush()
            job = Job(export_id=export.id, kind="export")
            session.add(job)
            session.commit()
        self._studies.jobs.announce(job)
        return export

    def find(self, export_id: str) -> tuple[Export, Job]:
        """An export of who asks, and its job.

        Raises:
            NoSuchExport: there is none.
        """
        wanted = select(Export, Job).join(Job, Job.export_id == Export.id)
        with self._studies.database.session() as session:
            found = session.execute(wanted.where(Export.id == export_id, _own())).first()
        if found is None:
            raise NoSuchExport
        return found[0], found[1]

    def table(self, export_id: str) -> bytes:
        """The table of an export that is done, as CSV.

        Raises:
            NoSuchExport: there is none.
        """
        self.find(export_id)
        try:
            return self._studies.storage.read(export_id, _TABLE)
        except Gone:
            raise NoSuchExport from None

    def remove(self, export_id: str) -> None:
        """Remove an export and its file.

        Raises:
            NoSuchExport: there is none.
        """
        self.find(export_id)
        self._studies.remove(export_id)


class Exporting:
    """Does the job ``export``.

    Args:
        studies: of which tables are made.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies = studies

    def prepare(self) -> None:
        """Nothing."""

    def run(self, claim: Claim) -> Callable[[Session], list[Job]]:
        """Make a table; what is returned says how many studies are in it.

        Raises:
            Gone: the export was deleted.
            Unavailable: files cannot be stored at the moment.
        """
        database = self._studies.database
        with database.session() as session:
            export = session.get(Export, claim.study_id)
        if export is None:
            raise Gone
        with seen_by(Viewer(**export.viewer) if export.viewer else None):
            listed = find_all(database, Query(**export.query), at_most=_LONGEST_EXPORT)
            self._tell(claim, total=len(listed))
            written = findings_of(self._studies, listed, on_written=lambda number: self._tell(claim, written=number))
            table = as_csv(written)
        self._studies.storage.create(claim.study_id)
        self._studies.storage.write(claim.study_id, _TABLE, table.encode())
        self._note(export, [study.id for study in listed if study.status == "done"])
        return lambda session: []

    def _note(self, export: Export, ids: Sequence[str]) -> None:
        log, detail = AuditLog(self._studies.database), {"file": "studies.csv"}
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            log.add("export", actor_id=export.owner_id, actor=export.asked_by, studies=part, detail=detail)

    def _tell(self, claim: Claim, **values: int) -> None:
        with self._studies.database.session() as session:
            session.execute(update(Export).where(Export.id == claim.study_id).values(**values))
            session.commit()


def _own() -> ColumnElement[bool]:
    """Exports that who asks had made."""
    return Export.owner_id.is_not_distinct_from(owner_id())


def findings_of(
    studies: Studies, listed: Sequence[Study], *, on_written: Callable[[int], None] = lambda written: None
) -> Iterator[tuple[str, Evidence, Review | None]]:
    """What ``as_csv`` takes of those studies that are done, one after another, so that few are in memory at once.

    Args:
        studies: all.
        listed: which, in order.
        on_written: is told from time to time how many were given.
    """
    reviews = ReviewStore(studies.database)
    for start in range(0, len(listed), _AT_ONCE):
        on_written(start)
        part = [study for study in listed[start : start + _AT_ONCE] if study.status == "done"]
        last = reviews.latest([study.id for study in part])
        for study in part:
            with suppress(NoSuchStudy):  # it may be deleted meanwhile
                evidence, event = studies.result(study.id).evidence, last.get(study.id)
                yield study.filename, evidence, as_review([event] if event else [])
    on_written(len(listed))
