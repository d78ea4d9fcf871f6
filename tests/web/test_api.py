import csv
import io
import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pydicom import dcmread
from sqlalchemy import update

from core import DISCLAIMER
from core.classifier import SHIPPED
from core.classifier.checkpoint import checkpoint_digest
from core.classifier.reliability import save_localization
from core.findings import LABELS
from core.reporting import FORMATS
from core.settings import ServerSettings
from core.studies.tables import Job, Study
from core.web import create_app, services_of


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _send(client: FlaskClient, data: bytes, name: str = "chest.png") -> Any:
    return client.post("/api/studies", data={"file": (io.BytesIO(data), name)})


def _finish(client: FlaskClient, study_id: str) -> dict[str, Any]:
    for _ in range(600):
        study = client.get(f"/api/studies/{study_id}").json
        if study["status"] in ("done", "failed"):
            return study
        time.sleep(0.05)
    raise AssertionError("the study did not finish within 30 s")


def test_an_upload_becomes_fourteen_findings_heatmaps_and_a_report(
    client: FlaskClient, phantom_png_bytes: bytes
) -> None:
    created = _send(client, phantom_png_bytes)
    assert created.status_code == 201
    assert created.headers["Location"] == created.json["links"]["self"]
    study = _finish(client, created.json["id"])
    assert study["status"] == "done"
    assert study["progress"] == 1
    assert [item["name"] for item in study["findings"]] == list(LABELS)
    for item in study["findings"]:
        assert 0 <= item["probability"] <= 1
        assert (item["decision"] == "present") == (item["probability"] >= item["threshold"])
        assert (item["decision"] == "absent") == (item["probability"] < item["possible_threshold"])
    assert set(study["heatmaps"]) == set(LABELS)
    assert study["report"]["disclaimer"] == DISCLAIMER
    assert study["gate"]["verdict"] == "accepted"
    assert study["gate"]["frontal"] > 0.5
    assert (study["gate"]["turned"], study["gate"]["inverted"], study["gate"]["forced"]) == (0, False, False)

    image = Image.open(io.BytesIO(client.get(study["image"]["url"], buffered=True).data))
    assert image.size == (study["image"]["width"], study["image"]["height"]) == (512, 512)
    heatmaps = [client.get(url, buffered=True) for url in study["heatmaps"].values()]
    assert all(Image.open(io.BytesIO(heatmap.data)).mode == "RGBA" for heatmap in heatmaps)
    assert len({heatmap.data for heatmap in heatmaps}) > 7


def test_findings_carry_what_the_checkpoint_says_of_its_heatmaps(
    settings: ServerSettings, phantom_png_bytes: bytes, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "checkpoint"))
    measured = {
        "checkpoint_sha256": checkpoint_digest(folder),
        "per_label": {"Mass": {"n_boxes": 5, "n_images": 4}},
        "pointing_game": {"Mass": 0.75},
        "iobb": {"0.25": {"Mass": 0.6}},
        "baselines": {"usual_place": {"pointing_game": {"Mass": 0.25}}},
    }
    save_localization(folder, measured)
    app = create_app(replace(settings, checkpoint=folder))
    client = app.test_client()
    study = _finish(client, _send(client, phantom_png_bytes).json["id"])
    of_label = {item["name"]: item["heatmap_reliability"] for item in study["findings"]}
    assert of_label["Mass"]["words"].startswith("In 3 of 4 radiographs (75%)")
    assert of_label["Hernia"] is None
    services_of(app).close()


def test_a_dicom_file_brings_its_view_and_pixel_spacing(client: FlaskClient, chest_dicom: Path) -> None:
    study = _finish(client, _send(client, chest_dicom.read_bytes(), "phantom.dcm").json["id"])
    assert study["view"] == "PA"
    assert study["image"]["pixel_spacing_mm"] == [0.7, 0.7]


def test_every_format_is_downloaded_as_attachment_and_twice_the_same(client: FlaskClient, chest_dicom: Path) -> None:
    study_id = _send(client, chest_dicom.read_bytes(), "my chest.dcm").json["id"]
    _finish(client, study_id)
    bodies = {}
    for entry in FORMATS.values():
        answers = [client.get(f"/api/studies/{study_id}/{entry.file_name}", buffered=True) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].data == answers[1].data
        stem = "chestlens" if entry.anonymous else "my_chest"
        assert answers[0].headers["Content-Disposition"] == f"attachment; filename={stem}-{entry.file_name}"
        charset = "; charset=utf-8" if entry.media_type.startswith("text/") else ""
        assert answers[0].headers["Content-Type"] == entry.media_type + charset
        assert answers[0].headers["Cache-Control"] == "no-store"
        bodies[entry.file_name] = answers[0].data
    for name in ("report.txt", "report.json", "report.csv", "report.fhir.json"):
        assert DISCLAIMER in bodies[name].decode()
    assert bodies["report.pdf"].startswith(b"%PDF")
    uploaded = dcmread(chest_dicom, stop_before_pixels=True)
    assert _referenced_uid(bodies["overlay.dcm"]) == uploaded.SOPInstanceUID
    assert dcmread(io.BytesIO(bodies["report.dcm"])).StudyInstanceUID == uploaded.StudyInstanceUID


