"""Peaks of heatmaps become places in the lungs."""

from dataclasses import replace

import numpy as np
import pytest

from core.anatomy import Anatomy, places_of
from core.anatomy.anatomy import filled

# Two upright lungs as boxes: the patient's right at the left of the picture, from 0.2 to 0.8 of its height.
RIGHT = ((0.1, 0.2), (0.4, 0.2), (0.4, 0.8), (0.1, 0.8))
LEFT = ((0.6, 0.2), (0.9, 0.2), (0.9, 0.8), (0.6, 0.8))
CHEST = Anatomy(1.0, "frontal", 0, False, right_lung=RIGHT, left_lung=LEFT)


def _spots(*spots: tuple[float, float, float]) -> np.ndarray:
    """Round spots: row and column in shares of the picture, and height."""
    rows, columns = np.mgrid[0:60, 0:60] / 60
    each = [high * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 0.004) for row, column, high in spots]
    return np.maximum.reduce(each).astype(np.float32)


@pytest.mark.parametrize(
    ("spots", "keys"),
    [
        ([(0.28, 0.25, 1)], ["right_upper_zone"]),
        ([(0.5, 0.75, 1)], ["left_middle_zone"]),
        ([(0.7, 0.75, 1)], ["left_lower_zone"]),
        ([(0.7, 0.25, 0.8), (0.3, 0.75, 1)], ["left_upper_zone", "right_lower_zone"]),
        ([(0.3, 0.75, 1), (0.5, 0.25, 0.3)], ["left_upper_zone"]),  # a third as high is no peak
        ([(0.5, 0.5, 1)], []),  # between the lungs
        ([(0.95, 0.25, 1)], []),  # below them
        ([(0.95, 0.25, 1), (0.3, 0.75, 0.9)], []),  # the highest peak is not of the lungs
    ],
)
def test_each_peak_in_a_lung_is_a_place(spots: list[tuple[float, float, float]], keys: list[str]) -> None:
    assert [place.key for place in places_of(_spots(*spots), CHEST)] == keys


def test_zones_are_thirds_of_the_lung_and_not_of_the_picture() -> None:
    low = tuple((x, 0.5 + y / 2) for x, y in LEFT)
    heatmap = _spots((0.64, 0.75, 1))  # the middle third of the picture
    assert [place.key for place in places_of(heatmap, replace(CHEST, left_lung=low))] == ["left_upper_zone"]


def test_a_centroid_between_two_peaks_is_no_place() -> None:
    keys = {place.key for place in places_of(_spots((0.27, 0.25, 1), (0.73, 0.25, 1)), CHEST)}
    assert keys == {"right_upper_zone", "right_lower_zone"}


def test_nothing_is_named_without_both_lungs_or_without_attention() -> None:
    heatmap = _spots((0.28, 0.25, 1))
    assert places_of(heatmap, replace(CHEST, left_lung=None)) == ()
    assert places_of(heatmap, Anatomy(1.0, "frontal", 0, False)) == ()
    assert places_of(np.zeros((60, 60), np.float32), CHEST) == ()


def test_an_outline_is_filled_as_it_lies() -> None:
    inside = filled(RIGHT, (50, 100))
    rows, columns = np.nonzero(inside)
    assert (rows.min(), rows.max() + 1) == pytest.approx((10, 40), abs=1)
    assert (columns.min(), columns.max() + 1) == pytest.approx((10, 40), abs=1)
