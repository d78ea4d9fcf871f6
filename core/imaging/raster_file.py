"""What is needed of a PNG or JPEG file, and nothing that its pixels can do without.

Metadata are refused by decoders in many ways: colour profiles and texts of a megabyte, wrong checksums, EXIF that
cannot be written again. Browsers show such files, for the pixels are sound. So the decoder gets a file without
metadata, and the three facts in them that change the picture are read here: how it is turned, the shape of its pixels,
and whether its colours are luma and colour or RGB (which stays in the file).
"""

import re
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

from core.imaging.file_kinds import JPEG, PNG
from core.imaging.grey_png import PLAIN_GREY, chunk
from core.imaging.radiograph import UnreadableImage

_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PNG_END = chunk(b"IEND")
_LOSSLESS, _HIERARCHICAL, _ARITHMETIC = "it is lossless", "it is hierarchical", "its coding is arithmetic"
# Start of frame by process (ITU-T T.81 table B.1, T.87); the first three are what JPEG means to most.
_FRAMES = dict.fromkeys((0xC0, 0xC1, 0xC2), "") | {
    0xC3: _LOSSLESS,
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), _HIERARCHICAL),
    **dict.fromkeys((0xC9, 0xCA, 0xCB), _ARITHMETIC),
    0xF7: "it is JPEG-LS",
}
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)\s*([1-8])")
_XMP = b"http://ns.adobe.com/xap/1.0/\0"


@dataclass(frozen=True)
class RasterFile:
    """A PNG or JPEG file, cleaned.

    Attributes:
        kind: ``PNG`` or ``JPEG``.
        data: the file without metadata.
        orientation: EXIF orientation, 1 to 8.
        pixel_sides: height and width of a pixel in no unit.
        deep_colour: whether a PNG has 16 bits and several channels.
        deflated_grey: what ``grey_rows`` reads, of a PNG that is 8 bits of grey and nothing else; empty for others.
        coding: what a JPEG has that few decoders read, as in "it has 12 bits a value"; empty where it has nothing so.
    """

    kind: str
    data: bytes
    orientation: int = 1
    pixel_sides: tuple[float, float] = (1.0, 1.0)
    deep_colour: bool = False
    deflated_grey: bytes = b""
    coding: str = ""


def read_raster_file(data: bytes) -> RasterFile | None:
    """The cleaned file; None where the bytes are neither a PNG nor a JPEG.

    Raises:
        UnreadableImage: a PNG whose pixels do not have their checksum.
    """
    if data.startswith(PNG):
        return _png(data)
    return _jpeg(data) if data.startswith(JPEG) else None


def _png(data: bytes) -> RasterFile:
    """Critical chunks and transparency as they are; ancillary chunks (PNG section 5.4) do not get through.

    A chunk that runs over the end of the file is handed on, so that the decoder tells of it.

    Raises:
        UnreadableImage: a chunk that the pixels depend on does not have its checksum.
    """
    kept = [PNG]
    orientation, sides, deep = 1, (1.0, 1.0), False
    plain, deflated = False, []
    position, ended = len(PNG), False
    while position + 12 <= len(data) and not ended:
        length, name = struct.unpack_from(">I4s", data, position)
        whole = data[position : position + 12 + length]
        body = whole[8:-4]
        ended = name == b"IEND"
        sound = len(whole) == 12 + length and struct.unpack(">I", whole[-4:])[0] == zlib.crc32(whole[4:-4])
        if name in _CRITICAL and len(whole) == 12 + length and not sound:
            # Pillow does not look at the checksum of pixels.
            raise UnreadableImage("The PNG image is damaged; export or download it again.")
        if name in _CRITICAL or (name == b"tRNS" and sound):
            kept.append(whole)
        if name == b"IHDR" and len(body) == 13:
            deep, plain = body[8] == 16 and body[9] != 0, body.endswith(PLAIN_GREY)
        elif name == b"IDAT":
            deflated.append(body)
        elif name == b"tRNS":
            plain = False
        elif name == b"pHYs" and sound and len(body) == 9:
            across, down, _ = struct.unpack(">IIB", body)
            sides = (across, down) if across and down else sides
        elif name == b"eXIf" and sound:
            orientation = _exif_orientation(body) or orientation
        elif name == b"iTXt" and sound and body.startswith(b"XML:com.adobe.xmp\0\0"):
            orientation = _xmp_orientation(body) or orientation
        position += 12 + length
    if not ended:
        kept.append(data[position:] if position < len(data) else _PNG_END)
    return RasterFile("PNG", b"".join(kept), orientation, sides, deep, b"".join(deflated) if plain else b"")


def _jpeg(data: bytes) -> RasterFile:
    """All segments but comments and application data; of those only Adobe's, which says how colours are meant."""
    kept = [data[:2]]
    orientation, sides, coding = 1, (1.0, 1.0), ""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == 0xDA:
            break
        (length,) = struct.unpack_from(">H", data, position + 2)
        segment = data[position : position + 2 + length]
        body = segment[4:]
        application = 0xE0 <= marker <= 0xEF or marker == 0xFE
        if not application or marker == 0xEE or body.startswith(b"JFIF\0"):
            kept.append(segment)
        if marker in _FRAMES and body:
            coding = _FRAMES[marker] or ("" if body[0] == 8 else f"it has {body[0]} bits a value")
        elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            across, down = struct.unpack_from(">HH", body, 8)
            sides = (across, down) if across and down else sides
        elif marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _exif_orientation(body) or orientation
        elif marker == 0xE1 and body.startswith(_XMP) and orientation == 1:
            orientation = _xmp_orientation(body) or orientation
        position += 2 + length
    kept.append(data[position:])
    return RasterFile("JPEG", b"".join(kept), orientation, sides, coding=coding)


def _exif_orientation(block: bytes) -> int | None:
    exif = Image.Exif()
    try:
        exif.load(block)
        found = exif.get(0x0112)
    except Exception:  # Pillow raises many kinds on broken blocks
        return None
    return found if found in range(1, 9) else None


def _xmp_orientation(packet: bytes) -> int | None:
    found = _XMP_ORIENTATION.search(packet)
    return int(found[1]) if found else None
