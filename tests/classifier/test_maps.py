import numpy as np
import pytest
import torch

from core.classifier.maps import over_image


@pytest.mark.parametrize("cells", [(3, 3), (10, 10), (4, 7), (1, 2)])
def test_maps_are_those_of_pytorchs_interpolation(cells: tuple[int, int]) -> None:
    evidence = np.random.default_rng(0).normal(size=(2, 14, *cells)).astype(np.float32)
    found = over_image(evidence, 96)
    expected = torch.from_numpy(evidence).clamp(min=0)
    for side in (cells, (96, 96)):
        expected = torch.nn.functional.interpolate(expected, size=side, mode="bilinear", align_corners=False)
        expected = expected - expected.amin(dim=(-2, -1), keepdim=True)
        expected = expected / (expected.amax(dim=(-2, -1), keepdim=True) + 1e-7)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_nothing_that_speaks_for_a_label_is_a_map_of_zeros() -> None:
    assert not over_image(np.full((1, 1, 5, 5), -1, dtype=np.float32), 32).any()
