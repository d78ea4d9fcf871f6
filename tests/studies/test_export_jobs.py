"""Exports of many studies are made by a job, for whom asked, and leave nothing behind."""

import csv
import io
import time
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from deployments import wait_until
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from core.reporting import FORMATS
from core.settings import ServerSettings
from core.studies import exports
from core.studies.errors import NoSuchExport, QueueFull
from core.studies.exports import Exports
from core.studies.studies import Studies
from core.studies.tables import AuditEntry, Export, Job, Study, now
from core.studies.viewer import Viewer, seen_by
from core.studies.worklist import Query
from core.web import services_of


@pytest.fixture
def client(app: Flask, phantom_png_bytes: bytes) -> FlaskClient:
    """A server with three studies."""
    client = app.test_client()
    for name in "abc":
        data = {"file": (io.BytesIO(phantom_png_bytes), f"{name}.png")}
        assert client.post("/api/studies", data=data).status_code == 201
    while client.get("/api/studies").json["unfinished"]:
        time.sleep(0.05)
    return client


def _finished(client: FlaskClient, url: str) -> dict[str, Any]:
    for _ in range(600):
        made = client.get(url).json
        if made["status"] in ("done", "failed"):
            return made
        time.sleep(0.05)
    raise AssertionError("the export did not finish within 30 s")


def _files(settings: ServerSettings) -> int:
    return sum(1 for path in (settings.instance / "studies").iterdir() if not path.name.startswith("."))


def test_a_table_too_long_for_one_answer_is_made_by_a_job(
    client: FlaskClient, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = client.get("/api/studies.csv?sort=name", buffered=True).data
    monkeypatch.setattr(exports, "LONGEST_TABLE", 2)
    refused = client.get("/api/studies.csv")
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "too_many")
    assert "POST /api/exports" in refused.json["error"]["message"]

    asked = client.post("/api/exports?sort=name")
    assert (asked.status_code, asked.headers["Location"]) == (202, asked.json["links"]["self"])
    made = _finished(client, asked.json["links"]["self"])
    assert (made["status"], made["progress"], made["error"]) == ("done", 1.0, None)
    answer = client.get(made["links"]["file"], buffered=True)
    assert answer.headers["Content-Disposition"] == "attachment; filename=studies.csv"
    assert answer.data == short
    assert [row["name"] for row in csv.DictReader(io.StringIO(answer.text))][::14] == ["a.png", "b.png", "c.png"]
    kept = (settings.instance / "studies" / made["id"] / "export").read_bytes()
    assert b"a.png" not in kept  # names of files may be those of patients

    assert client.delete(made["links"]["self"]).status_code == 204
    assert client.get(made["links"]["self"]).status_code == 404
    assert client.get(made["links"]["file"]).json["error"]["code"] == "not_found"
    assert _files(settings) == 3


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_of_a_report_comes_as_an_archive_of_many_too(client: FlaskClient, file_format: str) -> None:
    asked = client.post(f"/api/exports?sort=name&format={file_format}").json
    made = _finished(client, asked["links"]["self"])
    assert (made["format"], made["status"], made["error"]) == (file_format, "done", None)
    answer = client.get(made["links"]["file"], buffered=True)
    assert answer.headers["Content-Disposition"] == "attachment; filename=studies.zip"
    listed = client.get("/api/studies?sort=name").json["studies"]
    single = FORMATS[file_format].file_name
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        stems = ["chestlens"] * 3 if FORMATS[file_format].anonymous else ["a", "b", "c"]
        assert archive.namelist() == [f"{number:04}-{stem}-{single}" for number, stem in enumerate(stems, start=1)]
        for study, name in zip(listed, archive.namelist(), strict=True):
            alone = client.get(f"/api/studies/{study['id']}/{single}", buffered=True).data
            assert archive.read(name) == alone


