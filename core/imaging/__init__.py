"""Bytes of a DICOM, PNG or JPEG file to a ``Radiograph``; imports nothing heavier than NumPy, Pillow and pydicom."""

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
from core.imaging.reader import may_be_radiograph, read_radiograph
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
    "read_radiograph",
    "read_safely",
    "render_phantom",
]
