"""Whether a JPEG stream is whole, and whether decoding it takes no longer than its picture is worth."""

import simplejpeg

from core.imaging.complaints import LOST_PIXELS
from core.imaging.radiograph import UnreadableImage

# A progressive picture comes in 6 to 14 passes over all of its pixels. libjpeg-turbo's own limit, which Pillow does not
# set, is 500 (its report of 2018 on such files has them take minutes).
_MOST_SCANS = 64
_START_OF_SCAN = b"\xff\xda"
_MADE_TO_BE_SLOW = "The JPEG image stores its picture in very many passes, as none is stored; export it again."
_TRUNCATED = "The pixels of the JPEG image are truncated or broken; export or download it again."


def check_jpeg(stream: bytes) -> None:
    """Refuse a stream of which decoders would make up a part of the pixels.

    Decoders fill up what is missing with grey and go on; libjpeg warns of it, and Pillow does not pass that on. A kind
    of JPEG that libjpeg-turbo does not decode is not judged here.

    Args:
        stream: a JPEG file, as it is or out of a DICOM frame.

    Raises:
        UnreadableImage: pixels are missing or corrupt, or the stream is made to take very long.
    """
    # Within the pixels 0xFF is followed by 0 or by the number of a restart (ITU-T T.81 section B.1.1.5).
    if stream.count(_START_OF_SCAN) > _MOST_SCANS:
        raise UnreadableImage(_MADE_TO_BE_SLOW)
    try:
        _, _, colours, _ = simplejpeg.decode_jpeg_header(stream)
        # All bits are read, but only an eighth of the rows and columns is computed.
        kind = "GRAY" if colours in ("Gray", "YCbCr", "RGB") else "CMYK"
        simplejpeg.decode_jpeg(stream, kind, min_height=1, min_width=1, min_factor=8, strict=True)
    except ValueError as error:
        if any(warning in str(error) for warning in LOST_PIXELS):
            raise UnreadableImage(_TRUNCATED) from None
