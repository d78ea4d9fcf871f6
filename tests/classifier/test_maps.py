import numpy as np
import pytest
from scipy import ndimage

from core.classifier.maps import over_image, over_image_both_ways


def _stretched(maps: np.ndarray) -> np.ndarray:
    maps = maps - maps.min(axis=(-2, -1), keepdims=True)
    return maps / (maps.max(axis=(-2, -1), keepdims=True) + 1e-7)


@pytest.mark.parametrize("cells", [(3, 3), (10, 10), (4, 7), (1, 2)])
def test_maps_are_scipys_cubic_splines_without_prefilter(cells: tuple[int, int]) -> None:
    evidence = np.random.default_rng(0).normal(size=(2, 14, *cells)).astype(np.float32)
    positive = _stretched(evidence.clip(min=0)).reshape(-1, *cells)
    at = np.meshgrid(*((np.arange(96) + 0.5) * n / 96 - 0.5 for n in cells), indexing="ij")
    expected = np.stack(
        [ndimage.map_coordinates(one, at, order=3, mode="nearest", prefilter=False) for one in positive]
    )
    np.testing.assert_allclose(over_image(evidence, 96), _stretched(expected).reshape(2, 14, 96, 96), atol=1e-5)


def test_a_spot_between_the_middles_of_cells_is_found_where_it_is() -> None:
    middles = (np.arange(10) + 0.5) / 10
    for x, y in ((0.33, 0.52), (0.5, 0.6), (0.71, 0.28)):
        spot = np.exp(-((middles[None, :] - x) ** 2 + (middles[:, None] - y) ** 2) / (2 * 0.08**2))
        heatmap = over_image(spot[None, None].astype(np.float32), 320)[0, 0]
        row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
        assert abs((column + 0.5) / 320 - x) < 0.02  # half a cell is 0.05
        assert abs((row + 0.5) / 320 - y) < 0.02


def test_nothing_that_speaks_for_a_label_is_a_map_of_zeros() -> None:
    assert not over_image(np.full((1, 1, 5, 5), -1, dtype=np.float32), 32).any()


@pytest.mark.parametrize("cells", [(10, 10), (4, 7), (2, 2)])
def test_one_map_of_both_ways_is_the_mean_of_the_maps_of_each_way(cells: tuple[int, int]) -> None:
    evidence = np.random.default_rng(1).normal(size=(14, 2, *cells)).astype(np.float32)
    evidence[0] = -1
    for of_label in evidence:
        as_it_is, mirrored = over_image(of_label, 320)
        expected = _stretched((as_it_is + mirrored[:, ::-1]) / 2)
        np.testing.assert_allclose(over_image_both_ways(of_label, 320), expected, atol=2e-5)
