"""Where a heatmap is strongest, in words.

The words name thirds and sides of the picture, not anatomy: nothing is segmented. Sides are the patient's, for the
usual display with the patient's right at the left of the picture.
"""

import numpy as np
import numpy.typing as npt

# Attention at or above this share of the map's maximum counts as its strong part.
_STRONG = 0.5
# Half-width of the middle band, as a share of the picture's width.
_MIDDLE = 0.10
# Share of the strong attention that each half must hold for "both sides".
_BOTH = 0.30


def region_in_words(heatmap: npt.NDArray[np.float32]) -> str | None:
    """Name the place, such as ``right lower zone``.

    Args:
        heatmap: (h, w) in [0, 1] over the radiograph's frame.

    Returns:
        The place in words, or None for an empty map.
    """
    strong = np.where(heatmap >= _STRONG, heatmap, 0)
    total = float(strong.sum())
    if total <= 0:
        return None
    height, width = strong.shape
    rows = (np.arange(height) + 0.5) / height
    columns = (np.arange(width) + 0.5) / width
    row = float((strong.sum(axis=1) * rows).sum() / total)
    column = float((strong.sum(axis=0) * columns).sum() / total)
    left_share = float(strong[:, columns < 0.5].sum() / total)
    zone = "upper" if row < 1 / 3 else "middle" if row < 2 / 3 else "lower"
    central_share = float(strong[:, np.abs(columns - 0.5) < _MIDDLE].sum() / total)
    if min(left_share, 1 - left_share) >= _BOTH and central_share < 0.5:
        return f"{zone} zones of both sides"
    if abs(column - 0.5) < _MIDDLE:
        return f"central {zone} zone"
    return f"{'right' if column < 0.5 else 'left'} {zone} zone"
