"""Heatmaps over the network's input, from what each place of its last feature map adds to a logit; NumPy alone."""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

# Images (N, C, S, S) to logits (N, L) and heatmaps (N, L, S, S) in [0, 1], each scaled to its own maximum; a label that
# nothing in the image speaks for has zeros everywhere.
Explainer = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


def over_image(evidence: FloatArray, side: int) -> FloatArray:
    """Evidence (N, L, h, w) to heatmaps (N, L, side, side) in [0, 1], bilinear between the middles of its cells."""
    height, width = evidence.shape[-2:]
    return scaled(_weights(side, height) @ scaled(evidence) @ _weights(side, width).T)


def scaled(maps: FloatArray) -> FloatArray:
    """Positive evidence only, each map (..., h, w) stretched to [0, 1]."""
    maps = np.maximum(maps, 0)
    maps = maps - maps.min(axis=(-2, -1), keepdims=True)
    return maps / (maps.max(axis=(-2, -1), keepdims=True) + np.float32(1e-7))


@cache
def _weights(side: int, cells: int) -> FloatArray:
    """What each of ``cells`` contributes to each of ``side`` pixels, (side, cells); pixels at the border repeat it."""
    at = np.clip((np.arange(side) + 0.5) * cells / side - 0.5, 0, cells - 1)
    before = at.astype(int)
    share = at - before
    weights = np.zeros((side, cells), dtype=np.float32)
    rows = np.arange(side)
    weights[rows, before] += 1 - share
    weights[rows, np.minimum(before + 1, cells - 1)] += share
    return weights
