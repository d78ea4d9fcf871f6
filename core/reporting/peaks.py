"""Where a heatmap's peaks lie.

Places are thirds and halves of the picture, in the usual display with the patient's right at the left of the picture.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from core.anatomy import Place
from core.anatomy.place import Side, Zone

# A peak reaches this share of the map's maximum and is the highest point within this share of the picture's sides.
_STRONG, _ALONE = 0.6, 0.2
# Half-width of the band, as a share of the picture's width, in which a peak lies between the lungs.
_MIDDLE = 0.08


def places_of(heatmap: npt.NDArray[np.float32], anatomy: None = None) -> tuple[Place, ...]:
    """The places of all peaks, the highest first, each once; none for an empty map.

    Args:
        heatmap: (h, w) in [0, 1] over the radiograph's frame.
        anatomy: of the radiograph.
    """
    height, width = heatmap.shape
    window = (max(3, round(_ALONE * height)), max(3, round(_ALONE * width)))
    highest = float(heatmap.max())
    if highest <= 0:
        return ()
    is_peak = (heatmap == ndimage.maximum_filter(heatmap, size=window)) & (heatmap >= _STRONG * highest)
    spots, count = ndimage.label(is_peak, structure=np.ones((3, 3)))
    centres = ndimage.center_of_mass(is_peak, spots, range(1, count + 1))
    values = ndimage.maximum(heatmap, spots, range(1, count + 1))
    ordered = sorted(zip(values, centres, strict=True), key=lambda item: -item[0])
    places = (_place((row + 0.5) / height, (column + 0.5) / width) for _, (row, column) in ordered)
    return tuple(dict.fromkeys(place for place in places if place is not None))


def _place(row: float, column: float) -> Place | None:
    if abs(column - 0.5) < _MIDDLE:
        return None
    side: Side = "right" if column < 0.5 else "left"
    zone: Zone = "upper" if row < 1 / 3 else "middle" if row < 2 / 3 else "lower"
    return Place(side, zone)
