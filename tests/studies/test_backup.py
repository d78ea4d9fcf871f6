"""A backup brings everything back, on an empty server only."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.settings import ServerSettings
from core.studies.backup import BackupError, back_up, restore
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
    (tmp_path / "no.tar").write_bytes(b"no archive")
    with pytest.raises(BackupError, match="no backup"):
        restore(replace(other, instance=tmp_path / "third"), tmp_path / "no.tar")