def test_the_finding_of_an_overlay_is_chosen_in_the_address(client: FlaskClient, phantom_png_bytes: bytes) -> None:
    study_id = _send(client, phantom_png_bytes).json["id"]
    _finish(client, study_id)
    overlay = f"/api/studies/{study_id}/overlay.dcm"
    described = dcmread(io.BytesIO(client.get(f"{overlay}?finding=Hernia", buffered=True).data)).DerivationDescription
    assert "hiatal hernia" in described
    for missing in (f"{overlay}?finding=Fracture", f"/api/studies/{study_id}/overlay.pdf", f"{overlay}x"):
        answer = client.get(missing)
        assert answer.status_code == 404
        assert answer.json["error"]["message"].endswith(".")


def test_identity_is_in_no_file_or_answer_but_the_upload_and_what_is_filed_by_it(
    client: FlaskClient, settings: ServerSettings, chest_dicom: Path
) -> None:
    dataset = dcmread(chest_dicom)
    dataset.PatientID, dataset.PatientName = "SECRET-7", "Doe^Jane"
    file = io.BytesIO()
    dataset.save_as(file)
    study_id = _send(client, file.getvalue()).json["id"]
    study = client.get(f"/studies/{study_id}").text + json.dumps(_finish(client, study_id))
    assert "SECRET" not in study
    assert "Doe" not in study
    # What identifies the patient is encrypted wherever it lies.
    assert not [path for path in settings.instance.rglob("*") if path.is_file() and b"SECRET" in path.read_bytes()]
    for name, held in {"report.pdf": False, "report.txt": False, "report.dcm": True, "report.fhir.json": True}.items():
        assert (b"SECRET" in client.get(f"/api/studies/{study_id}/{name}", buffered=True).data) == held


def test_only_what_failed_is_analysed_again(client: FlaskClient, phantom_png_bytes: bytes, app: Flask) -> None:
    study_id = _send(client, phantom_png_bytes).json["id"]
    _finish(client, study_id)
    refused = client.post(f"/api/studies/{study_id}/analysis")
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "not_failed")
    assert client.post(f"/api/studies/{'0' * 32}/analysis").status_code == 404
    with services_of(app).studies.database.session() as session:
        session.execute(update(Study).values(status="failed", error_code="internal", error_message="It failed."))
        session.execute(update(Job).values(state="failed"))
        session.commit()
    again = client.post(f"/api/studies/{study_id}/analysis")
    assert (again.status_code, again.json["status"]) == (202, "queued")
    assert _finish(client, study_id)["error"] is None


def test_one_table_holds_the_findings_of_all_studies(client: FlaskClient, phantom_png_bytes: bytes) -> None:
    ids = [_send(client, phantom_png_bytes, f"{name}.png").json["id"] for name in "ab"]
    studies = [_finish(client, study_id) for study_id in ids]
    probabilities = [item["probability"] for item in studies[1]["findings"]]
    answer = client.get("/api/studies.csv", buffered=True)
    assert answer.headers["Content-Disposition"] == "attachment; filename=studies.csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["name"] for row in rows] == ["b.png"] * 14 + ["a.png"] * 14
    assert [float(row["probability"]) for row in rows[:14]] == pytest.approx(probabilities, abs=1e-6)


def _referenced_uid(overlay: bytes) -> str:
    return str(dcmread(io.BytesIO(overlay)).SourceImageSequence[0].ReferencedSOPInstanceUID)


def _png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def _png_that_claims(width: int, height: int) -> bytes:
    import struct
    import zlib

    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(1000))

    def chunk(content: bytes) -> bytes:
        return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))

    return b"\x89PNG\r\n\x1a\n" + chunk(header) + chunk(body) + chunk(b"IEND")


