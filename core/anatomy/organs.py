"""Mask probabilities to outlines, with what makes them doubtful, and the cardiothoracic ratio.

A doubtful organ is not told of at all: no outline, no place, no ratio.
"""

import contourpy
import numpy as np
import numpy.typing as npt

from core.anatomy.anatomy import Cardiothoracic, Line, Outline

FloatArray = npt.NDArray[np.float32]

# Shares of the picture that a lung or a heart takes up; those of the radiographs with drawn masks lie well inside.
_LUNG_AREA, _HEART_AREA = (0.03, 0.34), (0.015, 0.20)
# Share of a mask that its largest part must hold, and agreement (Dice) of the masks of the picture and of its mirror
# image, below which they are doubtful.
_IN_ONE_PART = 0.85
_AGREEING_LUNG, _AGREEING_HEART = 0.90, 0.90
# Longer by shorter lung, in heights.
_UNLIKE_HEIGHTS = 1.7
_RATIO = (0.25, 0.85)


def agreement(one: FloatArray, other: FloatArray) -> float:
    """Dice coefficient of two masks (h, w) in [0, 1], cut at one half; 0 where both are empty."""
    a, b = one >= 0.5, other >= 0.5
    total = int(a.sum() + b.sum())
    return 2 * int((a & b).sum()) / total if total else 0.0


def is_lung(mask: FloatArray, mirrored: FloatArray) -> bool:
    """Whether a mask, and what the mirror image gave for the same place, can be trusted as a lung."""
    return _is_organ(mask, mirrored, _LUNG_AREA, _AGREEING_LUNG)


def is_heart(mask: FloatArray, mirrored: FloatArray) -> bool:
    """Whether a mask can be trusted as the heart."""
    return _is_organ(mask, mirrored, _HEART_AREA, _AGREEING_HEART)


def are_pair(right: FloatArray, left: FloatArray) -> bool:
    """Whether two lungs lie beside each other, the patient's right at the left, and are of like height."""
    (top_r, bottom_r), (top_l, bottom_l) = _extent(right, 1), _extent(left, 1)
    heights = bottom_r - top_r, bottom_l - top_l
    return (
        _middle(right) < _middle(left)
        and max(heights) < _UNLIKE_HEIGHTS * min(heights)
        and min(bottom_r, bottom_l) > max(top_r, top_l)
    )


def largest_part(mask: FloatArray) -> FloatArray:
    """The mask with its largest connected part alone, holes filled."""
    from scipy import ndimage  # when a picture is looked at: a server starts without it

    parts, number = ndimage.label(mask >= 0.5)
    if number == 0:
        return np.zeros_like(mask)
    sizes = np.bincount(parts.ravel())[1:]
    part = parts == 1 + int(sizes.argmax())
    # Soft borders around the part are kept, they tell where between two pixels the border runs.
    near = ndimage.binary_dilation(part, iterations=2) & ((parts == 0) | part)
    # What surrounds the part is one piece with a frame around the picture; the other pieces are its holes.
    pieces, _ = ndimage.label(np.pad(~part, 1, constant_values=True))
    holes = (pieces[1:-1, 1:-1] != pieces[0, 0]) & ~part
    return np.where(holes, 1, np.where(near, mask, 0)).astype(np.float32)


def outline(mask: FloatArray) -> Outline:
    """The border of a mask with one part, to fractions of its pixels."""
    height, width = mask.shape
    framed = np.pad(mask, 1)
    lines = contourpy.contour_generator(z=framed).lines(0.5)
    longest: npt.NDArray[np.float64] = max(map(np.asarray, lines), key=len)
    # Pixel middles lie half a pixel from the edge, and the frame adds one.
    points = (longest - 0.5) / (width, height)
    return tuple((x, y) for x, y in np.round(np.clip(points, 0, 1)[:-1], 4).tolist())


def cardiothoracic(right: FloatArray, left: FloatArray, heart: FloatArray) -> Cardiothoracic | None:
    """The ratio of widths with its lines, from masks of the upright picture.

    The chest is widest between the outer borders of the lungs at one height, which lie at the inner borders of the
    ribs. The heart's greatest extents to both sides lie at different heights and are added, as usual; its line is drawn
    half way between these heights.

    Returns:
        None where the ratio is none that a body has.
    """
    height, width = heart.shape
    outer_left, outer_right = _crossings(right)[0], _crossings(left)[1]
    heart_left, heart_right = _crossings(heart)
    widths = outer_right - outer_left
    if np.isnan(widths).all() or np.isnan(heart_left).all():
        return None
    row = int(np.nanargmax(widths))
    left_row, right_row = int(np.nanargmin(heart_left)), int(np.nanargmax(heart_right))
    thorax = Line((row + 0.5) / height, float(outer_left[row]) / width, float(outer_right[row]) / width)
    line = Line(
        (left_row + right_row + 1) / 2 / height,
        float(heart_left[left_row]) / width,
        float(heart_right[right_row]) / width,
    )
    found = Cardiothoracic(heart=line, thorax=thorax)
    return found if _RATIO[0] < found.ratio < _RATIO[1] else None


def _is_organ(mask: FloatArray, mirrored: FloatArray, area: tuple[float, float], agreeing: float) -> bool:
    inside = mask >= 0.5
    if not area[0] < float(inside.mean()) < area[1] or agreement(mask, mirrored) < agreeing:
        return False
    return float((largest_part(mask) >= 0.5).sum()) >= _IN_ONE_PART * float(inside.sum())


def _crossings(mask: FloatArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where each row of probabilities (H, W) first rises and last falls through one half, in pixels from the left edge.

    Both are NaN for a row that stays below.
    """
    inside = mask >= 0.5
    empty = ~inside.any(axis=1)
    rows = np.arange(len(mask))
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.float64)
    first = inside.argmax(axis=1) + 1
    last = mask.shape[1] - inside[:, ::-1].argmax(axis=1)
    at_first, at_last = padded[rows, first], padded[rows, last]
    rise = (at_first - 0.5) / np.maximum(at_first - padded[rows, first - 1], 1e-6)
    fall = (at_last - 0.5) / np.maximum(at_last - padded[rows, last + 1], 1e-6)
    return np.where(empty, np.nan, first - 0.5 - rise), np.where(empty, np.nan, last - 0.5 + fall)


def _extent(mask: FloatArray, axis: int) -> tuple[int, int]:
    found = np.flatnonzero((mask >= 0.5).any(axis=axis))
    return int(found[0]), int(found[-1]) + 1


def _middle(mask: FloatArray) -> float:
    return float(np.nonzero(mask >= 0.5)[1].mean())
