"""PNG and JPEG to a ``Radiograph``."""

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from core.imaging.limits import MAX_PIXELS, check_dimensions
from core.imaging.radiograph import Radiograph, TooLarge, UnreadableImage, UnsupportedType

# Mean difference between colour channels, of 1, above which an image is a photograph rather than a grey picture.
_COLOURED = 0.06
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


def read_raster(data: bytes) -> Radiograph:
    """Decode a PNG (8 or 16 bit; grey, RGB, RGBA, palette) or a JPEG.

    Transparency is laid on black, the background of radiographs. 16-bit files often hold 10 to 15 significant bits,
    so their grey values are stretched between the image's own extremes. An EXIF orientation is undone.

    Raises:
        UnsupportedType: the bytes are neither PNG nor JPEG.
        UnreadableImage: the stream is broken or truncated.
        TooLarge, RefusedImage: the image's dimensions are outside the limits.
    """
    try:
        with warnings.catch_warnings():
            # Pillow only warns of decompression bombs; our own limit below is stricter and is an error.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(data), formats=("PNG", "JPEG"))
    except Image.DecompressionBombError:
        raise TooLarge(
            f"The image says that it has far more than the {MAX_PIXELS // 1_000_000} million pixels that are read. "
            "Export it smaller."
        ) from None
    except Exception as error:  # Pillow raises many kinds on hostile headers
        if data.startswith((b"\x89PNG", b"\xff\xd8\xff")):
            raise UnreadableImage("The image is truncated or broken; export or download it again.") from error
        raise UnsupportedType("The file is not a PNG or JPEG image; send the radiograph as one of these.") from error
    check_dimensions(rows=image.height, columns=image.width)
    kind = "PNG" if image.format == "PNG" else "JPEG"
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
        pixels, notes = _to_grey(image)
    except MemoryError:
        raise
    except Exception as error:
        raise UnreadableImage(f"The {kind} image is truncated or broken; export or download it again.") from error
    metadata = {
        "format": kind,
        "rows": str(image.height),
        "columns": str(image.width),
        "bits": "16" if image.mode in _DEEP_MODES else "8",
    }
    return Radiograph(pixels=pixels, warnings=notes, metadata=metadata)


def _to_grey(image: Image.Image) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """Grey pixels in [0, 1], and what a reader should know about the conversion."""
    if image.mode in _DEEP_MODES:
        # Not convert("L"): it saturates everything above 255.
        values = np.asarray(image).astype(np.float32)
        low, high = float(values.min()), float(values.max())
        return ((values - low) / max(high - low, 1.0)).astype(np.float32, copy=False), ()
    if image.mode in ("L", "1") and "transparency" not in image.info:
        return _scaled(image.convert("L")), ()
    # Palette, RGB, CMYK and anything with transparency. Pillow converts with 8 bits, which is all that these have;
    # floating point copies of a large colour image would not fit beside each other.
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layered = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", layered.size)
        image.paste(layered, mask=layered.getchannel("A"))
        del layered
    image = image if image.mode == "RGB" else image.convert("RGB")
    small = np.asarray(image.resize((64, 64), Image.Resampling.BOX), dtype=np.float32) / 255
    spread = float((small.max(axis=-1) - small.min(axis=-1)).mean())
    notes = ("The image has colours; radiographs are grey. Its brightness was used.",) if spread > _COLOURED else ()
    return _scaled(image.convert("L")), notes


def _scaled(grey: Image.Image) -> npt.NDArray[np.float32]:
    pixels = np.array(grey, dtype=np.float32)
    pixels /= 255
    return pixels
