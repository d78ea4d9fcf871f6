"""A backup brings everything back, on an empty server only."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from core.accounts import Accounts
from core.settings import ServerSettings
from core.studies.backup import BackupError, back_up, restore
from core.studies.database import Database
from core.studies.reviews.record import first_fault
from core.studies.reviews.store import Entry, ReviewStore
from core.studies.studies import Studies, Upload


def test_a_backup_brings_studies_reviews_and_files_to_an_empty_server(settings: ServerSettings, tmp_path: Path) -> None:
    studies = Studies(settings)
    study = studies.receive(Upload("chest.png", b"SECRET-7"))
    texts = {"technique": "", "view": "", "findings": "A mass.", "impression": "Mass."}
    ReviewStore(studies.database).append(study.id, 0, [Entry("draft", 1, texts), Entry("sign", 1, texts, author="Ada")])
    studies.close()
    archive = tmp_path / "backup.tar"
    assert back_up(settings, archive) == 1
    assert archive.stat().st_mode & 0o777 == 0o600
    assert b"SECRET" not in archive.read_bytes()

    instance = tmp_path / "other"
    url = f"sqlite:///{instance / 'other.sqlite3'}"
    other = replace(settings, instance=instance, database_url=url, storage=str(instance / "studies"))
    assert restore(other, archive) == 1
    restored = Studies(other)
    assert restored.find(study.id).created == study.created
    assert restored.read(study.id, "upload") == b"SECRET-7"
    events = ReviewStore(restored.database).events(study.id)
    assert [event.kind for event in events] == ["draft", "sign"]
    assert first_fault(events) is None
    restored.close()
    with pytest.raises(BackupError, match="in use already"):
        restore(other, archive)
    with_accounts = replace(other, database_url=f"sqlite:///{tmp_path / 'accounts.sqlite3'}", secret_key="k" * 32)
    database = Database(with_accounts.database_url)
    Accounts(database).add("ada", "a long password")
    database.close()
    with pytest.raises(BackupError, match="studies or accounts"):
        restore(with_accounts, archive)
    (tmp_path / "no.tar").write_bytes(b"no archive")
    with pytest.raises(BackupError, match="no backup"):
        restore(replace(other, instance=tmp_path / "third"), tmp_path / "no.tar")


@pytest.mark.parametrize("name", ["studies/../secret_key", f"studies/{'a' * 32}/../x", f"studies/{'a' * 32}/.x"])
def test_an_archive_writes_to_no_other_place(settings: ServerSettings, tmp_path: Path, name: str) -> None:
    studies = Studies(settings)
    studies.receive(Upload("chest.png", b"SECRET-7"))
    studies.close()
    archive = tmp_path / "backup.tar"
    back_up(settings, archive)
    with tarfile.open(archive, "a") as tar:
        member = tarfile.TarInfo(name)
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    instance = tmp_path / "other"
    url = f"sqlite:///{instance / 'other.sqlite3'}"
    other = replace(settings, instance=instance, database_url=url, storage=str(instance / "studies"))
    with pytest.raises(BackupError, match="damaged"):
        restore(other, archive)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"evil"]
