"""The studies of one server: how they come in, are looked up, and end."""

import hashlib
import json
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

from core.anatomy import Admitted
from core.plain_text import clean_name
from core.reporting import ReportedStudy, Review
from core.settings import ServerSettings
from core.studies import results
from core.studies.audit import AuditLog
from core.studies.cipher import Cipher, server_secret
from core.studies.database import Database
from core.studies.delivery import Delivery
from core.studies.errors import Gone, KeyReused, NoSuchStudy, NotFailed, QueueFull, Unavailable
from core.studies.instance import open_instance
from core.studies.jobs import BATCH, LEASE, SINGLE, Jobs, me
from core.studies.results import Result
from core.studies.storage import Storage, open_storage
from core.studies.tables import ARRIVING, Export, Job, SampleStudy, Study, now
from core.studies.upgrade import upgrade_files
from core.studies.viewer import audience, seen_by

log = logging.getLogger(__name__)

# Only the next few leave their pixels to the worker; the rest are read again from the upload when it is their turn.
_LEFT_DECODED = 4
_EXPORTS_KEPT = timedelta(days=1)
# Studies whose files are looked at together while what nobody owns is removed.
_SWEPT_AT_ONCE = 1000


@dataclass(frozen=True)
class Upload:
    """A file that was sent.

    Attributes:
        filename: as the sender calls it.
        data: the file.
        admitted: the radiograph in it, where it was read already.
        forced: somebody insists that it be judged, whatever it shows.
        batch: whether it came with others, so that studies that came by themselves go before it.
        key: the sender's name for this request; the same key gives the same study.
        sample_id: the sample of the gallery that it is.
        reference: what the collection says of it.
        ehr: health record that came with it, as ``core.vlm.ehr.read_ehr`` gives it.
    """

    filename: str
    data: bytes
    admitted: Admitted | None = None
    forced: bool = False
    batch: bool = False
    key: str | None = None
    sample_id: str | None = None
    reference: dict[str, Any] | None = None
    ehr: dict[str, Any] | None = None


