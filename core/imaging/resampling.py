"""Lanczos resampling with antialiasing, as Pillow does it for floating point images, in a third of the time.

Pillow's own 8-bit path is no substitute: it rounds and clips between its two passes, which moves pixels beside
burned-in letters by up to 25 grey levels.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_LOBES = 3
# Outputs that are computed by one small matrix product: more would multiply by more zeros, fewer would call too often.
_BLOCK = 16
UNSHARED = 4 * 65536
"""Multiplications of one matrix product at most. OpenBLAS shares larger ones among threads, which on a machine that is
busy with something else, such as the classifier, wait for each other many times as long as the product takes."""


class _Band(NamedTuple):
    """Weights of the outputs ``first`` to ``last`` on the inputs ``low`` to ``high``: (last - first, high - low)."""

    first: int
    last: int
    low: int
    high: int
    weights: FloatArray


def lanczos(pixels: npt.NDArray[Any], size: tuple[int, int]) -> FloatArray:
    """Resize; the kernel widens when the image shrinks (Turkowski, Graphics Gems, 1990).

    Args:
        pixels: (H, W) of any real type.
        size: height and width of the result.

    Returns:
        ``size`` float32 on the scale of ``pixels``, not clipped: beside edges Lanczos overshoots.
    """
    if pixels.shape == size:
        return pixels.astype(np.float32)
    across = np.empty((size[0], pixels.shape[1]), dtype=np.float32)
    for band in _bands(pixels.shape[0], size[0]):
        # Converted in pieces that stay in the processor's cache.
        rows = pixels[band.low : band.high].astype(np.float32, copy=False)
        for part in _parts(pixels.shape[1], band):
            np.matmul(band.weights, rows[:, part], out=across[band.first : band.last, part])
    result = np.empty(size, dtype=np.float32)
    for band in _bands(pixels.shape[1], size[1]):
        for part in _parts(size[0], band):
            np.matmul(across[part, band.low : band.high], band.weights.T, out=result[part, band.first : band.last])
    return result


def _parts(length: int, band: _Band) -> Iterator[slice]:
    """Lines that one product with the weights of a band may take at a time."""
    step = max(1, UNSHARED // band.weights.size)
    return (slice(start, start + step) for start in range(0, length, step))


@lru_cache(maxsize=64)
def _bands(length: int, wanted: int) -> tuple[_Band, ...]:
    """The weights for one direction, in blocks that leave out most of the zeros."""
    scale = length / wanted
    stretch = max(scale, 1.0)
    centres = (np.arange(wanted) + 0.5) * scale
    lows = np.maximum((centres - _LOBES * stretch + 0.5).astype(int), 0)
    highs = np.minimum((centres + _LOBES * stretch + 0.5).astype(int), length)
    bands = []
    for first in range(0, wanted, _BLOCK):
        last = min(first + _BLOCK, wanted)
        low, high = int(lows[first]), int(highs[last - 1])
        inputs = np.arange(low, high)[None]
        distance = (inputs - centres[first:last, None] + 0.5) / stretch
        inside = (inputs >= lows[first:last, None]) & (inputs < highs[first:last, None]) & (abs(distance) < _LOBES)
        weights = np.where(inside, np.sinc(distance) * np.sinc(distance / _LOBES), 0.0)
        weights /= weights.sum(axis=1, keepdims=True)
        bands.append(_Band(first, last, low, high, weights.astype(np.float32)))
    return tuple(bands)
