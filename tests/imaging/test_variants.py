"""Files as they are in the world: the log of what was tried, as a table that can be extended.

Each line is one way in which a file of the same chest was met in public reports of users of other tools. ``right`` says
what must come of it: ``same`` as the plain file; ``says WORDS`` if it is the same but a warning with these words tells
of a doubt; ``refused WORDS`` if the reason is named with these words. Never silently different. What is expected was
not computed by the reader: it is the phantom that the file was made from, or the formula of the standard.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import dicom_files as files
import jpeg_ls
import numpy as np
import pytest
from openjpeg.utils import encode_array
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    DigitalXRayImageStorageForProcessing,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from core.imaging import ImagingError, read_safely
from core.imaging.reader import read_radiograph

CLOSE = 0.012  # of 1, for 8-bit and resampled files
GREY8, GREY12, GREY16 = files.stored(8), files.stored(12), files.stored(16)


@dataclass(frozen=True)
class Variant:
    """One line of the log."""

    name: str
    seen_in: str
    data: Callable[[], bytes]
    right: str
    expected: Callable[[], np.ndarray] = lambda: files.PHANTOM


def dicom(values: np.ndarray = GREY12, bits: int = 12, **tags: object) -> Callable[[], bytes]:
    return lambda: files.save(files.chest(values, bits, **tags))


def header(stream: bytes, syntax: str, values: np.ndarray = GREY12, bits: int = 12, **tags: object) -> bytes:
    """A stream under a header that describes other values."""
    return files.encapsulated(files.chest(values, bits, **tags), stream, syntax)


def j2k(values: np.ndarray, bits: int) -> bytes:
    return encode_array(values, bits_stored=bits, photometric_interpretation=1 if values.ndim == 3 else 2)


def jpeg(values: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "JPEG", quality=97, **options)
    return buffer.getvalue()


def longer(times: int) -> bytes:
    dataset = files.chest(GREY8, 8)
    dataset.PixelData = dataset.PixelData * times
    return files.save(dataset)


def without_delimiter() -> bytes:
    data = files.compressed(files.chest(GREY12), JPEGLSLossless)
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    assert data.endswith(end)
    return data[: -len(end)]


def emptied(keyword: str) -> bytes:
    dataset = files.chest(GREY12)
    dataset[keyword].value = None
    return files.save(dataset)


def overlaid(values: np.ndarray = GREY12) -> np.ndarray:
    dirty = values.copy()
    dirty[40:200:3, 60:180] |= 0x3000
    return dirty


def framed(edge: int, width: int = 24) -> np.ndarray:
    values = GREY12.copy()
    values[:, :width] = edge
    return values


def framed_black() -> np.ndarray:
    pixels = files.PHANTOM.copy()
    pixels[:, :24] = 0
    return pixels


def lut_item(table: np.ndarray, bits: int, order: str = "<u2") -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(table) % 65536, 0, bits])
    item.add_new("LUTData", "OW", table.astype(order).tobytes())
    return item


def big_endian_lut() -> bytes:
    dataset = files.chest(GREY12, VOILUTSequence=[lut_item(np.arange(4096) * 16, 16, ">u2")])
    return files.big_endian(dataset)


def big_endian_bytes_in_words() -> bytes:
    """8-bit pixels of VR OW: pairs of them are words, which big endian swaps (PS3.5 annex A.3)."""
    dataset = files.chest(GREY8, 8)
    dataset.PixelData = np.frombuffer(GREY8.tobytes(), "<u2").astype(">u2").tobytes()
    dataset["PixelData"].VR = "OW"
    return files.save(dataset, ExplicitVRBigEndian)


CURVE = np.linspace(0, 1, 4096) ** 2


def detector(**tags: object) -> bytes:
    """Beer and Lambert: exposure falls exponentially with the density that is crossed."""
    exposure = np.round(60000 * np.exp(-4 * files.PHANTOM)).astype(np.uint16)
    relation = {"PixelIntensityRelationship": "LIN", "PixelIntensityRelationshipSign": 1} | tags
    return files.save(files.chest(exposure, 16, SOPClassUID=DigitalXRayImageStorageForProcessing, **relation))


def squeezed() -> np.ndarray:
    wide = Image.fromarray(files.PHANTOM).resize((files.SIDE // 2, files.SIDE), Image.Resampling.LANCZOS)
    return np.round(np.clip(np.asarray(wide), 0, 1) * 4095).astype(np.uint16)


def png_chunk(name: bytes, body: bytes, *, sum_is_right: bool = True) -> bytes:
    checksum = zlib.crc32(name + body) ^ (not sum_is_right)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def png(*chunks: bytes, values: np.ndarray = GREY8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    data = buffer.getvalue()
    return data[:33] + b"".join(chunks) + data[33:]


def deep_png(channels: np.ndarray, colour_type: int) -> bytes:
    """A 16-bit PNG of several channels, written by the specification (filter 0), since Pillow cannot."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in channels)
    size = struct.pack(">IIBBBBB", channels.shape[1], channels.shape[0], 16, colour_type, 0, 0, 0)
    chunks = png_chunk(b"IHDR", size) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def exif(orientation: int, *, broken: bool = False) -> bytes:
    """TIFF 6.0: byte order, offset of the directory, its entries of 12 bytes; the broken one is a rational -1/0."""
    entries = struct.pack("<HHII", 0x0112, 3, 1, orientation)
    if broken:
        entries += struct.pack("<HHII", 0x9201, 10, 1, 8 + 2 + 24 + 4)
    count = len(entries) // 12
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + struct.pack("<I", 0) + struct.pack("<ii", -1, 0)


