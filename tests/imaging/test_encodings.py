"""Ways to write the same chest that the standards allow: the second part of the log in ``test_variants``.

A line says what the file is, where the standard describes it, and what must come of it, as there.
"""

import io
import struct
import zlib
from functools import partial
from pathlib import Path

import dicom_files as files
import jpeg_ls
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSNearLossless,
    RLELossless,
)
from test_variants import GREY8, GREY12, GREY16, SIGNED, Variant, check, dicom, exif, header, j2k, jpeg, png_chunk

RGB8 = np.stack([GREY8] * 3, -1)
COLOUR = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
SIGNED13 = np.round(files.PHANTOM * 8191 - 4096).astype(np.int16)


def formula(function: str, centre: float, width: float) -> np.ndarray:
    """PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2, pixel by pixel as the pseudo-code there has it."""
    values = GREY12.astype(float)
    if function == "LINEAR":
        low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
        inside = (values - (centre - 0.5)) / (width - 1) + 0.5
    else:
        low, high = centre - width / 2, centre + width / 2
        inside = (values - centre) / width + 0.5
    return np.where(values <= low, 0, np.where(values > high, 1, inside))


def palette(bits: int) -> bytes:
    dataset = files.chest(GREY8, 8, PhotometricInterpretation="PALETTE COLOR")
    table = np.arange(256, dtype=np.uint16) * (257 if bits == 16 else 1)
    for colour in ("Red", "Green", "Blue"):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, bits])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", table.astype("<u2").tobytes())
        dataset[f"{colour}PaletteColorLookupTableData"].VR = "OW"
    return files.save(dataset)


def full_422() -> bytes:
    """PS3.3 C.7.6.3.1.2: two Y, one Cb and one Cr for each pair of pixels."""
    pairs = GREY8.reshape(files.SIDE, -1, 2)
    packed = np.concatenate([pairs, np.full_like(pairs, 128)], -1)
    dataset = files.chest(GREY8, 8, **COLOUR | {"PhotometricInterpretation": "YBR_FULL_422"})
    dataset.PixelData = packed.tobytes()
    return files.save(dataset)


def ybr() -> bytes:
    values = np.stack([GREY8, np.full_like(GREY8, 128), np.full_like(GREY8, 128)], -1)
    return files.save(files.chest(values, 8, **COLOUR | {"PhotometricInterpretation": "YBR_FULL"}))


def planes() -> bytes:
    dataset = files.chest(RGB8, 8, **COLOUR | {"PlanarConfiguration": 1})
    dataset.PixelData = RGB8.transpose(2, 0, 1).tobytes()
    return files.save(dataset)


def odd_rows() -> bytes:
    """An odd number of bytes, padded to an even one (PS3.5 section 8.1.1)."""
    values = np.ascontiguousarray(GREY8[:255, :255])
    dataset = files.chest(values, 8)
    dataset.PixelData = values.tobytes() + b"\0"
    return files.save(dataset)


def odd_text() -> bytes:
    """A text of odd length, as some writers leave it (PS3.5 section 6.2 asks for padding)."""
    data = files.headerless(files.chest(GREY12, StudyDescription="CHEST PA"), ImplicitVRLittleEndian)
    old = struct.pack("<2HL", 0x0008, 0x1030, 8) + b"CHEST PA"
    assert old in data
    return data.replace(old, struct.pack("<2HL", 0x0008, 0x1030, 7) + b"CHESTPA")


def in_fragments(offsets: bool) -> bytes:
    """A stream cut into three fragments, with and without an offset table (PS3.5 annex A.4)."""
    stream = j2k(GREY12, 12)
    third = len(stream) // 6 * 2
    parts = [stream[:third], stream[third : 2 * third], stream[2 * third :]]
    item = b"".join(
        b"\xfe\xff\x00\xe0" + struct.pack("<L", len(part) + len(part) % 2) + part + b"\0" * (len(part) % 2)
        for part in parts
    )
    table = b"\xfe\xff\x00\xe0" + (struct.pack("<LL", 4, 0) if offsets else struct.pack("<L", 0))
    dataset = files.chest(GREY12)
    dataset.PixelData = table + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return files.save(dataset, JPEG2000Lossless)