def _dicom_without_pixels(path: Path) -> bytes:
    from pydicom import dcmread

    dataset = dcmread(path)
    del dataset.PixelData
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "status", "words"),
    [
        ("text", 415, "DICOM, PNG"),
        ("pdf", 415, "PDF"),
        ("empty", 400, "empty"),
        ("truncated", 400, "truncated"),
        ("1x1", 422, "1 x 1 pixels"),
        ("40000x40000", 413, "50 million pixels"),
        ("constant", 422, ""),
        ("elongated", 422, "elongated"),
        ("no pixels", 400, "holds no image"),
        ("missing", 400, "no file"),
    ],
)
def test_bad_input_gets_one_sentence_and_the_right_status(
    client: FlaskClient, phantom_png_bytes: bytes, chest_dicom: Path, kind: str, status: int, words: str
) -> None:
    import re

    flat = io.BytesIO()
    Image.new("L", (200, 200), 90).save(flat, "PNG")
    data = {
        "text": b"this is not an image" * 50,
        "pdf": b"%PDF-1.7\n" + bytes(500),
        "empty": b"",
        "truncated": phantom_png_bytes[: len(phantom_png_bytes) // 2],
        "1x1": _png(1, 1),
        "40000x40000": _png_that_claims(40000, 40000),
        "constant": flat.getvalue(),
        "elongated": _png(900, 200),
        "no pixels": _dicom_without_pixels(chest_dicom),
    }
    answer = client.post("/api/studies") if kind == "missing" else _send(client, data[kind])
    assert answer.status_code == status, answer.text
    message = answer.json["error"]["message"]
    assert re.search(words, message, re.IGNORECASE), message
    assert message[0].isupper()
    assert message.endswith(".")
    assert "Traceback" not in message
    # Nothing is left behind, and the next good upload works.
    assert client.get("/api/studies").json["studies"] == []
    assert _finish(client, _send(client, phantom_png_bytes).json["id"])["status"] == "done"


def test_the_content_decides_and_not_the_name(client: FlaskClient, chest_dicom: Path) -> None:
    created = _send(client, chest_dicom.read_bytes(), "picture.jpeg")
    assert created.status_code == 201


def test_a_file_over_the_limit_is_turned_away_with_413(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(client.application.config, "MAX_CONTENT_LENGTH", 1000)
    answer = _send(client, bytes(5000))
    assert answer.status_code == 413
    assert "up to 100 MB" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "form",
    [
        {"ehr": "x" * 600_000},
        {f"note {number}": "x" for number in range(1100)},
    ],
)
def test_a_form_of_too_much_text_or_too_many_fields_is_told_as_such(client: FlaskClient, form: dict[str, str]) -> None:
    answer = client.post("/api/studies", data=form, content_type="multipart/form-data")
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_large")
    assert "1,000 fields" in answer.json["error"]["message"]


def test_deleting_removes_every_file(client: FlaskClient, settings: ServerSettings, phantom_png_bytes: bytes) -> None:
    study_id = _send(client, phantom_png_bytes).json["id"]
    _finish(client, study_id)
    assert list(settings.instance.rglob(f"*{study_id}*"))
    assert client.delete(f"/api/studies/{study_id}").status_code == 204
    assert not list(settings.instance.rglob(f"*{study_id}*"))
    for path in ("", "/image.png", "/heatmaps/Mass.png", "/report.txt"):
        assert client.get(f"/api/studies/{study_id}{path}").status_code == 404
    assert client.delete(f"/api/studies/{study_id}").status_code == 404


def test_studies_that_waited_when_the_server_stopped_are_finished_after_a_restart(
    settings: ServerSettings, phantom_png_bytes: bytes
) -> None:
    first = create_app(settings, worker=False)  # uploads are taken, nothing works on them
    study_id = _send(first.test_client(), phantom_png_bytes).json["id"]
    assert first.test_client().get(f"/api/studies/{study_id}").json["status"] == "queued"
    services_of(first).close()
    second = create_app(settings)
    assert _finish(second.test_client(), study_id)["status"] == "done"
    services_of(second).close()


def test_a_full_queue_says_when_to_come_back(settings: ServerSettings, phantom_png_bytes: bytes) -> None:
    app = create_app(replace(settings, queue_limit=2), worker=False)
    client = app.test_client()
    answers = [_send(client, phantom_png_bytes) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 503]
    assert int(answers[2].headers["Retry-After"]) > 0
    services_of(app).close()


def test_a_damaged_upload_fails_alone(settings: ServerSettings, phantom_png_bytes: bytes) -> None:
    app = create_app(settings, worker=False)
    client = app.test_client()
    bad, good = (_send(client, phantom_png_bytes).json["id"] for _ in range(2))
    storage = services_of(app).studies.storage
    storage.write(bad, "upload", b"\x89PNG\r\n\x1a\nbroken")
    storage.remove(bad, "decoded.npz")
    services_of(app).close()
    restarted = create_app(settings)
    assert _finish(restarted.test_client(), bad)["error"]["message"]
    assert _finish(restarted.test_client(), good)["status"] == "done"
    services_of(restarted).close()


def test_many_uploads_at_once_all_finish(app: Flask, phantom_png_bytes: bytes) -> None:
    ids: list[str] = []

    def upload() -> None:
        ids.append(_send(app.test_client(), phantom_png_bytes).json["id"])

    threads = [threading.Thread(target=upload) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [_finish(app.test_client(), study_id)["status"] for study_id in ids] == ["done"] * 6
    assert len(app.test_client().get("/api/studies").json["studies"]) == 6


def test_ids_that_are_paths_name_nothing(client: FlaskClient) -> None:
    for path in ("..", "..%2f..%2fetc", "%00", "a" * 500):
        assert client.get(f"/api/studies/{path}").status_code == 404
        assert client.delete(f"/api/studies/{path}").status_code in (404, 405)


def test_health_names_the_model(client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert answer.json["model"]["name"]


@pytest.mark.parametrize("path", ["/", "/studies/unknown", "/nothing"])
def test_every_page_carries_the_disclaimer_and_takes_nothing_from_other_hosts(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert DISCLAIMER in answer.text
    assert "http://" not in answer.text
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
