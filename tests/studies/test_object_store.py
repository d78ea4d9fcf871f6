"""Studies in an object store, tried against a real S3 server on this machine."""

import uuid
from collections.abc import Iterator

import pytest

from core.studies.cipher import Cipher
from core.studies.errors import Gone, Unavailable
from core.studies.storage import Storage, open_storage

STUDY = "0123456789abcdef" * 2


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    server_module = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name, value in {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"chest-{uuid.uuid4().hex}"  # the server remembers those of other tests
    s3fs.S3FileSystem().mkdir(bucket)
    yield open_storage(f"s3://{bucket}/studies", Cipher("k" * 32))
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


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


def test_an_object_store_that_is_away_is_told_as_what_passes(monkeypatch: pytest.MonkeyPatch, storage: Storage) -> None:
    with pytest.raises(Unavailable):
        open_storage("s3://no-such-bucket/studies", Cipher("k" * 32)).write(STUDY, "upload", b"bytes")
