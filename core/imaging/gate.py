"""The input gate: may the classifier judge this radiograph?

What a file says of itself (modality, body part, view, frames) is judged while it is read. This first gate judges what
the pixels allow without a model: shape and contrast. It does not tell a chest from other pictures.
"""

from dataclasses import dataclass

import numpy as np

from core.imaging.radiograph import Radiograph, RefusedImage

# Frontal chest radiographs are nearly square; 2.0 leaves room for unusual crops.
_MAX_ASPECT = 2.0
_MIN_GREY_LEVELS = 16


@dataclass(frozen=True)
class Gate:
    """The gate's verdict.

    Attributes:
        accepted: whether the classifier may judge the image.
        checks: what was looked at, in words.
    """

    accepted: bool
    checks: tuple[str, ...]


def admit(radiograph: Radiograph) -> Gate:
    """Accept the radiograph or refuse it.

    Raises:
        RefusedImage: the image is too elongated or has too few grey levels to be a frontal chest radiograph.
    """
    height, width = radiograph.pixels.shape
    if max(height, width) > _MAX_ASPECT * min(height, width):
        raise RefusedImage(
            f"The image is {width} x {height} pixels, too elongated for a frontal chest radiograph; "
            "upload the whole radiograph, uncropped."
        )
    sample = radiograph.pixels[:: max(1, height // 256), :: max(1, width // 256)]
    if len(np.unique(np.round(sample * 255))) < _MIN_GREY_LEVELS:
        raise RefusedImage("The image has almost no grey levels, so it is not a radiograph; upload the original file.")
    return Gate(accepted=True, checks=("file type", "image size and shape", "contrast", "stated modality and view"))