def turned_jpeg(block: bytes) -> bytes:
    data = jpeg(np.ascontiguousarray(np.rot90(GREY8)))
    body = b"Exif\0\0" + block
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def with_density(units: int, across: int, down: int) -> bytes:
    data = bytearray(jpeg((squeezed() >> 4).astype(np.uint8)))
    assert data[6:11] == b"JFIF\0"
    data[13:18] = struct.pack(">BHH", units, across, down)
    return bytes(data)


TURNED = {
    "R\\F": GREY12[:, ::-1],
    "L\\H": GREY12[::-1],
    "R\\H": GREY12[::-1, ::-1],
    "F\\L": GREY12.T,
    "F\\R": GREY12[:, ::-1].T,
    "H\\L": GREY12[::-1].T,
    "H\\R": GREY12[::-1, ::-1].T,
}

SIGNED = (GREY12.astype(np.int32) - 2048).astype(np.int16)

VARIANTS = [
    # Header against data
    Variant(
        "colour JPEG, header of one sample",
        "pydicom #950",
        lambda: header(jpeg(np.stack([GREY8] * 3, -1)), JPEGBaseline8Bit, GREY8, 8),
        "refused 3 samples",
    ),
    Variant(
        "grey JPEG, header of RGB",
        "fo-dicom #1992",
        lambda: header(
            jpeg(GREY8),
            JPEGBaseline8Bit,
            GREY8,
            8,
            SamplesPerPixel=3,
            PhotometricInterpretation="RGB",
            PlanarConfiguration=0,
        ),
        "refused 1 sample",
    ),
    Variant(
        "12-bit JPEG 2000, header of 8",
        "pydicom #1314",
        lambda: header(j2k(GREY12, 12), JPEG2000Lossless, GREY8, 8),
        "refused 12 bits",
    ),
    Variant(
        "12-bit JPEG-LS, header of 8",
        "pydicom #1314",
        lambda: header(bytes(jpeg_ls.encode_array(GREY12)), JPEGLSLossless, GREY8, 8),
        "refused 1. bits",
    ),
    Variant("8-bit JPEG 2000, header of 12", "pydicom #1314", lambda: header(j2k(GREY8, 8), JPEG2000Lossless), "same"),
    Variant(
        "signed values in an unsigned JPEG 2000 stream",
        "PS3.5 8.2.4",
        lambda: header(j2k(SIGNED.view(np.uint16) & 0xFFF, 12), JPEG2000Lossless, SIGNED),
        "same",
    ),
    Variant(
        "signed JPEG 2000 stream, unsigned header",
        "PS3.5 8.2.4",
        lambda: header(j2k(SIGNED, 12), JPEG2000Lossless),
        "says signed",
    ),
    Variant("unsigned pixels, signed header", "PS3.3 C.7.6.3.1", dicom(PixelRepresentation=1), "says unsigned"),
    Variant("16 bits of data, header of 8", "PS3.5 8.1.1", lambda: longer(2), "refused contradicts"),
    Variant("three samples of data, header of one", "PS3.5 8.1.1", lambda: longer(3), "refused contradicts"),
    Variant("values of 12 bits, BitsStored 8", "PS3.5 8.1.1", dicom(GREY12, 8), "refused 12 bits"),
    Variant("values of 12 bits, BitsStored 10", "PS3.5 8.1.1", dicom(GREY12, 10), "refused 12 bits"),
    Variant(
        "RLE of two bytes, header of 8 bits",
        "PS3.5 annex G",
        lambda: _relabelled(files.compressed(files.chest(GREY12), RLELossless)),
        "refused contradicts",
    ),
    # Bits
    Variant("overlay above BitsStored, native", "cornerstone #528", dicom(overlaid()), "same"),
    Variant(
        "overlay above BitsStored, JPEG 2000",
        "pydicom #2260",
        lambda: header(j2k(overlaid(), 16), JPEG2000Lossless),
        "same",
    ),
    Variant(
        "overlay above BitsStored, JPEG-LS",
        "pydicom #2260",
        lambda: header(bytes(jpeg_ls.encode_array(overlaid())), JPEGLSLossless),
        "same",
    ),
    Variant(
        "overlay above BitsStored, RLE",
        "pydicom #2260",
        lambda: files.compressed(files.chest(overlaid()), RLELossless),
        "same",
    ),
    Variant("HighBit 15 of 12 bits", "PS3.5 8.1.1", dicom(GREY12 << 4, HighBit=15), "same"),
    Variant("HighBit 15, but values at the lower end", "PS3.5 8.1.1", dicom(GREY12, HighBit=15), "same"),
    Variant(
        "HighBit 15 of 12 bits, JPEG-LS",
        "PS3.5 8.1.1",
        lambda: header(bytes(jpeg_ls.encode_array(GREY12 << 4)), JPEGLSLossless, HighBit=15),
        "same",
    ),
    Variant(
        "padding beyond the stored bits",
        "PS3.3 C.7.5.1.1.2",
        dicom(framed(0xF000), PixelPaddingValue=0xF000),
        "same",
        framed_black,
    ),
    Variant(
        "padding of -2000 in unsigned pixels",
        "PS3.3 C.7.5.1.1.2",
        dicom(framed(63536), 16, PixelPaddingValue=63536),
        "same",
        framed_black,
    ),
    # Tables and windows
    Variant(
        "VOI LUT of 12 bits said to have 16",
        "dicom-rs #825",
        dicom(VOILUTSequence=[lut_item(np.round(CURVE * 4095), 16)]),
        "same",
        lambda: files.PHANTOM**2,
    ),
    Variant(
        "VOI LUT of 10 bits said to have 16",
        "dicom-rs #825",
        dicom(VOILUTSequence=[lut_item(np.round(CURVE * 1023), 16)]),
        "same",
        lambda: files.PHANTOM**2,
    ),
    Variant("VOI LUT of VR OW, big endian", "PS3.5 7.3", big_endian_lut, "same"),
    Variant("8-bit pixels of VR OW, big endian", "PS3.5 A.3", big_endian_bytes_in_words, "same"),
    Variant(
        "sigmoid",
        "PS3.3 C.11.2.1.3",
        dicom(WindowCenter=1500, WindowWidth=1200, VOILUTFunction="SIGMOID"),
        "same",
        lambda: 1 / (1 + np.exp(-4 * (GREY12.astype(float) - 1500) / 1200)),
    ),
    Variant("detector image, linear", "PS3.3 C.8.11.3", detector, "says for processing"),
    Variant(
        "detector image, linear and inverted",
        "PS3.3 C.8.11.3",
        lambda: detector(PhotometricInterpretation="MONOCHROME1"),
        "says for processing",
    ),
    Variant(
        "detector image, logarithmic",
        "PS3.3 C.8.11.3",
        dicom(
            files.stored(12, inverted=True),
            SOPClassUID=DigitalXRayImageStorageForProcessing,
            PixelIntensityRelationship="LOG",
            PixelIntensityRelationshipSign=1,
        ),
        "says for processing",
    ),
    # Shape of pixels
    Variant("PixelSpacing twice as wide as high", "fo-dicom #766", dicom(squeezed(), PixelSpacing=[0.2, 0.4]), "same"),
    Variant("NominalScannedPixelSpacing", "dwv #952", dicom(squeezed(), NominalScannedPixelSpacing=[0.2, 0.4]), "same"),
    Variant("PixelAspectRatio", "dwv #952", dicom(squeezed(), PixelAspectRatio=[1, 2]), "same"),
    Variant(
        "pHYs of a PNG",
        "PNG 11.3.5.3",
        lambda: png(png_chunk(b"pHYs", struct.pack(">IIB", 1, 2, 0)), values=squeezed()),
        "same",
    ),
    Variant("density of a JPEG", "JFIF 1.02", lambda: with_density(0, 1, 2), "same"),
    # How the picture lies
    *(
        Variant(
            f"PatientOrientation {name}",
            "PS3.3 C.7.6.1.1.1",
            dicom(np.ascontiguousarray(values), PatientOrientation=name.split("\\")),
            "says upright",
        )
        for name, values in TURNED.items()
    ),
    Variant("FieldOfViewHorizontalFlip", "PS3.3 C.8.11.4", dicom(FieldOfViewHorizontalFlip="YES"), "says mirrored"),
    Variant(
        "a flip that PatientOrientation has counted",
        "PS3.3 C.8.11.4",
        dicom(FieldOfViewHorizontalFlip="YES", PatientOrientation=["L", "F"]),
        "same",
    ),
    # What is shown
    *(
        Variant(f"view {text}", "PS3.3 C.8.11.5.1.1", dicom(ViewPosition=text), "refused lateral")
        for text in ("LEFT LAT", "XTABLE LAT", "LAT L", "LATERAL")
    ),
    *(
        Variant(f"series {text}", "PS3.3 C.7.3.1", dicom(ViewPosition=None, SeriesDescription=text), "refused lateral")
        for text in ("CHEST LAT", "Thorax seitlich", "Thorax profil")
    ),
    Variant(
        "orientation A\\F",
        "PS3.3 C.7.6.1.1.1",
        dicom(ViewPosition=None, PatientOrientation=["A", "F"]),
        "refused lateral",
    ),
    Variant("series of both views", "PS3.3 C.7.3.1", dicom(SeriesDescription="CHEST PA AND LATERAL"), "same"),
    *(
        Variant(f"body part {text}", "PS3.16 annex L", dicom(BodyPartExamined=text), "same")
        for text in ("UNDEFINED", "TORAX", "POITRINE", "KLATKA PIERSIOWA", "PECHO", "WHOLE BODY")
    ),
    # Missing elements
    *(
        Variant(f"no {keyword}", "PS3.5 7.4", dicom(**{keyword: None}), "same")
        for keyword in ("PixelRepresentation", "SamplesPerPixel", "HighBit", "BitsStored")
    ),
    *(
        Variant(f"empty {keyword}", "PS3.5 7.4", lambda keyword=keyword: emptied(keyword), "same")
        for keyword in ("PixelRepresentation", "SamplesPerPixel", "HighBit")
    ),
    Variant("no PixelRepresentation, signed pixels", "PS3.5 7.4", dicom(SIGNED, 12, PixelRepresentation=None), "same"),
    Variant(
        "no PlanarConfiguration",
        "PS3.5 7.4",
        dicom(np.stack([GREY8] * 3, -1), 8, SamplesPerPixel=3, PhotometricInterpretation="RGB"),
        "same",
    ),
    Variant("no sequence delimiter", "PS3.5 A.4", without_delimiter, "same"),
    # PNG and JPEG
    Variant("RGB of 16 bits", "Pillow #2574", lambda: deep_png(np.stack([GREY12] * 3, -1), 2), "same"),
    Variant(
        "grey and alpha of 16 bits",
        "Pillow #3011",
        lambda: deep_png(np.stack([GREY12, np.full_like(GREY12, 65535)], -1), 4),
        "same",
    ),
    Variant(
        "RGBA of 16 bits",
        "Pillow #3011",
        lambda: deep_png(np.stack([GREY12] * 3 + [np.full_like(GREY12, 65535)], -1), 6),
        "same",
    ),
    Variant(
        "colour profile of 2 MB",
        "Pillow #8363",
        lambda: png(png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(2**21)))),
        "same",
    ),
    Variant(
        "text of 2 MB", "Pillow #2445", lambda: png(png_chunk(b"zTXt", b"t\0\0" + zlib.compress(b"x" * 2**21))), "same"
    ),
    Variant(
        "wrong checksum of a text", "Pillow #1991", lambda: png(png_chunk(b"tEXt", b"a\0b", sum_is_right=False)), "same"
    ),
    Variant(
        "wrong checksum of a colour profile",
        "Pillow #5672",
        lambda: png(png_chunk(b"iCCP", b"p\0\0x", sum_is_right=False)),
        "same",
    ),
    Variant("no end chunk", "Pillow #5631", lambda: png()[:-12], "same"),
    Variant("EXIF that cannot be written", "Pillow #8965", lambda: turned_jpeg(exif(6, broken=True)), "same"),
    Variant(
        "EXIF in a PNG",
        "Pillow #3973",
        lambda: png(png_chunk(b"eXIf", exif(6)), values=np.ascontiguousarray(np.rot90(GREY12))),
        "same",
    ),
    Variant(
        "EXIF of rubbish",
        "Pillow #8605",
        lambda: turned_jpeg(b"II*\0\xff\xff\xff\x7f"),
        "same",
        lambda: np.rot90(files.PHANTOM),
    ),
]


