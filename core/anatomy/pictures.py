"""A radiograph as the anatomy network sees it: small, square, its greys stretched.

The picture is stretched to a square, whatever its proportions: ratios of widths and shares of heights stay what they
are, and a collection's habit of padding cannot give a picture away.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

FloatArray = npt.NDArray[np.float32]

# A large image is thinned out to about this many pixels a side before its areas are averaged.
_THINNED_SIDE = 480
_DARKEST, _BRIGHTEST = 1.0, 99.0


def small_picture(pixels: npt.NDArray[np.floating] | npt.NDArray[np.uint8], side: int) -> FloatArray:
    """Shrink to a square and stretch the greys between the 1st and the 99th percentile.

    Args:
        pixels: (H, W) on any linear grey scale.
        side: of the result, in pixels.

    Returns:
        (side, side) in [0, 1].
    """
    step_y, step_x = (max(1, length // _THINNED_SIDE) for length in pixels.shape)
    thinned = np.ascontiguousarray(pixels[::step_y, ::step_x], dtype=np.float32)
    small = np.asarray(Image.fromarray(thinned).resize((side, side), Image.Resampling.BOX))
    return stretched(small)


def stretched(picture: FloatArray) -> FloatArray:
    """Greys between the 1st and the 99th percentile brought to [0, 1], those outside clipped."""
    low, high = np.percentile(picture, (_DARKEST, _BRIGHTEST))
    return np.clip((picture - low) / max(float(high - low), 1e-6), 0, 1).astype(np.float32)
