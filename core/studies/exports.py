"""Many studies in one file: the table of their findings, or an archive with a file of each.

A short table is made when it is asked for, everything else by a job, and fetched when it is done.
"""

import io
import uuid
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session
from werkzeug.utils import secure_filename

from core.errors import ChestLensError
from core.reporting import FORMATS, as_csv
from core.reporting import export as make_file
from core.reporting.evidence import Evidence
from core.reporting.exports import check_choice
from core.reporting.review import Review
from core.studies.audit import AuditLog
from core.studies.errors import Gone, NoSuchExport, NoSuchStudy, QueueFull
from core.studies.jobs import Claim
from core.studies.results import LISTED
from core.studies.reviews.desk import as_review
from core.studies.reviews.store import ReviewStore
from core.studies.studies import Studies
from core.studies.tables import Export, Job, Study
from core.studies.viewer import Viewer, current_viewer, owner_id, seen_by
from core.studies.worklist import Query, find, find_all

LONGEST_TABLE = 2000
"""Studies in a table that is made while somebody waits."""
TABLE = "table"
"""The one table of all studies; each of ``core.reporting.FORMATS`` stands for an archive with a file of each study."""
_MOST_ROWS, _MOST_FILES = 200_000, 2000
_LARGEST_ARCHIVE = 256 * 2**20  # bytes: a worker holds it in memory
_WAITING = 3
_AT_ONCE = 100
_FILE = "export"


class TooManyStudies(ChestLensError):
    """More studies match than one file holds."""

    code = "too_many"


class Exports:
    """The exports that were asked for.

    Args:
        studies: that they are about.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies = studies

    def ask(self, query: Query, file_format: str = TABLE, *, by: str = "") -> Export:
        """Have a file made of the studies that match, of those that who asks may see now.

        Args:
            query: which studies, in what order; its page does not matter.
            file_format: ``TABLE``, or one of ``core.reporting.FORMATS`` for an archive.
            by: name of who asks, where people sign in.

        Raises:
            QueueFull: the person waits for several already.
            ReportingError: there is no such format.
            TooManyStudies: more match than one file holds.
            Unavailable: it could not be kept.
        """
        if file_format != TABLE:
            check_choice(file_format, None)
        most, viewer = _most(file_format), current_viewer()
        if (total := find(self._studies.database, replace(query, limit=1)).total) > most:
            raise TooManyStudies(f"{total:,} studies match, and this export holds {most:,}; search for fewer.")
        export = Export(id=uuid.uuid4().hex, format=file_format, asked_by=by, query=asdict(query))
        export.viewer = asdict(viewer) if viewer else None
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

    def file(self, export_id: str) -> bytes:
        """The file of an export that is done: a table as CSV, or a zip archive.

        Raises:
            NoSuchExport: there is none.
        """
        self.find(export_id)
        try:
            return self._studies.storage.read(export_id, _FILE)
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
        studies: of which files are made.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies = studies

    def prepare(self) -> None:
        """Nothing."""

    def run(self, claim: Claim) -> Callable[[Session], list[Job]]:
        """Make a file; there are no rows to write.

        Raises:
            Gone: the export was deleted.
            TooManyStudies: the archive would be too large.
            Unavailable: files cannot be stored at the moment.
        """
        database = self._studies.database
        with database.session() as session:
            export = session.get(Export, claim.study_id)
        if export is None:
            raise Gone
        with seen_by(Viewer(**export.viewer) if export.viewer else None):
            listed = find_all(database, Query(**export.query), at_most=_most(export.format))
            # Before any of it is read, so that whoever deletes a study finds what it may stand in.
            self._studies.storage.create(claim.study_id)
            self._studies.storage.write(claim.study_id, LISTED, "\n".join(study.id for study in listed).encode())
            self._tell(claim, total=len(listed))

            def tell_written(number: int) -> None:
                self._tell(claim, written=number)

            if export.format == TABLE:
                data = as_csv(findings_of(self._studies, listed, on_written=tell_written)).encode()
            else:
                data = _archive(self._studies, listed, export.format, tell_written)
        self._studies.storage.write(claim.study_id, _FILE, data)
        self._note(export, [study.id for study in listed if study.status == "done"])
        return lambda session: []

    def _note(self, export: Export, ids: Sequence[str]) -> None:
        log, detail = AuditLog(self._studies.database), {"file": export_name(export), "format": export.format}
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


def export_name(export: Export) -> str:
    """What the file of an export is called."""
    return "studies.csv" if export.format == TABLE else "studies.zip"


def download_name(study: Study, file_format: str) -> str:
    """What a study's file in one of ``core.reporting.FORMATS`` is called when it is saved."""
    made = FORMATS[file_format]
    stem = "chestlens" if made.anonymous else secure_filename(study.filename.rsplit(".", 1)[0]) or study.id
    return f"{stem}-{made.file_name}"


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


def _archive(studies: Studies, listed: Sequence[Study], file_format: str, on_written: Callable[[int], None]) -> bytes:
    """A zip archive with a file of each study that is done, numbered as they are listed."""
    reviews, made = ReviewStore(studies.database), io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, study in enumerate(listed, start=1):
            on_written(number - 1)
            if study.status != "done":
                continue
            with suppress(NoSuchStudy):  # it may be deleted meanwhile
                data = make_file(studies.reported(study, as_review(reviews.events(study.id))), file_format)
                member = zipfile.ZipInfo(f"{number:04}-{download_name(study, file_format)}")
                archive.writestr(member, data, zipfile.ZIP_DEFLATED)
            if made.tell() > _LARGEST_ARCHIVE:
                raise TooManyStudies(
                    f"After {number:,} of {len(listed):,} studies the archive has {_LARGEST_ARCHIVE // 2**20} MB; "
                    "search for fewer."
                )
    on_written(len(listed))
    return made.getvalue()


def _most(file_format: str) -> int:
    return _MOST_ROWS if file_format == TABLE else _MOST_FILES
