import io
import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

import app as server
from core.datasets import DatasetError
from core.settings import ServerSettings
from core.web import create_app, services_of


@pytest.fixture
def app(settings: ServerSettings, nih_folder: Path) -> Any:
    application = create_app(replace(settings, samples=nih_folder))
    yield application
    services_of(application).close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _first(client: FlaskClient, **parameters: str) -> dict[str, Any]:
    return client.get("/api/samples", query_string=parameters).json["samples"][0]


def _finish(client: FlaskClient, study_id: str) -> dict[str, Any]:
    for _ in range(600):
        study = client.get(f"/api/studies/{study_id}").json
        if study["status"] in ("done", "failed"):
            return study
        time.sleep(0.05)
    raise AssertionError("the study did not finish within 30 s")


def test_samples_are_listed_searched_and_paged(client: FlaskClient) -> None:
    listed = client.get("/api/samples?limit=5&offset=20").json
    assert (len(listed["samples"]), listed["total"]) == (4, 24)
    assert client.get("/api/samples?query=00000003&finding=Mass").json["total"] == 2
    assert client.get("/api/samples?query=no finding").json["total"] == 16
    sample = _first(client, finding="Mass")
    assert (sample["labels"], sample["n_boxes"], sample["study"]) == (["Effusion", "Mass"], 1, None)


def test_thumbnails_are_made_once_and_again_when_the_file_changed(
    client: FlaskClient, settings: ServerSettings, nih_folder: Path
) -> None:
    sample = _first(client)
    picture = client.get(sample["thumbnail"], buffered=True)
    assert max(Image.open(io.BytesIO(picture.data)).size) <= 256
    assert "no-store" not in picture.headers["Cache-Control"]
    (cached,) = (settings.instance / "thumbnails").iterdir()
    made = cached.stat().st_mtime_ns
    client.get(sample["thumbnail"], buffered=True)
    assert cached.stat().st_mtime_ns == made
    path = nih_folder / "images" / sample["name"]
    shutil.copyfile(nih_folder / "images" / "00000012_001.png", path)
    assert client.get(sample["thumbnail"], buffered=True).data != picture.data


def test_a_sample_becomes_one_study_with_what_its_collection_says(client: FlaskClient) -> None:
    sample = _first(client, finding="Mass")
    created = client.post(f"/api/samples/{sample['id']}")
    assert created.status_code == 201
    again = client.post(f"/api/samples/{sample['id']}")
    assert (again.status_code, again.json["id"]) == (200, created.json["id"])
    study = _finish(client, created.json["id"])
    assert study["filename"] == sample["name"]
    reference = study["reference"]
    assert reference["labels"] == ["Effusion", "Mass"]
    # Boxes are given in pixels of the published 1024; the image at hand has 128.
    assert reference["boxes"] == [{"finding": "Mass", "x": 20.0, "y": 70.0, "width": 30.0, "height": 30.0}]
    assert reference["report"] is None
    assert _first(client, finding="Mass")["study"]["status"] == "done"

    assert client.delete(f"/api/studies/{study['id']}").status_code == 204
    assert _first(client, finding="Mass")["study"] is None
    assert client.post(f"/api/samples/{sample['id']}").status_code == 201


def test_choosing_a_sample_twice_at_once_makes_one_study(app: Flask) -> None:
    sample = _first(app.test_client())
    ids: list[str] = []

    def choose() -> None:
        ids.append(app.test_client().post(f"/api/samples/{sample['id']}").json["id"])

    threads = [threading.Thread(target=choose) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1
    assert app.test_client().get("/api/studies").json["total"] == 1


def test_uploads_and_samples_without_labels_have_no_reference(
    settings: ServerSettings, tmp_path: Path, phantom_png_bytes: bytes
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "chest.png").write_bytes(phantom_png_bytes)
    (tmp_path / "plain" / "broken.png").write_bytes(phantom_png_bytes[:2000])
    app = create_app(replace(settings, samples=tmp_path / "plain"))
    client = app.test_client()
    broken, chest = client.get("/api/samples").json["samples"]
    assert client.post(f"/api/samples/{chest['id']}").status_code == 201
    uploaded = client.post("/api/studies", data={"file": (io.BytesIO(phantom_png_bytes), "x.png")}).json["id"]
    studies = client.get("/api/studies").json["studies"]
    assert [client.get(f"/api/studies/{study['id']}").json["reference"] for study in studies] == [None, None]
    assert uploaded in {study["id"] for study in studies}
    for answer in (client.post(f"/api/samples/{broken['id']}"), client.get(broken["thumbnail"])):
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "unreadable")
    services_of(app).close()


def test_ids_are_no_paths_and_paths_are_told_nowhere(client: FlaskClient, nih_folder: Path) -> None:
    for wanted in ("..%2f..%2fetc%2fpasswd", "00000001_000.png", "%00", "a" * 500):
        assert client.get(f"/api/samples/{wanted}/thumbnail.png").status_code == 404
        assert client.post(f"/api/samples/{wanted}").status_code == 404
    assert str(nih_folder.parent) not in json.dumps(client.get("/api/samples").json) + client.get("/samples").text


def test_a_file_that_became_a_link_out_of_the_folder_is_not_read(
    client: FlaskClient, nih_folder: Path, tmp_path: Path
) -> None:
    sample = _first(client)
    path = nih_folder / "images" / sample["name"]
    shutil.move(path, tmp_path / "secret.png")
    assert client.get(sample["thumbnail"]).status_code == 404
    path.symlink_to(tmp_path / "secret.png")
    assert client.get(sample["thumbnail"]).status_code == 404
    assert client.post(f"/api/samples/{sample['id']}").status_code == 404


def test_without_samples_there_is_no_gallery(settings: ServerSettings) -> None:
    app = create_app(settings)
    client = app.test_client()
    assert client.get("/samples").status_code == 404
    assert client.get("/api/samples").json == {"samples": [], "total": 0}
    assert "sample-grid" not in client.get("/").text
    services_of(app).close()


def test_a_wrong_folder_ends_the_start_with_one_sentence(
    settings: ServerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DatasetError, match="no folder"):
        create_app(replace(settings, samples=tmp_path / "missing"))
    monkeypatch.setenv("CHESTLENS_INSTANCE", str(tmp_path / "instance"))
    assert server.main(["--port", "0", "--samples", str(tmp_path / "missing")]) == 1
    assert "--samples" in capsys.readouterr().err
