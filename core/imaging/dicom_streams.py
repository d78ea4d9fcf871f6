"""What a compressed stream in a DICOM file says of itself: the headers of JPEG, JPEG-LS and JPEG 2000."""

import re
import struct
from dataclasses import dataclass

# JPEG frame headers (ISO 10918-1 table B.1) and JPEG-LS's (ISO 14495-1 section C.1.1).
_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf\xf7]")
_SIZ = b"\xff\x4f\xff\x51"
# The RGB of JPEG streams without markers that say how the components are meant.
_RGB_COMPONENTS = b"RGB"


@dataclass(frozen=True)
class StreamHeader:
    """The stream's own description of its image.

    Attributes:
        kind: ``JPEG``, ``JPEG-LS`` or ``JPEG 2000``, for sentences.
        rows, columns: of the image.
        samples: components of a pixel.
        precision: bits of a sample.
        signed: whether samples are signed; always False for JPEG and JPEG-LS, which know no sign.
        luma_coded: whether three components are luma and two of colour, as far as markers say so; else None.
    """

    kind: str
    rows: int
    columns: int
    samples: int
    precision: int
    signed: bool = False
    luma_coded: bool | None = None


def read_stream_header(frame: bytes, *, jpeg2000: bool) -> StreamHeader | None:
    """The header of a stream, None where it has none.

    Args:
        frame: the stream from its first byte.
        jpeg2000: whether it is JPEG 2000 rather than JPEG or JPEG-LS.
    """
    try:
        return _jpeg2000(frame) if jpeg2000 else _jpeg(frame)
    except (struct.error, IndexError):
        return None


def _jpeg(frame: bytes) -> StreamHeader | None:
    position = 2
    luma_coded: bool | None = None
    while position + 9 <= len(frame):
        marker = frame[position + 1]
        if frame[position] != 0xFF:
            return None
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        (length,) = struct.unpack_from(">H", frame, position + 2)
        body = frame[position + 4 : position + 2 + length]
        if _FRAME.match(frame, position):
            precision, rows, columns, samples = struct.unpack_from(">BHHB", body)
            if luma_coded is None and samples == 3 and body[6::3][:3] == _RGB_COMPONENTS:
                luma_coded = False
            kind = "JPEG-LS" if marker == 0xF7 else "JPEG"
            return StreamHeader(kind, rows, columns, samples, precision, luma_coded=luma_coded)
        if marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            luma_coded = body[11] != 0
        elif marker == 0xE0 and body.startswith(b"JFIF") and luma_coded is None:
            luma_coded = True
        position += 2 + length
    return None


def _jpeg2000(frame: bytes) -> StreamHeader | None:
    """The SIZ marker (ISO 15444-1 section A.5.1), also inside a JP2 wrapper."""
    start = frame.find(_SIZ, 0, 4096)
    if start < 0:
        return None
    width, height, left, top = struct.unpack_from(">IIII", frame, start + 8)
    (samples,) = struct.unpack_from(">H", frame, start + 40)
    depth = frame[start + 42]
    return StreamHeader("JPEG 2000", height - top, width - left, samples, (depth & 0x7F) + 1, signed=bool(depth & 0x80))
