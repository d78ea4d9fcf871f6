"""Radiographs as the pictures that vision-language models take: 8-bit RGB, square, the same grey values for all."""

import numpy as np
from PIL import Image

from core.classifier.preprocessing import Preprocessing
from core.imaging import Radiograph

# Large enough for the towers in use (224 to 448 pixels); processors shrink further.
_SIDE = 448


def picture_of(radiograph: Radiograph) -> Image.Image:
    """The radiograph as an RGB picture of 448 x 448 pixels, stretched and padded as for the classifier."""
    square, _ = Preprocessing(image_size=_SIDE).canonical(radiograph.pixels)
    return Image.fromarray(np.round(square * 255).astype(np.uint8)).convert("RGB")
