"""Bytes of a DICOM, PNG or JPEG file to a ``Radiograph``.

What is here imports nothing heavier than NumPy and Pillow: files are parsed in a process of its own (``read_safely``),
and only that one needs ``core.imaging.reader``, pydicom and the codecs.
"""

from core.imaging.file_kinds import may_be_radiograph
from core.imaging.limits import MAX_FILE_BYTES
from core.imaging.phantom import render_phantom
from core.imaging.radiograph import (
    ImagingError,
    Radiograph,
    RefusedImage,
    TooLarge,
    UnreadableImage,
    UnsupportedType,
)
from core.imaging.sandbox import DecodersBusy, NotDecodedInTime, read_safely

__all__ = [
    "MAX_FILE_BYTES",
    "DecodersBusy",
    "ImagingError",
    "NotDecodedInTime",
    "Radiograph",
    "RefusedImage",
    "TooLarge",
    "UnreadableImage",
    "UnsupportedType",
    "may_be_radiograph",
    "read_safely",
    "render_phantom",
]
