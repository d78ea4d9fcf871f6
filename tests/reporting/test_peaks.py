"""Where the peaks of a heatmap lie."""

import numpy as np
import pytest

from core.reporting.peaks import places_of


def _spots(*centres: tuple[float, float]) -> np.ndarray:
    """Round spots, each at a row and a column in shares of the picture."""
    rows, columns = np.mgrid[0:90, 0:90] / 90
    spots = [np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 0.005) for row, column in centres]
    return np.maximum.reduce(spots).astype(np.float32)


@pytest.mark.parametrize(
    ("centres", "keys"),
    [
        ([(0.15, 0.2)], ["right_upper_zone"]),  # the picture's left is the patient's right
        ([(0.5, 0.8)], ["left_middle_zone"]),
        ([(0.85, 0.75)], ["left_lower_zone"]),
        ([(0.5, 0.5)], []),
        ([(0.8, 0.2), (0.2, 0.8)], ["left_upper_zone", "right_lower_zone"]),
    ],
)
def test_each_peak_beside_the_middle_is_a_place(centres: list[tuple[float, float]], keys: list[str]) -> None:
    assert sorted(place.key for place in places_of(_spots(*centres))) == keys


def test_a_centroid_between_two_peaks_is_no_place() -> None:
    keys = {place.key for place in places_of(_spots((0.15, 0.2), (0.85, 0.2)))}
    assert keys == {"right_upper_zone", "right_lower_zone"}


def test_the_highest_peak_comes_first_and_low_ones_are_left_out() -> None:
    heatmap = np.maximum.reduce([0.8 * _spots((0.8, 0.2)), _spots((0.2, 0.8)), 0.4 * _spots((0.5, 0.2))])
    assert [place.key for place in places_of(heatmap)] == ["left_upper_zone", "right_lower_zone"]


def test_an_empty_map_names_no_place() -> None:
    assert places_of(np.zeros((10, 10), np.float32)) == ()
