"""Radiograph pixels to network input: one function for training, prediction and heatmaps, so they cannot differ."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.imaging.resampling import lanczos

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """Where the radiograph lies inside the square network input, in fractions of its side.

    Attributes:
        left, top, right, bottom: edges of the radiograph, each in [0, 1].
    """

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Preprocessing:
    """How pixels become network input. Saved in the checkpoint's ``config.json``.

    The image is brought to ``image_size`` by an antialiasing filter whatever its size was, stretched between two of
    its own percentiles so that window, bit depth and exposure do not matter, and padded to a square.

    Attributes:
        image_size: side of the square input, in pixels.
        mean, std: normalisation of values in [0, 1].
        low_percentile, high_percentile: grey values that become 0 and 1.
    """

    image_size: int = 320
    mean: float = 0.5
    std: float = 0.5
    low_percentile: float = 1.0
    high_percentile: float = 99.0

    def canonical(self, pixels: npt.NDArray[Any]) -> tuple[FloatArray, Frame]:
        """Resize, stretch and pad; a body keeps its proportions.

        Args:
            pixels: (H, W) on any linear grey scale, bright = dense.

        Returns:
            The (image_size, image_size) image in [0, 1] and the place of the radiograph in it.
        """
        height, width = pixels.shape
        scale = self.image_size / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        # The kernel widens when the image shrinks, which makes originals of any size equally sharp.
        resized = lanczos(pixels, (size[1], size[0]))
        low, high = map(float, np.percentile(resized, (self.low_percentile, self.high_percentile)))
        stretched = np.clip((resized - low) / max(high - low, 1e-6), 0, 1)
        left = (self.image_size - size[0]) // 2
        top = (self.image_size - size[1]) // 2
        square = np.zeros((self.image_size, self.image_size), dtype=np.float32)
        square[top : top + size[1], left : left + size[0]] = stretched
        side = self.image_size
        return square, Frame(left / side, top / side, (left + size[0]) / side, (top + size[1]) / side)

    def normalise(self, square: FloatArray) -> FloatArray:
        """Canonical image (S, S) in [0, 1] to the network's single input channel (1, S, S)."""
        return ((square - self.mean) / self.std)[None].astype(np.float32)
