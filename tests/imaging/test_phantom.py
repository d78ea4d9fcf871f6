"""The rendered chest looks like one to the rules that judge real ones."""

import io

import numpy as np
import pytest
from PIL import Image

from core.imaging import render_phantom
from core.imaging.phantom import Lesion, phantom_png
from core.imaging.reader import read_radiograph


@pytest.mark.parametrize("size", [64, 333, 1024])
def test_any_size_is_rendered(size: int) -> None:
    image = render_phantom(size=size)
    assert image.shape == (size, size)
    assert image.dtype == np.float32
    assert 0 <= image.min() < 0.05
    assert 0.9 < image.max() <= 1


def test_the_seed_decides() -> None:
    np.testing.assert_array_equal(render_phantom(size=128, seed=3), render_phantom(size=128, seed=3))
    assert np.abs(render_phantom(size=128, seed=3) - render_phantom(size=128, seed=4)).max() > 0.02


def test_a_lesion_is_where_it_was_asked_for() -> None:
    plain = render_phantom(size=200)
    change = render_phantom(size=200, lesions=[Lesion(0.25, 0.4, 0.05, 0.2)]) - plain
    assert change[80, 50] > 0.15
    rows, columns = np.nonzero(change > 0.1)
    assert abs(rows.mean() - 80) < 1.5
    assert abs(columns.mean() - 50) < 1.5
    assert np.ptp(rows) == pytest.approx(20, abs=3)


def test_the_heart_is_on_the_right_of_the_image() -> None:
    band = render_phantom(size=256)[150:175]
    assert band[:, 160:190].mean() > band[:, 66:96].mean() + 0.15


def test_the_sample_says_that_it_is_synthetic() -> None:
    data = phantom_png(512)
    burned = np.asarray(Image.open(io.BytesIO(data)), dtype=float) / 255
    change = np.abs(burned - render_phantom(size=512))
    assert change[460:, :200].max() > 0.2
    assert change[:440].max() < 0.01
    assert read_radiograph(data).warnings == ()