def _relabelled(data: bytes) -> bytes:
    """The file with a header of 8 bits."""
    for element, wrong in ((0x0100, 8), (0x0101, 8), (0x0102, 7)):
        tag = struct.pack("<HH2sH", 0x0028, element, b"US", 2)
        start = data.index(tag) + len(tag)
        data = data[:start] + struct.pack("<H", wrong) + data[start + 2 :]
    return data


def check(variant: Variant) -> None:
    """Fail unless the file is read alike, or its fault is named."""
    verdict, _, words = variant.right.partition(" ")
    if verdict == "refused":
        with pytest.raises(ImagingError, match=words):
            read_radiograph(variant.data())
        return
    radiograph = read_radiograph(variant.data())
    assert files.distance(radiograph.pixels, np.ascontiguousarray(variant.expected(), dtype=np.float32)) < (
        0.06 if "JPEG" in variant.name or "EXIF" in variant.name or radiograph.pixel_spacing_mm else CLOSE
    )
    said = " ".join(radiograph.warnings)
    assert (words in said) if verdict == "says" else "read as" not in said


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_file_is_read_alike_or_its_fault_is_named(variant: Variant) -> None:
    check(variant)


def test_deep_colour_is_decoded_within_the_limits_of_the_sandbox() -> None:
    data = deep_png(np.stack([GREY12] * 3, -1), 2)
    np.testing.assert_array_equal(read_safely(data).pixels, read_radiograph(data).pixels)
