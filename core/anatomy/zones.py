"""Where a heatmap is strongest, as places in the lungs."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.anatomy.anatomy import Anatomy, filled
from core.anatomy.place import Place, Side, Zone

# Side of the grid on which peaks are looked for; a heatmap is coarser than that.
_GRID = 96
# A peak stands out by being the highest point within this share of the side, and counts from this share of the highest.
_APART, _HIGH = 0.12, 0.6
# Peaks just outside a lung's outline belong to it: hearts and domes of the diaphragm hide lung.
_NEAR = 0.04
_ZONES: tuple[Zone, ...] = ("upper", "middle", "lower")


def places_of(heatmap: npt.NDArray[np.float32], anatomy: Anatomy) -> tuple[Place, ...]:
    """Places of a heatmap's peaks, strongest first; each place once.

    A zone is a third of the height of the lung that holds the peak. Peaks outside the lungs name no place.

    Args:
        heatmap: (h, w), 0 or more, over the upright picture.
        anatomy: of the same picture.

    Returns:
        No place where the lungs are doubtful, the map is empty, or its highest peak lies outside the lungs.
    """
    if anatomy.right_lung is None or anatomy.left_lung is None or float(heatmap.max()) <= 0:
        return ()
    smooth = np.asarray(Image.fromarray(heatmap.astype(np.float32)).resize((_GRID, _GRID), Image.Resampling.BICUBIC))
    lungs: list[tuple[Side, npt.NDArray[np.bool_]]] = [
        ("right", filled(anatomy.right_lung, smooth.shape)),
        ("left", filled(anatomy.left_lung, smooth.shape)),
    ]
    found: dict[Place, None] = {}
    for index, (row, column) in enumerate(_peaks(smooth)):
        place = _place_at(row, column, lungs)
        if place is None and index == 0:
            return ()
        if place is not None:
            found.setdefault(place)
    return tuple(found)


def _peaks(smooth: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Rows and columns of the peaks, highest first."""
    from scipy import ndimage  # when a picture is looked at: a server starts without it

    size = 2 * round(_APART * _GRID) + 1
    highest = ndimage.maximum_filter(smooth, size=size, mode="nearest")
    rows, columns = np.nonzero((smooth >= highest) & (smooth >= _HIGH * smooth.max()))
    order = np.argsort(-smooth[rows, columns], kind="stable")
    return [(int(rows[i]), int(columns[i])) for i in order]


def _place_at(row: int, column: int, lungs: list[tuple[Side, npt.NDArray[np.bool_]]]) -> Place | None:
    from scipy import ndimage

    distances = [float(ndimage.distance_transform_edt(~inside)[row, column]) for _, inside in lungs]
    nearest = int(np.argmin(distances))
    if distances[nearest] > _NEAR * _GRID:
        return None
    side, inside = lungs[nearest]
    rows = np.flatnonzero(inside.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    share = (row + 0.5 - top) / (bottom - top)
    return Place(side, _ZONES[int(np.clip(share * 3, 0, 2))])
