"""Where the pixels of a radiograph lie: their shape, and which way the picture is turned.

All that comes after works on square pixels and on a patient who stands upright and faces the reader.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.imaging.limits import MAX_PIXELS, MAX_SIDE
from core.imaging.radiograph import shares_of_white
from core.imaging.resampling import lanczos

FloatArray = npt.NDArray[np.float32]
Spacing = tuple[float, float]

# Longer by shorter side of a pixel; detectors have square pixels, read-out in one direction at most halves one side,
# and pictures are rarely squeezed by more.
MOST_STRETCHED = 4.0
# Sides of a pixel that differ by less are equal: spacings are rounded.
_EQUAL = 0.01


def believable(height: float, width: float) -> bool:
    """Whether a pixel may have these sides, in any one unit."""
    return min(height, width) > 0 and max(height, width) <= MOST_STRETCHED * min(height, width)


def squared(pixels: npt.NDArray[Any], height: float, width: float) -> tuple[npt.NDArray[Any], float]:
    """The picture with square pixels.

    The direction that has fewer pixels to the millimetre gets more of them, or, where the picture would exceed what is
    read, the other one fewer.

    Args:
        pixels: (H, W) in [0, 1], or bytes.
        height, width: of a pixel, in any one unit.

    Returns:
        The same where they are square; else (H', W') in [0, 1]. And the side of its pixels in that unit.
    """
    if max(height, width) <= (1 + _EQUAL) * min(height, width):
        return pixels, height
    rows, columns = pixels.shape
    side = min(height, width)
    size = round(rows * height / side), round(columns * width / side)
    if max(size) > MAX_SIDE or size[0] * size[1] > MAX_PIXELS:
        side = max(height, width)
        size = max(1, round(rows * height / side)), max(1, round(columns * width / side))
    return np.clip(lanczos(shares_of_white(pixels), size), 0, 1), side


def upright(pixels: FloatArray, orientation: tuple[str, str]) -> FloatArray:
    """The picture with the patient's left at the right edge and the feet at the bottom.

    Args:
        pixels: (H, W).
        orientation: where rows and columns run to (Patient Orientation, PS3.3 C.7.6.1.1.1): one of L and R, and one of
            F and H, in either order.
    """
    across, down = orientation
    if across in "FH":
        pixels, across, down = pixels.T, down, across
    if across == "R":
        pixels = pixels[:, ::-1]
    if down == "H":
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
