import numpy as np
import pytest

from core.reporting.regions import region_in_words


def _spot(*places: tuple[float, float]) -> np.ndarray:
    rows, columns = np.mgrid[0:90, 0:90] / 90
    return np.maximum.reduce([np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 0.005) for x, y in places]).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ([(0.2, 0.15)], "right upper zone"),  # the picture's left is the patient's right
        ([(0.8, 0.5)], "left middle zone"),
        ([(0.75, 0.85)], "left lower zone"),
        ([(0.5, 0.55)], "central middle zone"),
        ([(0.2, 0.8), (0.8, 0.8)], "lower zones of both sides"),
    ],
)
def test_the_place_of_the_strongest_attention_is_named(places: list[tuple[float, float]], words: str) -> None:
    assert region_in_words(_spot(*places)) == words


def test_an_empty_map_names_no_place() -> None:
    assert region_in_words(np.zeros((10, 10), np.float32)) is None
