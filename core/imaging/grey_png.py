"""Grey PNG files, which most collections of radiographs are kept as (ISO/IEC 15948:2004, here cited as PNG).

Those of 8 bits are read in half of Pillow's time: ISA-L inflates their rows and looks at their checksum, which the PNG
decoder in Rust does not, and that undoes their filters.
"""

import struct
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from core.imaging.file_kinds import PNG

# Bit depth, colour type, and compression, filter and interlace methods of IHDR (PNG section 11.2.1).
PLAIN_GREY = b"\x08\0\0\0\0"


def grey_rows(deflated: bytes, height: int, width: int) -> npt.NDArray[np.uint8] | None:
    """The pixels (H, W) of an image whose header ends with ``PLAIN_GREY``.

    Args:
        deflated: the contents of all its IDAT chunks.
        height, width: as its header says.

    Returns:
        None where they are not exactly as they should be, which Pillow may forgive or tell of, or a library is missing.
    """
    with suppress(Exception):  # each library raises errors of its own
        from isal import isal_zlib
        from kornia_rs.io import decode_image_png_u8

        length = height * (1 + width)
        inflating = isal_zlib.decompressobj()
        filtered = inflating.decompress(deflated, length + 1)
        if inflating.eof and len(filtered) == length:
            file = grey_file(zlib.compress(filtered, level=0), height, width)
            pixels: npt.NDArray[Any] = decode_image_png_u8(file, (height, width), "mono")
            return pixels.reshape(height, width)
    return None


def grey_file(deflated: bytes, height: int, width: int, bits: int = 8) -> bytes:
    """A file of compressed rows, each of which begins with the number of its filter."""
    header = struct.pack(">IIB", width, height, bits) + PLAIN_GREY[1:]
    return PNG + chunk(b"IHDR", header) + chunk(b"IDAT", deflated) + chunk(b"IEND")


def chunk(name: bytes, body: bytes = b"") -> bytes:
    """A chunk of a PNG file (PNG section 5.3)."""
    return b"".join((struct.pack(">I", len(body)), name, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))))
