"""Heatmaps over the network's input, from what each place of its last feature map adds to a logit; NumPy alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Explainer:
    """A network on images (N, C, S, S), with heatmaps or without: drawing them takes a third of the time.

    Attributes:
        explain: images to logits (N, L) and heatmaps (N, L, S, S) in [0, 1], each scaled to its own maximum; a label
            that nothing in the image speaks for has zeros everywhere.
        logits: images to the same logits.
    """

    explain: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    logits: Callable[[FloatArray], FloatArray]


def over_image(evidence: FloatArray, side: int) -> FloatArray:
    """Evidence (N, L, h, w) to heatmaps (N, L, side, side) in [0, 1], a cubic B-spline over the middles of its cells.

    A cell is a tenth of the image wide, wider than most nodules. Drawn bilinearly, a map peaks in the middle of some
    cell; drawn so, it peaks where the neighbouring cells draw it, and never above what they hold.
    """
    height, width = evidence.shape[-2:]
    drawn = _weights(side, height) @ scaled(evidence) @ _weights(side, width).T
    return scaled(np.asarray(drawn, dtype=np.float32))


def scaled(maps: FloatArray) -> FloatArray:
    """Positive evidence only, each map (..., h, w) stretched to [0, 1]."""
    maps = np.maximum(maps, 0)
    # In place: maps of many labels over a whole image are larger than the caches.
    maps -= maps.min(axis=(-2, -1), keepdims=True)
    maps /= maps.max(axis=(-2, -1), keepdims=True) + np.float32(1e-7)
    return maps


@cache
def _weights(side: int, cells: int) -> FloatArray:
    """What each of ``cells`` gives to each of ``side`` pixels, (side, cells); those at the border go on outside."""
    at = (np.arange(side) + 0.5) * cells / side - 0.5
    before = np.floor(at).astype(int)
    share = at - before
    # The uniform cubic B-spline: the four pieces of its basis, from the cell before last to the one after next.
    pieces = (
        (1 - share) ** 3,
        3 * share**3 - 6 * share**2 + 4,
        -3 * share**3 + 3 * share**2 + 3 * share + 1,
        share**3,
    )
    weights = np.zeros((side, cells), dtype=np.float32)
    rows = np.arange(side)
    for step, piece in enumerate(pieces):
        np.add.at(weights, (rows, np.clip(before - 1 + step, 0, cells - 1)), piece / 6)
    return weights
