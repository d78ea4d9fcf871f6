"""Many radiographs in one request: several files, and zip archives."""

import io
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.settings import ServerSettings
from core.web import create_app, services_of


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _send(client: FlaskClient, data: bytes, name: str = "exams.zip") -> Any:
    return client.post("/api/studies", data={"file": (io.BytesIO(data), name)})


def _wait_for_all(client: FlaskClient) -> list[dict[str, Any]]:
    for _ in range(1200):
        listed = client.get("/api/studies?limit=200").json
        if listed["unfinished"] == 0:
            return listed["studies"]
        time.sleep(0.05)
    raise AssertionError("the studies did not finish within 60 s")


def test_each_readable_member_becomes_a_study_and_each_other_is_named_with_its_reason(
    client: FlaskClient, phantom_png_bytes: bytes, chest_dicom: Path
) -> None:
    dicom = chest_dicom.read_bytes()
    dicomdir = dicom[:132] + b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10\0" + bytes(400)
    answer = _send(
        client,
        _zip(
            {
                "exam/IM0001": dicom,
                "exam/chest.png": phantom_png_bytes,
                "exam/DICOMDIR": dicomdir,
                "exam/letter.txt": b"Dear colleague, " * 40,
                "exam/broken.png": phantom_png_bytes[:3000],
                "exam/older.zip": _zip({"a.png": phantom_png_bytes}),
                "exam/empty.dcm": b"",
                "__MACOSX/exam/._IM0001": b"resource fork",
                "exam/.DS_Store": b"bookkeeping",
            }
        ),
    )
    assert answer.status_code == 201
    assert [study["filename"] for study in answer.json["studies"]] == ["exam/IM0001", "exam/chest.png"]
    assert answer.json["skipped"] == 2
    reasons = {entry["filename"]: (entry["code"], entry["message"]) for entry in answer.json["refused"]}
    assert set(reasons) == {
        f"exam/{name}" for name in ("DICOMDIR", "letter.txt", "broken.png", "older.zip", "empty.dcm")
    }
    assert all(message.endswith(".") for _, message in reasons.values())
    assert "table of contents" in reasons["exam/DICOMDIR"][1]
    assert "send it by itself" in reasons["exam/older.zip"][1]
    assert reasons["exam/broken.png"][0] == "unreadable"
    for study in answer.json["studies"]:
        assert client.get(study["links"]["self"]).json["filename"] == study["filename"]
    assert [study["status"] for study in _wait_for_all(client)] == ["done", "done"]


def test_several_files_of_one_request_are_taken_each_by_itself(client: FlaskClient, phantom_png_bytes: bytes) -> None:
    files = [(io.BytesIO(phantom_png_bytes), "a.png"), (io.BytesIO(b"no image" * 90), "b.png")]
    answer = client.post("/api/studies", data={"file": files})
    assert answer.status_code == 201
    assert [study["filename"] for study in answer.json["studies"]] == ["a.png"]
    assert [entry["filename"] for entry in answer.json["refused"]] == ["b.png"]


def test_an_archive_larger_than_the_queue_loses_no_member_and_lets_single_uploads_pass(
    settings: ServerSettings, phantom_png_bytes: bytes
) -> None:
    app = create_app(replace(settings, queue_limit=2), worker=False)  # uploads are taken, nothing works on them
    client = app.test_client()
    archive = _zip({f"{number}.png": phantom_png_bytes for number in range(5)})
    assert len(_send(client, archive).json["studies"]) == 5
    assert [_send(client, phantom_png_bytes, "single.png").status_code for _ in range(3)] == [201, 201, 503]
    refused = _send(client, archive)
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    services_of(app).close()

    restarted = create_app(settings)
    studies = _wait_for_all(restarted.test_client())
    assert [study["status"] for study in studies] == ["done"] * 7
    services_of(restarted).close()


def test_what_there_is_no_time_to_read_is_taken_unread_and_read_in_its_turn(
    client: FlaskClient, phantom_png_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.web.ingestion._READING_SECONDS", -1)
    broken = phantom_png_bytes[:3000]
    answer = _send(client, _zip({"good.png": phantom_png_bytes, "broken.png": broken, "letter.txt": b"Dear " * 99}))
    assert [study["filename"] for study in answer.json["studies"]] == ["good.png", "broken.png"]
    assert [entry["filename"] for entry in answer.json["refused"]] == ["letter.txt"]
    by_name = {study["filename"]: study for study in _wait_for_all(client)}
    assert by_name["good.png"]["status"] == "done"
    assert by_name["broken.png"]["status"] == "failed"
    assert by_name["broken.png"]["error"]["message"].endswith(".")


def test_single_uploads_are_analysed_before_the_rest_of_a_batch(
    settings: ServerSettings, phantom_png_bytes: bytes
) -> None:
    app = create_app(settings)
    client = app.test_client()
    _send(client, _zip({f"{number}.png": phantom_png_bytes for number in range(12)}))
    single = _send(client, phantom_png_bytes, "single.png").json["id"]
    while client.get(f"/api/studies/{single}").json["status"] != "done":
        time.sleep(0.02)
    assert client.get("/api/studies?state=queued").json["total"] > 0
    services_of(app).close()


def test_the_list_tells_urgency_and_calls(client: FlaskClient, phantom_png_bytes: bytes) -> None:
    _send(client, phantom_png_bytes, "chest.png")
    (study,) = _wait_for_all(client)
    assert study["urgency"]["level"] in ("urgent", "soon", "routine")
    assert study["urgency"]["sentence"].endswith(".")
    whole = client.get(f"/api/studies/{study['id']}").json
    called = {item["name"] for item in whole["findings"] if item["decision"] in ("present", "possible")}
    assert {item["name"] for item in study["findings"]} == called
    answer = client.get("/api/studies?finding=Fracture")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "bad_query")


def test_the_table_of_findings_holds_what_the_list_was_narrowed_to(
    client: FlaskClient, phantom_png_bytes: bytes
) -> None:
    for name in ("a.png", "b.png"):
        _send(client, phantom_png_bytes, name)
    _wait_for_all(client)
    lines = client.get("/api/studies.csv?query=a.png", buffered=True).text.splitlines()
    assert len(lines) == 15
    assert all(line.startswith("a.png,") for line in lines[1:])
