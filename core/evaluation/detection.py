"""Where a finding is said to be, and how well that agrees with a radiologist's boxes.

Boxes are arrays (N, 4): left, top, right, bottom in fractions of the image's width and height.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Boxes = npt.NDArray[np.floating[Any]]

# Of 255; Wang et al. cut each heatmap at both.
CUTS = (60, 180)
_COVERAGE_SIDE = 256


@dataclass(frozen=True)
class Guess:
    """Where a finding is said to be.

    Attributes:
        boxes: (K, 4) detected boxes, none if nothing was detected.
        peak: the likeliest point (x, y) in fractions of the image, or None.
    """

    boxes: Boxes
    peak: tuple[float, float] | None


def guess_from_heatmap(heatmap: npt.NDArray[np.float32]) -> Guess:
    """Detected boxes and peak of a heatmap (h, w) in [0, 1] over the radiograph's frame.

    Each region of pixels that touch by an edge and reach one of the cuts gives the smallest box that covers it.
    """
    if not heatmap.max() > 0:
        return Guess(np.empty((0, 4)), None)
    height, width = heatmap.shape
    # A region that both cuts see alike is one box.
    boxes = set()
    for cut in CUTS:
        regions, _ = ndimage.label(heatmap * 255 >= cut)
        for rows, columns in ndimage.find_objects(regions):
            boxes.add((columns.start / width, rows.start / height, columns.stop / width, rows.stop / height))
    row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    return Guess(np.array(sorted(boxes)).reshape(-1, 4), ((float(column) + 0.5) / width, (float(row) + 0.5) / height))


def guess_from_box(box: Boxes) -> Guess:
    """One box (4,) and its middle."""
    return Guess(box[None], (float(box[[0, 2]].mean()), float(box[[1, 3]].mean())))


def coverage(boxes: Boxes) -> npt.NDArray[np.float32]:
    """The share of boxes (N, 4) that cover each position, as a heatmap (256, 256) scaled to its maximum."""
    middles = (np.arange(_COVERAGE_SIDE) + 0.5) / _COVERAGE_SIDE
    across = (boxes[:, [0]] <= middles) & (middles <= boxes[:, [2]])
    down = (boxes[:, [1]] <= middles) & (middles <= boxes[:, [3]])
    shares = np.einsum("ny,nx->yx", down.astype(np.float32), across.astype(np.float32))
    return shares / max(float(shares.max()), 1.0)


def overlaps(detected: Boxes, truth: Boxes) -> tuple[Boxes, Boxes]:
    """IoBB and IoU, each (K, B) in [0, 1], of detected boxes (K, 4) with radiologists' boxes (B, 4)."""
    sides = np.minimum(detected[:, None, 2:], truth[None, :, 2:]) - np.maximum(
        detected[:, None, :2], truth[None, :, :2]
    )
    shared = sides.clip(min=0).prod(axis=-1)
    own = (detected[:, 2:] - detected[:, :2]).prod(axis=-1)[:, None]
    union = own + (truth[:, 2:] - truth[:, :2]).prod(axis=-1)[None] - shared
    return shared / own, shared / union


def contains(boxes: Boxes, point: tuple[float, float] | None) -> bool:
    """Whether a point (x, y) lies in any of the boxes (B, 4), edges included."""
    return point is not None and bool(((boxes[:, :2] <= point) & (point <= boxes[:, 2:])).all(axis=1).any())
