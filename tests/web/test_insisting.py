"""What is no frontal chest is refused on every way in, judged where somebody insists, and turned upright."""

import io
import time
import zipfile
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from core.anatomy.training.drawings import text_page
from core.imaging import render_phantom


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


PAGE = _png(text_page(np.random.default_rng(5)))


def _send(client: FlaskClient, data: bytes, name: str = "picture.png", **fields: str) -> Any:
    return client.post("/api/studies", data={"file": (io.BytesIO(data), name), **fields})


def _finished(client: FlaskClient, study_id: str) -> dict[str, Any]:
    for _ in range(600):
        study = client.get(f"/api/studies/{study_id}").json
        if study["status"] in ("done", "failed"):
            assert study["status"] == "done", study["error"]
            return study
        time.sleep(0.05)
    raise AssertionError("the study did not finish within 30 s")


def test_a_page_of_text_is_refused_by_its_name(client: FlaskClient) -> None:
    answer = _send(client, PAGE)
    assert answer.status_code == 422
    assert answer.json["error"]["code"] == "not_a_frontal_chest"
    assert client.get("/api/studies").json["studies"] == []


def test_who_insists_gets_a_study_that_says_so_everywhere(client: FlaskClient) -> None:
    created = _send(client, PAGE, force="1")
    assert created.status_code == 201
    study = _finished(client, created.json["id"])
    assert (study["gate"]["verdict"], study["gate"]["forced"]) == ("refused", True)
    assert "somebody insisted" in study["warnings"][0]
    assert "somebody insisted" in study["report"]["technique"]
    (listed,) = client.get("/api/studies").json["studies"]
    assert listed["urgency"]["level"] != "urgent"
    text = client.get(f"/api/studies/{study['id']}/report.txt").text
    assert "judged because somebody insisted" in text


def test_an_archive_takes_the_chest_and_refuses_the_page(client: FlaskClient, phantom_png_bytes: bytes) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("chest.png", phantom_png_bytes)
        archive.writestr("page.png", PAGE)
    answer = _send(client, file.getvalue(), "both.zip").json
    assert [study["filename"] for study in answer["studies"]] == ["chest.png"]
    assert [(one["filename"], one["code"]) for one in answer["refused"]] == [("page.png", "not_a_frontal_chest")]
    forced = _send(client, file.getvalue(), "both.zip", force="1").json
    assert len(forced["studies"]) == 2
    assert forced["refused"] == []


def test_a_turned_negative_is_shown_and_judged_upright(client: FlaskClient) -> None:
    upright = render_phantom(size=256)[:, 16:-16]
    study = _finished(client, _send(client, _png(1 - np.rot90(upright))).json["id"])
    assert (study["gate"]["verdict"], study["gate"]["turned"], study["gate"]["inverted"]) == ("accepted", 90, True)
    assert len(study["warnings"]) == 2
    shown = Image.open(io.BytesIO(client.get(study["image"]["url"], buffered=True).data))
    np.testing.assert_allclose(np.asarray(shown) / 255, upright, atol=0.01)
    assert client.get(f"/api/studies/{study['id']}/report.pdf").status_code == 200


def test_the_anatomy_lies_on_the_picture(client: FlaskClient, phantom_png_bytes: bytes) -> None:
    anatomy = _finished(client, _send(client, phantom_png_bytes).json["id"])["anatomy"]
    right, left = (np.array(anatomy["outlines"][name]) for name in ("right_lung", "left_lung"))
    assert right.min() >= 0
    assert left.max() <= 1
    assert right[:, 0].mean() < 0.5 < left[:, 0].mean()
