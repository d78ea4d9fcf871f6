"""Folders of studies as earlier versions kept them, brought to the one layout that everything else reads.

Layout 1 had the upload as it was sent, what was found in ``evidence.json``, the same once more as the interface gave it
in ``result.json``, and marks as empty files. A kill in the middle is made good at the next start: the row says which
layout its folder has, and every step may be done twice.
"""

import contextlib
import fcntl
import io
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from core.settings import ServerSettings
from core.studies import results, worklist
from core.studies.cipher import WrongKey
from core.studies.database import Database
from core.studies.errors import Gone
from core.studies.jobs import BATCH
from core.studies.storage import Storage
from core.studies.tables import Job, Rating, Study

log = logging.getLogger(__name__)

_AT_ONCE = 50
_OLD = {
    "status": "failed",
    "error_code": "earlier_version",
    "error_message": "An earlier version of ChestLens left this study incomplete; upload the file again.",
}


def upgrade_files(database: Database, storage: Storage, settings: ServerSettings) -> None:
    """Convert what is left of layout 1; does nothing where there is none.

    Raises:
        Unavailable: database or storage cannot be used.
    """
    earlier = select(Study.id).where(Study.layout < results.LAYOUT).order_by(Study.id)
    with database.session() as session:
        if session.scalars(earlier.limit(1)).first() is None:
            return
    with _alone(settings.instance):
        _close_to_others(settings.instance)
        folders = settings.instance / "studies"
        with database.session() as session:
            ids = list(session.scalars(earlier))
        for start in range(0, len(ids), _AT_ONCE):
            _upgrade(database, storage, folders, ids[start : start + _AT_ONCE], keep=settings.keep_identifiers)
        log.info("the files of %d studies were brought to the present layout", len(ids))


@contextmanager
def _alone(instance: Path) -> Iterator[None]:
    """Of several processes that start at once, one converts, and the others wait."""
    with open(instance / "upgrade.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _close_to_others(instance: Path) -> None:
    for folder, _, names in os.walk(instance):
        os.chmod(folder, 0o700)
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.chmod(os.path.join(folder, name), 0o600)


def _upgrade(database: Database, storage: Storage, folders: Path, ids: list[str], *, keep: bool) -> None:
    with database.session() as session:
        for study in session.scalars(select(Study).where(Study.id.in_(ids))):
            folder, values = folders / study.id, dict[str, Any](layout=results.LAYOUT)
            storage.create(study.id)
            try:
                values |= _convert(session, storage, folder, study, keep=keep)
            except (OSError, ValueError, KeyError, TypeError, Gone):
                log.warning("study %s of an earlier version is incomplete", study.id)
                values |= _OLD
            session.execute(update(Study).where(Study.id == study.id).values(**values))
        os.sync()  # once for all files that were written since
        session.commit()
    for study_id in ids:
        if storage.is_folder and (folders / study_id / results.UPLOAD).exists():
            for name in ("evidence.json", "forced"):
                (folders / study_id / name).unlink(missing_ok=True)
        else:
            shutil.rmtree(folders / study_id, ignore_errors=True)


def _convert(session: Session, storage: Storage, folder: Path, study: Study, *, keep: bool) -> dict[str, Any]:
    """Write a study's files in the present layout; gives what changes in its row."""
    upload = _upload(storage, folder, study.id)
    forced = (folder / "forced").exists()
    if study.status == "failed":
        return {"forced": forced}
    if study.status != "done":
        if not session.scalar(select(exists().where(Job.study_id == study.id, Job.kind == "analyse"))):
            session.add(Job(study_id=study.id, kind="analyse", priority=BATCH))
        return {"forced": forced, "status": "queued", "progress": 0.0}
    evidence_file = folder / "evidence.json"
    if evidence_file.exists():
        _convert_result(session, storage, folder, study, upload, keep=keep)
    result = results.read_result(storage, study.id, rewritten=False)
    if not session.scalar(select(exists().where(Rating.study_id == study.id))):
        worklist.keep_calls(session, study.id, result.evidence.findings, undoubted=result.evidence.undoubted)
    return {"forced": forced}


def _convert_result(
    session: Session, storage: Storage, folder: Path, study: Study, upload: bytes, *, keep: bool
) -> None:
    stored = json.loads((folder / "evidence.json").read_text())
    shown = json.loads((folder / results.RESULT).read_text())
    there = storage.names(study.id)
    for name in (results.IMAGE, results.PIXELS, results.HEATMAPS, results.REFERENCE):
        # Files are whole or not there: what is in its place already stays.
        if name not in there and (folder / name).exists():
            storage.write(study.id, name, (folder / name).read_bytes(), durable=False)
    image = {name: shown["image"][name] for name in ("width", "height", "pixel_spacing_mm")}
    image["pixels"] = shown["image"].get("pixels")
    if image["pixels"] is None:
        with Image.open(io.BytesIO((folder / results.IMAGE).read_bytes())) as picture:
            values = np.asarray(picture.convert("L"))
        storage.write(study.id, results.PIXELS, results.compressed(values), durable=False)
        image["pixels"] = results.pixel_format(values)
    image["pixels"].pop("url", None)
    source, metadata = _facts_of(upload)
    results.write_identifiers(storage, study.id, source if keep else {}, durable=False)
    evidence = {"anatomy": None, **stored["evidence"]}
    for item in evidence["findings"]:
        item.setdefault("places", ())
    rewriting = shown.get("rewrite") or _rewriting(storage, study.id)
    if rewriting and rewriting["status"] == "done":
        rewritten = stored["report"] if stored["report"]["source"] == "vlm" else None
        rewrite = {"layout": results.LAYOUT, "report": rewritten, "state": rewriting}
        storage.write(study.id, results.REWRITE, json.dumps(rewrite).encode(), durable=False)
        if not session.scalar(select(exists().where(Job.study_id == study.id, Job.kind == "rewrite"))):
            session.add(Job(study_id=study.id, kind="rewrite", state="done", attempts=1))
    content = results.stored_result(evidence, stored.get("template", stored["report"]), image, metadata)
    storage.write(study.id, results.RESULT, content, durable=False)
    if not keep:
        storage.remove(study.id, results.UPLOAD)


def _rewriting(storage: Storage, study_id: str) -> dict[str, Any] | None:
    """How rewording ended, where a conversion that was cut off has written it already."""
    try:
        state: dict[str, Any] = json.loads(storage.read(study_id, results.REWRITE))["state"]
    except Gone:
        return None
    return state


def _upload(storage: Storage, folder: Path, study_id: str) -> bytes:
    """The upload, which is encrypted from here on."""
    try:
        return storage.read(study_id, results.UPLOAD)
    except (WrongKey, Gone):
        upload = (folder / results.UPLOAD).read_bytes()
        storage.write(study_id, results.UPLOAD, upload, durable=False)
        return upload


def _facts_of(upload: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Identifiers and format of a file that was read before."""
    if upload.startswith(b"\x89PNG"):
        return {}, {"format": "PNG"}
    if upload.startswith(b"\xff\xd8\xff"):
        return {}, {"format": "JPEG"}
    from pydicom import dcmread

    from core.imaging.dicom_source import read_source

    dataset = dcmread(io.BytesIO(upload), stop_before_pixels=True, force=True)
    metadata = {"format": "DICOM", "modality": str(dataset.get("Modality", ""))}
    if syntax := getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None):
        metadata["transfer_syntax"] = str(syntax)
    return read_source(dataset), metadata