def test_an_archive_that_would_be_too_large_or_of_no_format_is_refused_with_a_sentence(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = client.post("/api/exports?format=docx")
    assert (refused.status_code, "choose one of txt, json" in refused.json["error"]["message"]) == (400, True)
    with monkeypatch.context() as of_few:
        of_few.setattr(exports, "_MOST_FILES", 2)
        refused = client.post("/api/exports?format=pdf")
        assert (refused.status_code, refused.json["error"]["code"]) == (400, "too_many")
        assert client.post("/api/exports?format=pdf&query=a.png").status_code == 202
    monkeypatch.setattr(exports, "_LARGEST_ARCHIVE", 100)
    made = _finished(client, client.post("/api/exports?format=json").json["links"]["self"])
    assert (made["status"], made["error"]["code"]) == ("failed", "too_many")
    assert client.get(made["links"]["file"]).status_code == 404


def test_a_deleted_study_is_in_no_table_either(client: FlaskClient, settings: ServerSettings) -> None:
    made = _finished(client, client.post("/api/exports").json["links"]["self"])
    client.delete(f"/api/studies/{client.get('/api/studies').json['studies'][0]['id']}")
    assert client.get(made["links"]["file"]).status_code == 404
    assert _files(settings) == 2


@pytest.mark.parametrize("file_format", ["table", "json"])
def test_an_export_stays_when_a_study_is_deleted_that_is_not_in_it(client: FlaskClient, file_format: str) -> None:
    url = f"/api/exports?format={file_format}&query=a.png"
    made = _finished(client, client.post(url).json["links"]["self"])
    others = [study["id"] for study in client.get("/api/studies").json["studies"] if study["filename"] != "a.png"]
    assert len(others) == 2
    for study_id in others:
        client.delete(f"/api/studies/{study_id}")
    assert client.get(made["links"]["file"]).status_code == 200


def test_an_export_that_is_being_made_goes_with_its_study(
    client: FlaskClient, app: Flask, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    studies = services_of(app).studies
    study_id = client.get("/api/studies").json["studies"][0]["id"]
    plain = exports.as_csv

    def delete_meanwhile(rows: Any) -> str:
        table = plain(rows)
        studies.delete(study_id)
        return table

    monkeypatch.setattr(exports, "as_csv", delete_meanwhile)
    asked = client.post("/api/exports").json
    wait_until(lambda: client.get(asked["links"]["self"]).status_code == 404)
    wait_until(lambda: _files(settings) == 2)


def test_what_nobody_has_fetched_for_a_day_is_removed_and_noted_it_was(
    client: FlaskClient, app: Flask, settings: ServerSettings
) -> None:
    made = _finished(client, client.post("/api/exports").json["links"]["self"])
    studies = services_of(app).studies
    studies.sweep()
    assert client.get(made["links"]["file"]).status_code == 200
    with studies.database.session() as session:
        session.execute(update(Export).values(created=now() - timedelta(days=1, minutes=1)))
        session.commit()
    studies.sweep()
    assert client.get(made["links"]["self"]).status_code == 404
    assert _files(settings) == 3
    with studies.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Job).where(Job.kind == "export")) == 0
        noted = session.scalars(select(AuditEntry)).all()
    assert {(entry.action, entry.detail["file"]) for entry in noted} == {("export", "studies.csv")}
    assert len({entry.study_id for entry in noted}) == 3


@pytest.mark.parametrize("file_format", ["table", "json"])
def test_an_export_holds_only_what_its_person_sees(client: FlaskClient, app: Flask, file_format: str) -> None:
    studies = services_of(app).studies
    with studies.database.session() as session:
        session.execute(update(Study).where(Study.filename == "a.png").values(owner_id=1, owner_group="ward"))
        session.execute(update(Study).where(Study.filename == "b.png").values(owner_id=2, owner_group="other"))
        session.commit()
    made = Exports(studies)
    with seen_by(Viewer(3, "ward")):
        export = made.ask(Query(), file_format)
        wait_until(lambda: made.find(export.id)[1].state == "done")
        data = made.file(export.id)
    if file_format == "json":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.namelist() == ["0001-a-report.json"]
    else:
        assert {row["name"] for row in csv.DictReader(io.StringIO(data.decode()))} == {"a.png"}


def test_an_export_is_for_whom_asked_alone_and_few_are_made_at_once(studies: Studies) -> None:
    made = Exports(studies)
    with seen_by(Viewer(1, "ward")):
        mine = made.ask(Query())
        assert made.find(mine.id)[1].state == "queued"
    with seen_by(Viewer(2, "ward")):
        with pytest.raises(NoSuchExport):
            made.find(mine.id)
        for _ in range(3):
            made.ask(Query())
        with pytest.raises(QueueFull):
            made.ask(Query())
    with seen_by(Viewer(1, "ward")):
        made.remove(mine.id)
        with pytest.raises(NoSuchExport):
            made.find(mine.id)
