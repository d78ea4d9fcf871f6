"""The radiograph's grey values as the viewer reads them: every one of them, in one compressed file."""

import gzip
import os
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from isal import igzip
from PIL import Image

# No detector in use has more pixels on a side; larger images are scans that gain nothing from being shown larger.
LONGEST_SIDE = 4400
_FILE = "pixels.gz"


class PixelFormat(TypedDict):
    """What a reader must know: rows from the top, little-endian, no padding; white is 2**bits - 1."""

    width: int
    height: int
    bits: int


def write_pixels(folder: Path, pixels: npt.NDArray[np.float32], *, longest_side: int = LONGEST_SIDE) -> PixelFormat:
    """Write a radiograph's grey values into a study's folder.

    Args:
        folder: of the study.
        pixels: (H, W) in [0, 1].
        longest_side: images with a longer side are shrunk to it.

    Returns:
        Format of the values: 8 bits where these are exact, as for pictures that had no more, else 16.
    """
    if max(pixels.shape) > longest_side:
        scale = longest_side / max(pixels.shape)
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    bits = 8 if _fits(pixels, 255) else 16
    values = np.rint(np.clip(pixels, 0, 1) * (2**bits - 1)).astype("<u1" if bits == 8 else "<u2")
    partial = folder / f"{_FILE}.partial"
    # Level 1 of ISA-L is several times as fast as zlib's and hardly larger.
    partial.write_bytes(igzip.compress(values.tobytes(), compresslevel=1, mtime=0))
    os.replace(partial, folder / _FILE)
    return {"width": values.shape[1], "height": values.shape[0], "bits": bits}


def compressed_pixels(folder: Path) -> Path:
    """The file of a study's grey values, compressed with gzip.

    Raises:
        FileNotFoundError: the study was analysed by a version that stored none, or was deleted.
    """
    path = folder / _FILE
    if not path.is_file():
        raise FileNotFoundError(path)
    return path


def read_pixels(folder: Path) -> bytes:
    """A study's grey values, uncompressed.

    Raises:
        FileNotFoundError: as ``compressed_pixels``.
    """
    return gzip.decompress(compressed_pixels(folder).read_bytes())


def _fits(pixels: npt.NDArray[np.float32], steps: int) -> bool:
    """Whether every value is a multiple of 1 / steps, to within what float32 loses."""
    scaled = pixels * steps
    return bool(np.abs(scaled - np.rint(scaled)).max() < 1e-3)