def with_icon() -> bytes:
    """A small picture for file lists, before the pixels (PS3.3 C.7.6.1.1.6)."""
    icon = files.chest(np.full((32, 32), 7, np.uint8), 8)
    return files.save(files.chest(GREY12, IconImageSequence=[icon]))


def with_private() -> bytes:
    dataset = files.chest(GREY12)
    block = dataset.private_block(0x0009, "SOME VENDOR", create=True)
    block.add_new(1, "UN", bytes(range(256)))
    block.add_new(2, "SQ", [files.chest(GREY8[:8, :8], 8)])
    return files.save(dataset)


def frames(number: int) -> bytes:
    dataset = files.chest(GREY12, NumberOfFrames=number)
    dataset.PixelData = dataset.PixelData * number
    return files.save(dataset)


def wide_cells() -> bytes:
    values = GREY12.astype(np.uint32)
    dataset = files.chest(values, 12)
    dataset.BitsAllocated = 32
    dataset["PixelData"].VR = "OW"
    return files.save(dataset)


def packed_lut() -> bytes:
    """Two entries of 8 bits in each word (PS3.3 C.11.2.1.1)."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4096, 0, 8])
    item.add_new("LUTData", "OW", np.round(np.linspace(0, 1, 4096) ** 2 * 255).astype(np.uint8).tobytes())
    return files.save(files.chest(GREY12, VOILUTSequence=[item]))


def signed_lut() -> bytes:
    table = np.round(np.linspace(0, 65535, 4096)).astype(np.uint16)
    item = files.lut(table, first=-2048)
    return files.save(files.chest(SIGNED, 12, VOILUTSequence=[item]))


def rescaled_lut() -> bytes:
    """A table of the modality before a window of what it gives."""
    item = files.lut(np.arange(4096, dtype=np.uint16) * 2)
    item.ModalityLUTType = "OD"
    return files.save(files.chest(GREY12, ModalityLUTSequence=[item], WindowCenter=4096, WindowWidth=8192))


def by_gdcm(syntax: str, values: np.ndarray, bits: int, tmp: Path) -> bytes:
    return files.transcoded(files.save(files.chest(values, bits)), syntax, tmp)


def png(values: np.ndarray, depth: int, colour: int, *chunks: bytes, interlace: bool = False) -> bytes:
    """A PNG by the specification: rows of packed samples, filter 0, on demand in the seven passes of Adam7."""
    height, width = values.shape[:2]

    def rows(part: np.ndarray) -> bytes:
        if depth == 16:
            lines = part.astype(">u2").reshape(len(part), -1).view(np.uint8)
        elif depth == 8:
            lines = part.astype(np.uint8).reshape(len(part), -1)
        else:
            bits = np.unpackbits(part.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
            lines = np.packbits(bits.reshape(len(part), -1), axis=-1)
        return b"".join(b"\0" + line.tobytes() for line in lines)

    starts = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    passes = [values[top::down, left::right] for top, left, down, right in starts] if interlace else [values]
    body = b"".join(map(rows, passes))
    head = struct.pack(">2I5B", width, height, depth, colour, 0, 0, int(interlace))
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + b"".join(chunks)
        + png_chunk(b"IDAT", zlib.compress(body))
        + png_chunk(b"IEND", b"")
    )


def few(bits: int) -> np.ndarray:
    return np.round(files.PHANTOM * (2**bits - 1)).astype(np.uint8)


def shades(bits: int) -> np.ndarray:
    return few(bits) / (2**bits - 1)


def grey_png(bits: int) -> bytes:
    return png(few(bits), bits, 0)


GREYS = png_chunk(b"PLTE", bytes(value for value in range(256) for _ in range(3)))
TURNS = {  # EXIF 2.3 section 4.6.4: what the file holds of an upright picture
    1: GREY8,
    2: GREY8[:, ::-1],
    3: GREY8[::-1, ::-1],
    4: GREY8[::-1],
    5: GREY8.T,
    6: np.rot90(GREY8),
    7: np.rot90(GREY8, 2).T,
    8: np.rot90(GREY8, -1),
}


def exif_jpeg(orientation: int) -> bytes:
    data = jpeg(np.ascontiguousarray(TURNS[orientation]))
    block = b"Exif\0\0" + exif(orientation)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


def saved(kind: str, mode: str = "L", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GREY8).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def cmyk() -> bytes:
    buffer = io.BytesIO()
    ink = np.stack([np.zeros_like(GREY8)] * 3 + [255 - GREY8], -1)
    Image.fromarray(ink, "CMYK").save(buffer, "JPEG", quality=97)
    return buffer.getvalue()


def near_lossless() -> bytes:
    stream = bytes(jpeg_ls.encode_array(GREY12, lossy_error=4))
    return header(stream, JPEGLSNearLossless)


LISTED = [
    # Streams
    Variant("JPEG-LS near-lossless", "PS3.5 8.2.3", near_lossless, "same"),
    Variant("RLE, 16 bits", "PS3.5 G", lambda: files.compressed(files.chest(GREY16, 16), RLELossless), "same"),
    Variant("RLE, signed", "PS3.5 G", lambda: files.compressed(files.chest(SIGNED, 12), RLELossless), "same"),
    Variant(
        "RLE, three planes",
        "PS3.5 G.2",
        lambda: files.compressed(files.chest(RGB8, 8, **COLOUR), RLELossless),
        "same",
    ),
    Variant("JPEG 2000 in fragments, offset table", "PS3.5 A.4", partial(in_fragments, True), "same"),
    Variant("JPEG 2000 in fragments, no offsets", "PS3.5 A.4", partial(in_fragments, False), "same"),
    Variant(
        "JPEG 2000, colour transform",
        "PS3.3 C.7.6.3.1.2",
        lambda: header(j2k(RGB8, 8), JPEG2000Lossless, RGB8, 8, **COLOUR | {"PhotometricInterpretation": "YBR_RCT"}),
        "same",
    ),
    Variant(
        "JPEG of YBR_FULL_422",
        "PS3.5 8.2.1",
        lambda: header(
            jpeg(RGB8, subsampling=1),
            JPEGBaseline8Bit,
            RGB8,
            8,
            **COLOUR | {"PhotometricInterpretation": "YBR_FULL_422"},
        ),
        "same",
    ),
    Variant("deflated", "PS3.5 A.5", lambda: files.save(files.chest(GREY12), DeflatedExplicitVRLittleEndian), "same"),
    Variant("big endian, signed", "PS3.5 A.3", lambda: files.big_endian(files.chest(SIGNED, 12)), "same"),
    Variant("big endian, 16 bits", "PS3.5 A.3", lambda: files.big_endian(files.chest(GREY16, 16)), "same"),
    Variant("implicit VR, no preamble", "PS3.10 7", lambda: files.headerless(files.chest(GREY12)), "same"),
    # Pixels
    Variant("palette of 16 bits", "PS3.3 C.7.9", partial(palette, 16), "refused PALETTE COLOR"),
    Variant("palette of 8 bits", "PS3.3 C.7.9", partial(palette, 8), "refused PALETTE COLOR"),
    Variant("YBR_FULL", "PS3.3 C.7.6.3.1.2", ybr, "same"),
    Variant("YBR_FULL_422, native", "PS3.3 C.7.6.3.1.2", full_422, "same"),
    Variant("colour by plane", "PS3.3 C.7.6.3.1.3", planes, "same"),
    Variant("13 bits signed", "PS3.5 8.1.1", dicom(SIGNED13, 13), "same"),
    Variant(
        "13 bits signed, moved up",
        "PS3.5 8.1.1",
        dicom((SIGNED13.view(np.uint16) << 3).view(np.int16), 13, HighBit=15),
        "same",
    ),
    Variant("15 bits", "PS3.5 8.1.1", dicom(files.stored(15), 15), "same"),
    Variant("8 bits in cells of 16", "PS3.5 8.1.1", dicom(GREY8.astype(np.uint16), 8), "same"),
    Variant("12 bits in cells of 32", "PS3.5 8.1.1", wide_cells, "refused 32 bits"),
    Variant("odd number of bytes", "PS3.5 8.1.1", odd_rows, "same", lambda: files.PHANTOM[:255, :255]),
    Variant("text of odd length", "PS3.5 6.2", odd_text, "same"),
    Variant("one frame, stated", "PS3.3 C.7.6.6", partial(frames, 1), "same"),
    Variant("two frames", "PS3.3 C.7.6.6", partial(frames, 2), "refused frames"),
    Variant("icon before the image", "PS3.3 C.7.6.1.1.6", with_icon, "same"),
    Variant("private elements and sequences", "PS3.5 7.8", with_private, "same"),
    Variant("bytes after the data set", "PS3.10 7", lambda: dicom()() + bytes(1000), "same"),
    # Grey scale
    Variant(
        "MONOCHROME1 with shape INVERSE",
        "PS3.3 C.8.11.3.1.2",
        dicom(files.stored(12, inverted=True), PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE"),
        "same",
    ),
    Variant(
        "MONOCHROME2 with shape INVERSE",
        "PS3.3 C.11.6.1.2",
        dicom(files.stored(12, inverted=True), PresentationLUTShape="INVERSE"),
        "says inverted display",
    ),
    Variant(
        "MONOCHROME1, negative slope",
        "PS3.3 C.11.1",
        dicom(PhotometricInterpretation="MONOCHROME1", RescaleSlope=-1, RescaleIntercept=4095),
        "same",
    ),
    Variant("slope and intercept", "PS3.3 C.11.1", dicom(RescaleSlope="0.25", RescaleIntercept="-1024"), "same"),
    Variant(
        "two windows",
        "PS3.3 C.11.2.1.2",
        dicom(WindowCenter=[2048, 100], WindowWidth=[4096, 10], WindowCenterWidthExplanation=["NORMAL", "BONE"]),
        "same",
    ),
    Variant(
        "LINEAR",
        "PS3.3 C.11.2.1.2.1",
        dicom(WindowCenter=1500, WindowWidth=2200),
        "same",
        partial(formula, "LINEAR", 1500, 2200),
    ),
    Variant(
        "LINEAR_EXACT",
        "PS3.3 C.11.2.1.3.2",
        dicom(WindowCenter=1500, WindowWidth=2200, VOILUTFunction="LINEAR_EXACT"),
        "same",
        partial(formula, "LINEAR_EXACT", 1500, 2200),
    ),
    Variant("window of text with spaces", "PS3.5 6.2", dicom(WindowCenter=" 2048 ", WindowWidth="4.096E3"), "same"),
    Variant("window that hides all", "PS3.3 C.11.2", dicom(WindowCenter=90000, WindowWidth=10), "says was ignored"),
    Variant("VOI LUT of packed bytes", "PS3.3 C.11.2.1.1", packed_lut, "same", lambda: files.PHANTOM**2),
    Variant("VOI LUT from a negative value", "PS3.3 C.11.2.1.1", signed_lut, "same"),
    Variant("modality LUT and window", "PS3.3 C.11.1", rescaled_lut, "same"),
    Variant(
        "range of padding",
        "PS3.3 C.7.5.1.1.2",
        lambda: files.save(padded()),
        "same",
        lambda: black_frame(),
    ),
    # PNG
    *(
        Variant(
            f"grey of {bits} bits",
            "PNG 11.2.2",
            partial(lambda b: png(few(b), b, 0), bits),
            "same",
            partial(shades, bits),
        )
        for bits in (1, 2, 4)
    ),
    *(
        Variant(
            f"interlaced, {bits} bits",
            "PNG 8.2",
            partial(lambda v, b: png(v, b, 0, interlace=True), values, bits),
            "same",
        )
        for values, bits in ((GREY8, 8), (GREY16, 16))
    ),
    Variant("palette", "PNG 11.2.3", lambda: png(GREY8, 8, 3, GREYS), "same"),
    Variant(
        "palette of 4 bits",
        "PNG 11.2.3",
        lambda: png(few(4), 4, 3, png_chunk(b"PLTE", bytes(17 * v for v in range(16) for _ in range(3)))),
        "same",
        partial(shades, 4),
    ),
    Variant("grey and alpha", "PNG 11.2.2", lambda: png(np.stack([GREY8, np.full_like(GREY8, 255)], -1), 8, 4), "same"),
    Variant("RGBA", "PNG 11.2.2", lambda: png(np.dstack([RGB8, np.full_like(GREY8, 255)]), 8, 6), "same"),
    Variant("grey of 16 bits", "PNG 11.2.2", lambda: png(GREY16, 16, 0), "same"),
    Variant("12 bits in 16", "PNG 11.3.3.4", lambda: png(GREY12, 16, 0, png_chunk(b"sBIT", b"\x0c")), "same"),
    Variant("one grey is transparent", "PNG 11.3.2.1", lambda: png(GREY8, 8, 0, png_chunk(b"tRNS", b"\0\0")), "same"),
    Variant(
        "one grey of 16 bits is transparent",
        "PNG 11.3.2.1",
        lambda: png(GREY16, 16, 0, png_chunk(b"tRNS", b"\0\0")),
        "same",
    ),
    Variant(
        "one colour of 16 bits is transparent",
        "PNG 11.3.2.1",
        lambda: png(np.stack([GREY16] * 3, -1), 16, 2, png_chunk(b"tRNS", bytes(6))),
        "same",
    ),
    Variant("gamma", "PNG 11.3.3.2", lambda: png(GREY8, 8, 0, png_chunk(b"gAMA", struct.pack(">I", 45455))), "same"),
    # JPEG
    *(Variant(f"EXIF {number}", "EXIF 4.6.4", partial(exif_jpeg, number), "same") for number in TURNS),
    Variant("progressive JPEG", "T.81 G", lambda: saved("JPEG", quality=97, progressive=True), "same"),
    Variant("JPEG in CMYK", "Adobe 5116", cmyk, "same"),
    Variant("JPEG in RGB", "Adobe 5116", lambda: jpeg(RGB8), "same"),
    Variant(
        "JPEG of 12 bits",
        "T.81 B.2.2",
        lambda: (Path(__file__).parent / "data" / "ramp_12bit.jpg").read_bytes(),
        "refused 12 bits",
    ),
    # Not taken
    *(
        Variant(f"{kind} file", "not taken", partial(saved, kind), f"refused {name}")
        for kind, name in {"TIFF": "TIFF", "WEBP": "WebP", "BMP": "BMP", "GIF": "GIF", "JPEG2000": "JPEG 2000"}.items()
    ),
    Variant("bare JPEG-LS", "T.87", lambda: bytes(jpeg_ls.encode_array(GREY8)), "refused JPEG-LS"),
    Variant("bare lossless JPEG", "T.81 H", lambda: bare_lossless(), "refused lossless"),
]


def bare_lossless() -> bytes:
    """The frame of a lossless JPEG, as far as a decoder reads of it before it gives up."""
    frame = struct.pack(">BHHB", 8, 256, 256, 1) + b"\x01\x11\0"
    return b"\xff\xd8\xff\xc3" + struct.pack(">H", len(frame) + 2) + frame + bytes(200)


def padded() -> Dataset:
    values = np.maximum(GREY12, 16)
    values[:, :24] = np.arange(24) % 4
    dataset = files.chest(values)
    dataset.PixelPaddingValue, dataset.PixelPaddingRangeLimit = 0, 3
    return dataset


def black_frame() -> np.ndarray:
    pixels = np.maximum(files.PHANTOM, 16 / 4095)
    pixels = (pixels - pixels[:, 24:].min()) / (pixels[:, 24:].max() - pixels[:, 24:].min())
    pixels[:, :24] = 0
    return pixels.astype(np.float32)


@pytest.mark.parametrize("variant", LISTED, ids=lambda variant: variant.name)
def test_every_encoding_of_the_standards_is_read_alike_or_named(variant: Variant) -> None:
    check(variant)


@pytest.mark.parametrize(
    ("syntax", "values", "bits"),
    [(JPEGLosslessSV1, GREY16, 16), (JPEGLosslessSV1, SIGNED, 12), (JPEGLosslessSV1, GREY8, 8)],
)
def test_old_jpeg_processes_are_read_alike(syntax: str, values: np.ndarray, bits: int, tmp_path: Path) -> None:
    check(Variant("JPEG", "PS3.5 8.2.1", partial(by_gdcm, syntax, values, bits, tmp_path), "same"))
