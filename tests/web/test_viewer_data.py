import base64
import gzip
import io
import json
import time
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from core.findings import LABELS
from core.imaging import render_phantom
from core.reporting.overlay import overlay_png
from core.studies.results import grey_values, pixel_format
from core.web import services_of


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _study(client: FlaskClient, values: np.ndarray) -> dict[str, Any]:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    file.seek(0)
    study_id = client.post("/api/studies", data={"file": (file, "chest.png")}).json["id"]
    for _ in range(600):
        study = client.get(f"/api/studies/{study_id}").json
        if study["status"] == "done":
            return study
        time.sleep(0.05)
    raise AssertionError("the study did not finish within 30 s")


def _values(data: bytes, pixels: dict[str, Any]) -> np.ndarray:
    values = np.frombuffer(data, "<u2" if pixels["bits"] == 16 else "u1")
    return values.reshape(pixels["height"], pixels["width"])


def test_the_viewer_gets_every_grey_value_of_a_16_bit_file(client: FlaskClient) -> None:
    sent = np.round(render_phantom(size=300)[:280] * 65535).astype(np.uint16)
    sent[0, :2] = 0, 65535  # files with 16 bits are stretched between their extremes
    study = _study(client, sent)
    pixels = study["image"]["pixels"]
    assert (pixels["width"], pixels["height"], pixels["bits"]) == (300, 280, 16)
    answer = client.get(pixels["url"], buffered=True)
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    np.testing.assert_array_equal(_values(answer.data, pixels), sent)
    compressed = client.get(pixels["url"], headers={"Accept-Encoding": "gzip"}, buffered=True)
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert compressed.mimetype == "application/octet-stream"
    assert gzip.decompress(compressed.data) == answer.data


def test_eight_bits_stay_eight_bits(client: FlaskClient) -> None:
    sent = np.round(render_phantom(size=256) * 255).astype(np.uint8)
    pixels = _study(client, sent)["image"]["pixels"]
    assert pixels["bits"] == 8
    np.testing.assert_array_equal(_values(client.get(pixels["url"], buffered=True).data, pixels), sent)


def test_larger_images_than_any_detector_gives_are_shrunk() -> None:
    pixels = np.linspace(0, 1, 400, dtype=np.float32)[None].repeat(200, axis=0)
    values = grey_values(pixels, longest_side=100)
    assert pixel_format(values) == {"width": 100, "height": 50, "bits": 16}
    assert np.abs(values / 65535 - pixels[::4, ::4]).max() < 0.01


def test_heatmap_numbers_give_the_pictures_that_the_server_makes(client: FlaskClient) -> None:
    study = _study(client, np.round(render_phantom(size=256) * 255).astype(np.uint8))
    address = f"/api/studies/{study['id']}/heatmaps.json"
    data = client.get(address).json
    assert list(data["values"]) == list(LABELS)
    compressed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(compressed.data)) == data
    colours = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in data["colours"]])
    heatmaps = services_of(client.application).studies.heatmaps(study["id"])
    for name in ("Cardiomegaly", "Mass"):
        steps = np.frombuffer(base64.b64decode(data["values"][name]), np.uint8).reshape(data["height"], data["width"])
        alpha = np.clip((steps / 255 - data["clear_below"]) / (data["opaque_from"] - data["clear_below"]), 0, 1)
        picture = Image.open(io.BytesIO(overlay_png(heatmaps[name], longest_side=max(data["height"], data["width"]))))
        expected = np.asarray(picture).astype(int)
        assert np.abs(alpha * 255 - expected[..., 3]).max() <= 3
        assert np.abs(colours[steps] - expected[..., :3]).max() <= 4
    assert client.get("/api/studies/unknown/heatmaps.json").status_code == 404
