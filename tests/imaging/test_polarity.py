"""Negatives of chests are found, chests are left alone."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.imaging import Radiograph, read_radiograph, render_phantom
from core.imaging.polarity import polarity_score, upright_polarity

_TRULY_INVERTED = "00017999_000.jpg"


def test_a_negative_is_inverted_back_with_a_warning() -> None:
    phantom = render_phantom(size=256)
    buffer = io.BytesIO()
    Image.fromarray(np.round((1 - phantom) * 255).astype(np.uint8)).save(buffer, "PNG")
    radiograph = read_radiograph(buffer.getvalue())
    np.testing.assert_allclose(radiograph.pixels, phantom, atol=0.003)
    assert radiograph.warnings == ("The image looked inverted (bright air); it was inverted back.",)


def test_a_chest_is_left_alone() -> None:
    radiograph = Radiograph(pixels=render_phantom(size=256))
    assert upright_polarity(radiograph) is radiograph


@pytest.mark.parametrize(("gain", "offset"), [(0.2, 0.1), (0.6, 0.4)])
def test_contrast_and_brightness_do_not_matter(gain: float, offset: float) -> None:
    phantom = render_phantom(size=256)
    assert polarity_score(phantom * gain + offset) == pytest.approx(polarity_score(phantom), abs=0.01)


@pytest.mark.real_data
def test_real_chests_are_told_from_their_negatives(shared_data: Path) -> None:
    paths = sorted((shared_data / "nih" / "images").glob("*.jpg"))[::12]
    scores = []
    for path in paths:
        with Image.open(path) as image:
            image.draft("L", (112, 112))
            scores.append(polarity_score(np.asarray(image.convert("L"), dtype=np.float32) / 255))
    assert (np.array(scores) < -0.2).sum() == 0
    assert (np.array(scores) > 0.2).mean() > 0.98


@pytest.mark.real_data
def test_a_real_negative_is_found(shared_data: Path) -> None:
    data = (shared_data / "nih" / "images" / _TRULY_INVERTED).read_bytes()
    assert "inverted back" in read_radiograph(data).warnings[0]


@pytest.mark.real_data
def test_laterals_and_other_body_parts_are_not_inverted(shared_data: Path) -> None:
    for path in sorted((shared_data / "not_frontal").glob("*.png")):
        with Image.open(path) as image:
            assert polarity_score(np.asarray(image.convert("L"), dtype=np.float32) / 255) > -0.2