class Studies:
    """All studies, with their rows, files and jobs.

    Args:
        settings: of the server.

    Raises:
        DatabaseTooNew: a later version of ChestLens made the database.
        Unavailable: database or storage cannot be used.
    """

    def __init__(self, settings: ServerSettings) -> None:
        open_instance(settings.instance)
        self.settings = settings
        self.database = Database(settings.database_url)
        self.storage: Storage = open_storage(settings.storage, Cipher(server_secret(settings)))
        upgrade_files(self.database, self.storage, settings)
        self.delivery = Delivery(settings.instance / "queue.sqlite3", settings.redis_url)
        self.jobs = Jobs(self.database, self.delivery)
        # Uploads that could be neither kept nor taken back while database or storage were away.
        self._cut_off: set[str] = set()

    def check_room(self, *, batch: bool = False) -> None:
        """Raises ``QueueFull`` when no more studies should be taken, or no more batches."""
        waiting = self.jobs.waiting(BATCH if batch else SINGLE)
        if waiting >= self.settings.queue_limit:
            raise QueueFull(f"{waiting} studies are waiting; try again in a minute.")

    def known(self, key: str | None, data: bytes | None = None) -> Study | None:
        """The study that an upload with this key made before.

        Raises:
            KeyReused: it was made of another file.
            Unavailable: it is being made just now.
        """
        if key is None:
            return None
        self._take_back_what_was_cut_off()
        with self.database.session() as session:
            study = session.scalars(select(Study).where(Study.upload_key == _key(key))).first()
        if study is None:
            return None
        if study.status == ARRIVING:
            raise Unavailable("The same upload is being received just now; try again in a moment.")
        if data is not None and study.upload_sha256 != _digest(data):
            raise KeyReused("The same Idempotency-Key came with another file before; use a new key for each upload.")
        return study

    def of_sample(self, sample_id: str | None) -> Study | None:
        """The study that was made of a sample before.

        Raises:
            Unavailable: it is being made just now.
        """
        if sample_id is None:
            return None
        self._take_back_what_was_cut_off()
        made = select(SampleStudy.study_id).where(
            SampleStudy.sample_id == sample_id, SampleStudy.audience == audience()
        )
        with self.database.session() as session:
            study = session.scalars(select(Study).where(Study.id.in_(made))).first()
        if study is not None and study.status == ARRIVING:
            raise Unavailable("A study of this sample is being made just now; try again in a moment.")
        return study

    def receive(self, upload: Upload) -> Study:
        """Keep an upload and have it analysed. Once this returns, the study is there whatever happens.

        The row comes first and the file second, so that there is never a file without a row; whatever is cut off in
        between is found by its row, and deleted.

        Raises:
            KeyReused: see ``known``.
            Unavailable: it could not be kept; nothing of it is left.
        """
        self._take_back_what_was_cut_off()
        study, job = self._rows(upload)
        try:
            with self.database.session() as session:
                session.add(study)
                session.flush()
                session.add(job)
                if upload.sample_id:
                    session.add(SampleStudy(sample_id=upload.sample_id, study_id=study.id))
                session.commit()
        except IntegrityError:
            if (made := self.known(upload.key, upload.data) or self.of_sample(upload.sample_id)) is None:
                raise
            return made
        try:
            self._write(study.id, upload)
            with self.database.session() as session:
                session.execute(update(Study).where(Study.id == study.id).values(status="queued"))
                session.execute(
                    update(Job).where(Job.id == job.id).values(state="queued", claimed_by=None, lease_until=None)
                )
                session.commit()
        except BaseException:
            self._take_back(study.id)
            raise
        study.status = "queued"
        self.jobs.announce(job)
        return study

    def find(self, study_id: str) -> Study:
        """The study of that id.

        Raises:
            NoSuchStudy: there is none.
        """
        with self.database.session() as session:
            found = session.scalars(select(Study).where(Study.id == study_id, Study.status != ARRIVING)).first()
        if found is None:
            raise NoSuchStudy
        return found

    def analyse_again(self, study_id: str) -> Study:
        """Have a study that failed analysed again. One that waits again already is given as it is.

        Raises:
            NoSuchStudy: there is none.
            NotFailed: it is done, or an earlier version of ChestLens left it incomplete.
        """
        study = self.find(study_id)
        if not self.jobs.repeat(study_id) and study.status in ("done", "failed"):
            raise NotFailed
        return self.find(study_id)

    def result(self, study_id: str) -> Result:
        """What was found in a finished study.

        Raises:
            NoSuchStudy: it was deleted.
        """
        try:
            return results.read_result(self.storage, study_id, rewritten=self._is_rewritten(study_id))
        except Gone:
            raise NoSuchStudy from None

    def reference(self, study_id: str) -> dict[str, Any] | None:
        """What a collection says of the radiograph, as ``reference_of`` gave it; None for most studies."""
        try:
            found: dict[str, Any] | None = json.loads(self.storage.read(study_id, results.REFERENCE))
        except Gone:
            return None
        return found

    def ehr(self, study_id: str) -> dict[str, Any] | None:
        """The health record of a study, as ``core.vlm.ehr.read_ehr`` gave it; None for most studies."""
        try:
            found: dict[str, Any] = json.loads(self.storage.read(study_id, results.EHR))
        except Gone:
            return None
        return found

    def keep_ehr(self, study_id: str, ehr: dict[str, Any] | None) -> None:
        """Keep another health record, or none.

        Raises:
            NoSuchStudy: it was deleted.
        """
        if ehr is None:
            self.storage.remove(study_id, results.EHR)
            return
        try:
            self.storage.write(study_id, results.EHR, json.dumps(ehr).encode())
        except Gone:
            raise NoSuchStudy from None

    def heatmaps(self, study_id: str) -> dict[str, npt.NDArray[np.float32]]:
        """All heatmaps (h, w) in [0, 1] of a finished study, by finding.

        Raises:
            NoSuchStudy: it was deleted.
        """
        try:
            return results.read_heatmaps(self.storage, study_id)
        except Gone:
            raise NoSuchStudy from None

    def reported(self, study: Study, review: Review | None) -> ReportedStudy:
        """A finished study as exports take it.

        Raises:
            NoSuchStudy: it was deleted.
        """
        result = self.result(study.id)
        try:
            radiograph = results.read_radiograph(self.storage, study.id, result)
            prediction = results.read_prediction(self.storage, study.id, result.evidence)
        except Gone:
            raise NoSuchStudy from None
        return ReportedStudy(
            radiograph, prediction, result.evidence, result.report, study.filename, study.created, review
        )

    def rewrite_job(self, study_id: str) -> Job | None:
        """The job that rewords a study's report; None where there is none."""
        with self.database.session() as session:
            return session.scalars(select(Job).where(Job.study_id == study_id, Job.kind == "rewrite")).first()

    def read(self, study_id: str, name: str) -> bytes:
        """A file of a study.

        Raises:
            NoSuchStudy: it was deleted.
        """
        try:
            return self.storage.read(study_id, name)
        except Gone:
            raise NoSuchStudy from None

    def delete(self, study_id: str) -> None:
        """Remove a study: its files, its rows, what refers to them, and the exports in which it stands.

        The files go first: on a full disk there is then room to write that the row is gone. Whatever is cut off is
        brought to its end by ``sweep``.

        Raises:
            NoSuchStudy: there is none.
        """
        self.find(study_id)
        self.remove(study_id)

    def sweep(self) -> None:
        """Bring begun deletions to their end, remove files without a row, and delete what is older than it may be."""
        for study_id in self.storage.condemned():
            self.remove(study_id)
        self.recover()
        with self.database.session() as session:
            unfetched = list(session.scalars(select(Export.id).where(Export.created < now() - _EXPORTS_KEPT)))
        for export_id in unfetched:
            self.remove(export_id)
        # A row is there before its files are, so that whatever is listed before the rows are has one, or none any more.
        there = self.storage.studies()
        while some := set(islice(there, _SWEPT_AT_ONCE)):
            with self.database.session() as session:
                rows = (session.scalars(select(table.id).where(table.id.in_(some))) for table in (Study, Export))
                without = some.difference(*rows)
            for study_id in without:
                log.warning("files without a study were removed: %s", study_id)
                self.remove(study_id)
        if days := self.settings.retention_days:
            with self.database.session() as session:
                old = list(session.scalars(select(Study.id).where(Study.created < now() - timedelta(days=days))))
            for study_id in old:
                self.remove(study_id)
            if old:
                AuditLog(self.database).add("delete", actor="(retention)", studies=old, detail={"days": days})

    def recover(self) -> None:
        """Put jobs back whose process is gone, and remove uploads that were cut off."""
        for study_id in self.jobs.recover():
            self.remove(study_id)

    def checks(self) -> dict[str, Callable[[], object]]:
        """What must work, by name; each raises ``Unavailable`` where it does not.

        Workers have the models, and do not start without.
        """
        return {
            "database": self.jobs.waiting,
            "storage": self.storage.check,
            "queue": lambda: self.delivery.is_empty("analyse"),
            "models": self.jobs.check_workers,
        }

    def close(self) -> None:
        """Release database and queue."""
        self.delivery.close()
        self.database.close()

    def _rows(self, upload: Upload) -> tuple[Study, Job]:
        study_id, moment = uuid.uuid4().hex, now()
        filename = clean_name(upload.filename)
        if not self.settings.keep_identifiers:
            filename = f"radiograph-{study_id[:8]}{PurePath(filename).suffix[:8]}"
        study = Study(
            id=study_id,
            filename=filename,
            created=moment,
            status=ARRIVING,
            summary={},
            forced=upload.forced,
            upload_key=upload.key and _key(upload.key),
            upload_sha256=upload.key and _digest(upload.data),
            layout=results.LAYOUT,
        )
        priority = BATCH if upload.batch else SINGLE
        job = Job(study_id=study_id, kind="analyse", state=ARRIVING, priority=priority, claimed_by=me())
        job.lease_until = moment + 10 * LEASE
        return study, job

    def _write(self, study_id: str, upload: Upload) -> None:
        self.storage.create(study_id)
        self.storage.write(study_id, results.UPLOAD, upload.data)
        if upload.reference is not None:
            self.storage.write(study_id, results.REFERENCE, json.dumps(upload.reference).encode())
        if upload.ehr is not None:
            self.storage.write(study_id, results.EHR, json.dumps(upload.ehr).encode())
        if upload.admitted is not None and self.storage.is_folder and self.jobs.waiting() < _LEFT_DECODED:
            results.write_decoded(self.storage, study_id, upload.admitted)
            results.write_identifiers(self.storage, study_id, self.kept(upload.admitted))

    def kept(self, admitted: Admitted) -> dict[str, str]:
        """The identifiers of a radiograph that may be kept."""
        return admitted.radiograph.source if self.settings.keep_identifiers else {}

    def _take_back(self, study_id: str) -> None:
        try:
            self.remove(study_id)
        except Exception:
            log.warning("an upload that could not be kept is removed as soon as that is possible")
            self._cut_off.add(study_id)

    def _take_back_what_was_cut_off(self) -> None:
        """Free the keys of uploads that failed, so that they can be sent again at once.

        Where this process ends before, a worker finds them by their rows.
        """
        if not (cut_off := set(self._cut_off)):
            return
        with seen_by(None):  # whoever sent them
            with self.database.session() as session:
                # Of these, only the answer of the database got lost.
                kept = set(session.scalars(select(Study.id).where(Study.id.in_(cut_off), Study.status != ARRIVING)))
            for study_id in cut_off - kept:
                self.remove(study_id)
        self._cut_off -= cut_off

    def remove(self, study_id: str) -> None:
        """Remove whatever there is of a study, or of an export, known or not."""
        self.storage.condemn(study_id)
        with self.database.session() as session:
            for table in (Study, Export):
                session.execute(delete(table).where(table.id == study_id))
            session.commit()
        for export_id in self._exports_with(study_id):
            self.remove(export_id)
        self.storage.forget(study_id)
        with suppress(Unavailable):
            self.database.forget_deleted()

    def _exports_with(self, study_id: str) -> list[str]:
        """Exports in which a study stands. What one holds is written before any of it is read (``Exporting``)."""
        with self.database.session() as session:
            made = session.execute(select(Export.id, Export.total)).tuples().all()
        return [export_id for export_id, total in made if self._may_hold(export_id, total, study_id)]

    def _may_hold(self, export_id: str, total: int | None, study_id: str) -> bool:
        try:
            return study_id.encode() in self.storage.read(export_id, results.LISTED)
        except Gone:
            return total is not None  # begun by a version that kept no list

    def _is_rewritten(self, study_id: str) -> bool:
        job = self.rewrite_job(study_id)
        return job is not None and job.state == "done"


def _key(key: str) -> str:
    """A sender's key as it is kept: it means something to the same people only."""
    return _digest(f"{audience()}\0{key}".encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
