"""Heatmaps over the network's input, from what each place of its last feature map adds to a logit; NumPy alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from core.imaging.resampling import UNSHARED

FloatArray = npt.NDArray[np.float32]

# Keeps maps without anything from being divided by nothing.
_TINY = np.float32(1e-7)


@dataclass(frozen=True)
class Explainer:
    """A network on images (N, C, S, S), for any number of threads.

    Attributes:
        explain: images to logits (N, L) and evidence (N, L, h, w): what speaks for each label at each place of the
            image, on the network's own coarse grid; a label that nothing speaks for has nothing above 0.
        logits: images to the same logits.
    """

    explain: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    logits: Callable[[FloatArray], FloatArray]


def over_image(evidence: FloatArray, side: int) -> FloatArray:
    """Evidence (..., h, w) to heatmaps (..., side, side) in [0, 1], a cubic B-spline over the middles of its cells.

    A cell is a tenth of the image wide, wider than most nodules. Drawn bilinearly, a map peaks in the middle of some
    cell; drawn so, it peaks where the neighbouring cells draw it, and never above what they hold.
    """
    return scaled(_drawn(scaled(evidence), side))


def over_image_both_ways(evidence: FloatArray, side: int) -> FloatArray:
    """One heatmap (side, side) in [0, 1] for a label, from an image and its mirror image.

    Both are drawn as by ``over_image``, the second is turned back, and their mean is scaled. The spline is linear and
    looks the same mirrored, so that the mean is taken of the evidence, and drawn.

    Args:
        evidence: (2, h, w), of the image and of its mirror image.
        side: of the square image, in pixels.
    """
    cells = scaled(evidence)
    drawn = _drawn(cells, side)
    lowest, highest = (extreme(axis=(-2, -1), keepdims=True) for extreme in (drawn.min, drawn.max))
    cells = (cells - lowest) / (highest - lowest + _TINY)
    return scaled(_drawn((cells[0] + cells[1, :, ::-1]) / 2, side))


def scaled(maps: FloatArray) -> FloatArray:
    """Positive evidence only, each map (..., h, w) stretched to [0, 1]."""
    maps = np.maximum(maps, 0)
    # In place: maps of many labels over a whole image are larger than the caches.
    maps -= maps.min(axis=(-2, -1), keepdims=True)
    maps /= maps.max(axis=(-2, -1), keepdims=True) + _TINY
    return maps


def _drawn(cells: FloatArray, side: int) -> FloatArray:
    """The spline (..., side, side) over cells (..., h, w)."""
    height, width = cells.shape[-2:]
    down = _weights(side, height)
    across = cells @ _weights(side, width).T
    drawn = np.empty((*cells.shape[:-2], side, side), dtype=np.float32)
    step = max(1, UNSHARED // (height * side))
    for top in range(0, side, step):
        np.matmul(down[top : top + step], across, out=drawn[..., top : top + step, :])
    return drawn


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
