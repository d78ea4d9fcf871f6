"""Bytes to a ``Radiograph``, whatever the file is called: its content decides what it is."""

import warnings

import numpy as np

from core.imaging.dicom import read_dicom
from core.imaging.dicom_file import has_preamble, looks_headerless
from core.imaging.limits import MAX_FILE_BYTES
from core.imaging.radiograph import Radiograph, RefusedImage, TooLarge, UnreadableImage, UnsupportedType
from core.imaging.raster import read_raster

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_TAKEN = "send the radiograph as DICOM, PNG or JPEG"
# Kinds that people send by mistake, by their first bytes.
_KNOWN: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"BM", "a BMP image"),
    (b"RIFF", "a WebP image, a sound or a video"),
    (b"\x00\x00\x00\x0cjP  ", "a bare JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a bare JPEG 2000 image"),
    (b"\x1f\x8b", "a gzip archive, perhaps a compressed NIfTI volume"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"SIMPLE  =", "a FITS image"),
    (b"NRRD", "an NRRD volume"),
    (b"\x93NUMPY", "a NumPy array"),
)


def read_radiograph(data: bytes) -> Radiograph:
    """Read a DICOM, PNG or JPEG file in this process. For files of strangers use ``read_safely``.

    Args:
        data: the file's bytes.

    Returns:
        The radiograph as its file describes it; how it lies, and whether it is a negative, ``core.anatomy`` sees.

    Raises:
        UnreadableImage: empty, truncated or damaged.
        TooLarge: too many bytes or pixels.
        UnsupportedType: not a DICOM, PNG or JPEG file.
        RefusedImage: not a single frontal chest radiograph by its own tags, too small, or without contrast.
    """
    check_length(data)
    try:
        with warnings.catch_warnings():
            # pydicom and Pillow warn of each deviation from the standards; what matters here becomes an error.
            warnings.simplefilter("ignore")
            radiograph = _read(data)
    except RecursionError:
        raise UnreadableImage("The file nests its data too deeply; export it again.") from None
    if not np.isfinite(radiograph.pixels).all() or float(np.ptp(radiograph.pixels)) < 1e-6:
        raise RefusedImage("All pixels of the image have the same value; send the original radiograph.")
    return radiograph


def may_be_radiograph(head: bytes) -> bool:
    """Whether a file that begins like this, with 132 bytes or more, is of a kind that is read."""
    return has_preamble(head) or head.startswith((_PNG, _JPEG)) or looks_headerless(head)


def check_length(data: bytes) -> None:
    """Refuse an empty or an over-long file before anything looks into it.

    Raises:
        UnreadableImage: no bytes.
        TooLarge: over ``MAX_FILE_BYTES``.
    """
    if not data:
        raise UnreadableImage("The file is empty; choose the file of the radiograph again.")
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(
            f"The file has {len(data) / 2**20:.0f} MB; at most {MAX_FILE_BYTES // 2**20} MB are read. "
            "Send a single radiograph."
        )


def _read(data: bytes) -> Radiograph:
    if has_preamble(data):
        return read_dicom(data)
    if data.startswith((_PNG, _JPEG)):
        return read_raster(data)
    for magic, name in _KNOWN:
        if data.startswith(magic):
            raise UnsupportedType(f"The file is {name}; {_TAKEN}.")
    if looks_headerless(data):
        return read_dicom(data)
    if data[344:347] in (b"n+1", b"ni1"):
        raise UnsupportedType(f"The file is a NIfTI volume; {_TAKEN}.")
    if data[4:8] == b"ftyp":
        raise UnsupportedType(f"The file is a HEIC or AVIF image or a video; {_TAKEN}.")
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise UnsupportedType(f"The file is a web page or an XML document; {_TAKEN}.")
    raise UnsupportedType(f"The file is not an image that is read; {_TAKEN}.")
