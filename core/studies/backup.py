"""Everything that a server keeps in one archive, and back: for safety, and to move to another database or storage.

The archive is a tar file that any tar reads: ``manifest.json``, one file of JSON lines for each table, the files of the
studies as they are stored (what identifies patients stays encrypted), and the key, where the server made it itself.
"""

import io
import json
import os
import re
import tarfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Table, insert, select

from core.atomic import replacing
from core.errors import ChestLensError
from core.settings import ServerSettings
from core.studies.cipher import SECRET_FILE
from core.studies.database import revisions
from core.studies.errors import Gone
from core.studies.studies import Studies
from core.studies.tables import Base, Export, Presence

_MANIFEST, _KIND = "manifest.json", "ChestLens backup"
_FILE_OF_STUDY = re.compile(r"studies/([0-9a-f]{32})/([a-z][a-z0-9_.]*)")


class BackupError(ChestLensError):
    """A backup cannot be read, or not here."""


def back_up(settings: ServerSettings, archive: Path) -> int:
    """Write all there is into an archive; the server may run meanwhile.

    Returns:
        Number of studies.

    Raises:
        OSError: the archive cannot be written.
        Unavailable: database or storage cannot be used.
    """
    studies = Studies(settings)
    try:
        rows = _rows(studies)
        with replacing(archive) as partial, tarfile.open(partial, "w") as tar:
            ids = [row["id"] for row in rows["studies"]]
            # One that is deleted while its files are copied is left out with its rows.
            kept = {study_id for study_id in ids if _copy_files(studies, study_id, tar)}
            for name, lines in rows.items():
                if name in _of_studies():
                    lines = [line for line in lines if line.get("study_id", line.get("id")) in kept]
                _add(tar, f"tables/{name}.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
            key_file = settings.instance / SECRET_FILE
            if not settings.secret_key and key_file.is_file():
                _add(tar, SECRET_FILE, key_file.read_bytes())
            manifest = {"kind": _KIND, "schema": revisions()[-1], "studies": len(kept)}
            _add(tar, _MANIFEST, json.dumps(manifest, indent=2).encode())
        return len(kept)
    finally:
        studies.close()


def restore(settings: ServerSettings, archive: Path) -> int:
    """Read an archive into an empty server.

    Returns:
        Number of studies.

    Raises:
        BackupError: it is no backup, of another version, or the server is not empty.
        OSError: the archive cannot be read.
        Unavailable: database or storage cannot be used.
    """
    try:
        with tarfile.open(archive) as tar:
            manifest = json.loads(_content(tar, _MANIFEST))
            if manifest.get("kind") != _KIND:
                raise BackupError(f"{archive} is no backup of ChestLens.")
            if manifest["schema"] != revisions()[-1]:
                raise BackupError(
                    f"{archive} was made with schema {manifest['schema']} and this version has {revisions()[-1]}; "
                    "restore it with the version that made it, and then start this one."
                )
            _restore_key(settings, tar)
            return _restore_all(settings, tar)
    except (tarfile.TarError, KeyError, ValueError) as error:
        if isinstance(error, ChestLensError):
            raise
        raise BackupError(f"{archive} is no backup of ChestLens, or damaged.") from None


def _restore_key(settings: ServerSettings, tar: tarfile.TarFile) -> None:
    if settings.secret_key or SECRET_FILE not in tar.getnames():
        return
    if (settings.instance / SECRET_FILE).exists():
        raise BackupError(f"{settings.instance} is in use already; name an empty folder in CHESTLENS_INSTANCE.")
    settings.instance.mkdir(parents=True, exist_ok=True)
    number = os.open(settings.instance / SECRET_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(_content(tar, SECRET_FILE))


def _restore_all(settings: ServerSettings, tar: tarfile.TarFile) -> int:
    studies = Studies(settings)
    try:
        with studies.database.session() as session:
            for table in _tables():
                if session.execute(select(table).limit(1)).first() is not None:
                    raise BackupError(
                        "The database is in use already, by studies or accounts; name an empty one in DATABASE_URL."
                    )
        made: set[str] = set()
        for member in tar:
            if member.isfile() and member.name.startswith("studies/"):
                study_id, name = _placed(member.name)
                if study_id not in made:
                    studies.storage.create(study_id)
                    made.add(study_id)
                studies.storage.put(study_id, name, _content(tar, member.name))
        with studies.database.session() as session:
            for table in _tables():
                lines = _content(tar, f"tables/{table.name}.jsonl").decode().splitlines()
                if lines:
                    session.execute(insert(table), [_from_json(table, json.loads(line)) for line in lines])
            studies.database.restart_numbers(session)
            session.commit()
        return len(made)
    finally:
        studies.close()


def _placed(path: str) -> tuple[str, str]:
    """Whose file a member is, and which; an archive from elsewhere must not write to other places."""
    if (found := _FILE_OF_STUDY.fullmatch(path)) is None:
        raise ValueError(path)
    return found[1], found[2]


def _rows(studies: Studies) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables at one moment."""
    with studies.database.session() as session:
        session.connection(execution_options=studies.database.one_moment)
        return {
            table.name: [_as_json(dict(row)) for row in session.execute(select(table)).mappings()]
            for table in _tables()
        }


def _tables() -> list[Table]:
    """All tables but those of exports, which are made again, and of workers, which are those of now."""
    passing = (Export.__tablename__, Presence.__tablename__)
    return [table for table in Base.metadata.sorted_tables if table.name not in passing]


def _of_studies() -> set[str]:
    """Tables whose rows go with a study."""
    return {"studies"} | {
        table.name for table in Base.metadata.sorted_tables if "study_id" in table.c and table.c.study_id.foreign_keys
    }


def _copy_files(studies: Studies, study_id: str, tar: tarfile.TarFile) -> bool:
    try:
        for name, data in _files(studies, study_id):
            _add(tar, f"studies/{study_id}/{name}", data)
    except Gone:
        return False
    return True


def _files(studies: Studies, study_id: str) -> Iterator[tuple[str, bytes]]:
    names = studies.storage.names(study_id)
    if not names:
        raise Gone
    for name in names:
        yield name, studies.storage.get(study_id, name)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()


def _as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def _from_json(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    moments = {column.name for column in table.c if isinstance(getattr(column.type, "impl", column.type), DateTime)}
    return {name: datetime.fromisoformat(value) if name in moments and value else value for name, value in row.items()}
