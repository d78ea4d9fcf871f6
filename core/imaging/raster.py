"""PNG and JPEG to a ``Radiograph``."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from core.imaging.geometry import believable, squared
from core.imaging.grey_png import grey_rows
from core.imaging.jpeg import check_jpeg
from core.imaging.limits import MAX_PIXELS, check_dimensions
from core.imaging.radiograph import Radiograph, TooLarge, UnreadableImage, UnsupportedType
from core.imaging.raster_file import RasterFile, read_raster_file

FloatArray = npt.NDArray[np.float32]
# Bytes, or float32 in [0, 1].
Pixels = npt.NDArray[Any]

# Mean difference between colour channels, of 1, above which an image is a photograph rather than a grey picture.
_COLOURED = 0.06
_COLOUR_NOTE = "The image has colours; radiographs are grey. Its brightness was used."
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
# Rec. 601 luma of blue, green and red.
_LUMA = np.array([0.114, 0.587, 0.299], dtype=np.float32)
_BAND = 512
# What undoes an EXIF orientation (EXIF 2.3 section 4.6.4).
_TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.T,
    6: lambda pixels: pixels[::-1].T,
    7: lambda pixels: pixels[::-1, ::-1].T,
    8: lambda pixels: pixels[:, ::-1].T,
}


def read_raster(data: bytes) -> Radiograph:
    """Decode a PNG (8 or 16 bit; grey, RGB, RGBA, palette) or a JPEG.

    Transparency is laid on black, the background of radiographs. 16-bit files often hold 10 to 15 significant bits,
    so their grey values are stretched between the image's own extremes. An EXIF orientation is undone, and pixels that
    are not square by the file's own resolution become so.

    Returns:
        The radiograph; its pixels are still bytes where nothing needed more (``core.imaging.radiograph``).

    Raises:
        UnsupportedType: the bytes are neither PNG nor JPEG.
        UnreadableImage: the stream is broken or truncated.
        TooLarge, RefusedImage: the image's dimensions are outside the limits.
    """
    file = read_raster_file(data)
    if file is None:
        raise UnsupportedType("The file is not a PNG or JPEG image; send the radiograph as one of these.")
    image = _open(file)
    check_dimensions(rows=image.height, columns=image.width)
    if file.kind == "JPEG":
        check_jpeg(file.data)
    deep = file.deep_colour or image.mode in _DEEP_MODES
    try:
        pixels, notes = _deep_colour(file.data) if file.deep_colour else _to_grey(image, file)
    except MemoryError:
        raise
    except Exception as error:
        if file.coding:
            raise _unusual(file) from error
        raise UnreadableImage(
            f"The pixels of the {file.kind} image are truncated or broken; export or download it again."
        ) from error
    image.close()
    if turn := _TURNS.get(file.orientation):
        pixels = np.ascontiguousarray(turn(pixels))
    sides = file.pixel_sides[::-1] if file.orientation > 4 else file.pixel_sides
    height, width = pixels.shape
    if believable(*sides):
        pixels, _ = squared(pixels, *sides)
    metadata = {"format": file.kind, "rows": str(height), "columns": str(width), "bits": "16" if deep else "8"}
    return Radiograph(pixels=pixels, warnings=notes, metadata=metadata)


def _open(file: RasterFile) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Pillow only warns of decompression bombs; our own limit is stricter and is an error.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(file.data), formats=(file.kind,))
    except Image.DecompressionBombError:
        raise TooLarge(
            f"The image says that it has far more than the {MAX_PIXELS // 1_000_000} million pixels that are read. "
            "Export it smaller."
        ) from None
    except Exception as error:  # Pillow raises many kinds on hostile headers
        if file.coding:
            raise _unusual(file) from error
        raise UnreadableImage(
            f"The header of the {file.kind} image is truncated or broken; export or download it again."
        ) from error


def _unusual(file: RasterFile) -> UnsupportedType:
    return UnsupportedType(
        f"The JPEG image is of a kind that is only read inside DICOM files ({file.coding}); send it as DICOM, PNG or "
        "plain JPEG."
    )


def _to_grey(image: Image.Image, file: RasterFile) -> tuple[Pixels, tuple[str, ...]]:
    """Grey bytes or, of deep images, float32 in [0, 1], and what a reader should know about the conversion."""
    if file.deflated_grey and (rows := grey_rows(file.deflated_grey, image.height, image.width)) is not None:
        return rows, ()
    if image.mode in _DEEP_MODES:
        # Not convert("L"): it saturates everything above 255.
        return _stretched(np.asarray(image).astype(np.float32)), ()
    if image.mode in ("L", "1") and "transparency" not in image.info:
        return np.array(image.convert("L")), ()
    # Palette, RGB, CMYK and anything with transparency. Pillow converts with 8 bits, which is all that these have;
    # floating point copies of a large colour image would not fit beside each other.
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layered = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", layered.size)
        image.paste(layered, mask=layered.getchannel("A"))
        del layered
    image = image if image.mode == "RGB" else image.convert("RGB")
    small: FloatArray = np.array(image.resize((64, 64), Image.Resampling.BOX), dtype=np.float32)
    small /= 255
    return np.array(image.convert("L")), _colour_notes(small)


def _deep_colour(data: bytes) -> tuple[Pixels, tuple[str, ...]]:
    """A PNG of 16 bits and several channels as grey in [0, 1]; Pillow would keep 8 of the bits."""
    import cv2  # only for these rare files: it takes a while to load

    decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        raise ValueError("the image has no deep channels")
    grey = np.empty(decoded.shape[:2], dtype=np.float32)
    for start in range(0, len(grey), _BAND):
        band = decoded[start : start + _BAND].astype(np.float32)
        grey[start : start + _BAND] = band[..., :3] @ _LUMA
        if decoded.shape[2] == 4:
            grey[start : start + _BAND] *= band[..., 3] / 65535
    small: FloatArray = decoded[:: max(1, len(decoded) // 64), :: max(1, decoded.shape[1] // 64), :3].astype(np.float32)
    small /= small.max(initial=1)
    return _stretched(grey), _colour_notes(small)


def _stretched(values: FloatArray) -> FloatArray:
    low, high = float(values.min()), float(values.max())
    values -= np.float32(low)
    values /= np.float32(max(high - low, 1.0))
    return values


def _colour_notes(small: FloatArray) -> tuple[str, ...]:
    spread = float((small.max(axis=-1) - small.min(axis=-1)).mean())
    return (_COLOUR_NOTE,) if spread > _COLOURED else ()
