"""Studies in an object store, tried against a real S3 server on this machine."""

from collections.abc import Callable

import pytest

from core.studies.cipher import Cipher
from core.studies.errors import Gone, Unavailable
from core.studies.storage import Storage, open_storage

STUDY = "0123456789abcdef" * 2


@pytest.fixture
def storage(new_bucket: Callable[[], str]) -> Storage:
    return open_storage(f"{new_bucket()}/studies", Cipher("k" * 32))


def test_an_object_store_keeps_and_forgets_studies_like_a_folder(storage: Storage) -> None:
    storage.check()
    storage.create(STUDY)
    storage.write(STUDY, "upload", b"SECRET-7")
    storage.write(STUDY, "result.json", b"{}")
    assert storage.read(STUDY, "upload") == b"SECRET-7"
    assert b"SECRET" not in storage.get(STUDY, "upload")
    assert sorted(storage.names(STUDY)) == ["result.json", "upload"]
    assert (list(storage.studies()), storage.condemned()) == ([STUDY], [])
    storage.condemn(STUDY)
    with pytest.raises(Gone):
        storage.read(STUDY, "upload")
    storage.write(STUDY, "late.json", b"{}")  # by a worker that did not know yet
    assert storage.condemned() == [STUDY]
    storage.forget(STUDY)
    assert (list(storage.studies()), storage.condemned()) == ([], [])


@pytest.mark.usefixtures("new_bucket")
def test_an_object_store_that_is_away_is_told_as_what_passes() -> None:
    with pytest.raises(Unavailable):
        open_storage("s3://no-such-bucket/studies", Cipher("k" * 32)).write(STUDY, "upload", b"bytes")
