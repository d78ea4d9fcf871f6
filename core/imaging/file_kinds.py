"""What a file is, told from its first bytes and without a decoder."""

import struct

from core.imaging.limits import MAX_FILE_BYTES
from core.imaging.radiograph import TooLarge, UnreadableImage, UnsupportedType

PREAMBLE = 128
"""Bytes before the DICOM prefix."""
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
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


def is_raster(data: bytes) -> bool:
    """Whether the bytes begin like a PNG or a JPEG file."""
    return data.startswith((PNG, JPEG))


def has_preamble(data: bytes) -> bool:
    """Whether the bytes carry the DICOM prefix of PS3.10 section 7.1."""
    return data[PREAMBLE : PREAMBLE + 4] == b"DICM"


def looks_headerless(data: bytes) -> bool:
    """Whether the bytes begin like a data set without preamble: group 0002 or 0008 and a sensible first length."""
    if len(data) < 16:
        return False
    group, element = struct.unpack_from("<HH", data)
    if group not in (0x0002, 0x0008) or element > 0x0100:
        return False
    return has_explicit_vr(data) or struct.unpack_from("<I", data, 4)[0] <= 1024


def has_explicit_vr(element: bytes) -> bool:
    """Whether the first 8 bytes of an element name its value representation (PS3.5 section 7.1.2)."""
    return element[4:6].isalpha() and element[4:6].isupper()


def may_be_radiograph(head: bytes) -> bool:
    """Whether a file that begins like this, with 132 bytes or more, is of a kind that is read."""
    return has_preamble(head) or is_raster(head) or looks_headerless(head)


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


def unread_kind(data: bytes) -> UnsupportedType:
    """The error that names what the file is, where it is none of the kinds that are read."""
    for magic, name in _KNOWN:
        if data.startswith(magic):
            return UnsupportedType(f"The file is {name}; {_TAKEN}.")
    if data[344:347] in (b"n+1", b"ni1"):
        return UnsupportedType(f"The file is a NIfTI volume; {_TAKEN}.")
    if data[4:8] == b"ftyp":
        return UnsupportedType(f"The file is a HEIC or AVIF image or a video; {_TAKEN}.")
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return UnsupportedType(f"The file is a web page or an XML document; {_TAKEN}.")
    return UnsupportedType(f"The file is not an image that is read; {_TAKEN}.")
