"""A file's bytes to grey pixels, and grey pixels to a small PNG: what the processes of ``prepare`` do."""

import io
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from isal import isal_zlib
from PIL import Image

from core.anatomy import Gate, put_upright, shipped_looker
from core.imaging import ImagingError, Radiograph, UnreadableImage
from core.imaging.grey_png import grey_file
from core.imaging.reader import read_radiograph, read_stored
from core.imaging.resampling import FloatArray, lanczos


class Grey(NamedTuple):
    """Decoded pixels.

    Attributes:
        pixels: (H, W) as ``read_stored`` gives them: bytes, or float32 in [0, 1].
        format: ``DICOM``, ``PNG`` or ``JPEG``.
        bits: significant bits of a grey value, as text.
    """

    pixels: npt.NDArray[Any]
    format: str
    bits: str


def read_grey(data: bytes) -> Grey:
    """Decode as ``read_stored`` does.

    Raises:
        ImagingError: as ``read_stored``.
    """
    try:
        radiograph = read_stored(data)
    except (ImagingError, MemoryError):
        raise
    except Exception as error:  # a decoder's own failure is the file's fault
        raise UnreadableImage("The image could not be decoded; export or download it again.") from error
    facts = radiograph.metadata
    return Grey(radiograph.pixels, facts.get("format", "DICOM"), facts.get("bits", ""))


def resized(grey: Grey, image_size: int) -> tuple[FloatArray, str]:
    """Bring the longest side to ``image_size``, and the chest upright with bright = dense.

    Returns:
        (h, w) in [0, 1], and a sentence if the picture lay turned or was a negative, else an empty text.
    """
    height, width = grey.pixels.shape
    scale = image_size / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    pixels = lanczos(grey.pixels, size)
    if grey.pixels.dtype == np.uint8:
        pixels *= np.float32(1 / 255)
    turned, inverted = shipped_looker().pose(grey.pixels)
    lying = Radiograph(pixels=np.clip(pixels, 0, 1, out=pixels))
    found = put_upright(lying, Gate("accepted", frontal=1.0, turned=turned, inverted=inverted))
    return found.pixels, " ".join(found.warnings)


def decode_with_pillow(path: str) -> None:
    """Read and decode a PNG or JPEG and do nothing with it: the yardstick for the speed of preparation."""
    with open(path, "rb") as file, Image.open(io.BytesIO(file.read())) as image:
        image.load()


def decode_with_reader(path: str) -> None:
    """The same through ``read_radiograph``, to floating point."""
    with open(path, "rb") as file:
        read_radiograph(file.read())


def padded(pixels: FloatArray) -> FloatArray:
    """Centred on a black square of the longest side."""
    height, width = pixels.shape
    side = max(height, width)
    square = np.zeros((side, side), dtype=np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square


def png(pixels: FloatArray, *, bits: int) -> bytes:
    """Encode as grey PNG (ISO/IEC 15948:2004).

    Each line is stored as its difference to the line above and compressed by ISA-L, which takes a fifth of the time
    of zlib's quickest level for files as small.

    Args:
        pixels: (h, w) in [0, 1].
        bits: 8 or 16.
    """
    scaled = np.rint(pixels * np.float32(2**bits - 1))
    values = scaled.astype(np.uint8 if bits == 8 else ">u2").view(np.uint8)
    height, width = pixels.shape
    rows = np.empty((height, values.shape[1] + 1), dtype=np.uint8)
    rows[:, 0] = 2  # the filter "Up"
    rows[0, 1:] = values[0]
    np.subtract(values[1:], values[:-1], out=rows[1:, 1:])
    stream = isal_zlib.compress(rows.data, 1)
    return grey_file(stream, height, width, bits)
