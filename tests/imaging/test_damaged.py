"""Pictures of which a decoder would make up a part are refused, in this process and in the decoders' own alike."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import dicom_files as files
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLosslessSV1, JPEGLSLossless

from core.imaging import ImagingError, UnreadableImage, read_safely
from core.imaging.complaints import complaints
from core.imaging.reader import read_radiograph
from core.settings import ROOT

END = b"\xff\xd9"
HOSTILE = Path(os.environ.get("CHESTLENS_SHARED", ROOT.parent / "shared")) / "cases" / "hostile"


def jpeg(mode: str = "L", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(files.stored(8)).convert(mode).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def png(mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.fromarray(files.stored(16) if mode == "I;16" else files.stored(8)).save(file, "PNG")
    return file.getvalue()


def deep_png() -> bytes:
    return bytes(cv2.imencode(".png", np.dstack([files.stored(16)] * 3))[1].tobytes())


def frame_of(data: bytes) -> bytes:
    dataset = dcmread(io.BytesIO(data))
    return next(generate_frames(dataset.PixelData, number_of_frames=1))


def outcome(read: Callable[[bytes], object], data: bytes) -> tuple[object, ...]:
    try:
        radiograph = read(data)
    except ImagingError as error:
        return type(error), str(error)
    return float(radiograph.pixels.sum()), radiograph.warnings  # type: ignore[attr-defined]


def refused_everywhere(data: bytes) -> None:
    with pytest.raises(UnreadableImage):
        read_radiograph(data)
    assert outcome(read_safely, data) == outcome(read_radiograph, data)


def read_everywhere(data: bytes) -> None:
    assert read_radiograph(data).pixels.size
    assert outcome(read_safely, data) == outcome(read_radiograph, data)


JPEGS = {
    "grey": lambda: jpeg(),
    "colour": lambda: jpeg("RGB"),
    "cmyk": lambda: jpeg("CMYK"),
    "progressive": lambda: jpeg(progressive=True),
    "with restarts": lambda: jpeg(restart_marker_rows=1),
}


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_pixels_is_refused_with_or_without_its_end(kind: str) -> None:
    whole = JPEGS[kind]()
    read_everywhere(whole)
    for share in (0.5, 0.9, 0.99):
        half = whole[: int(share * len(whole))].rstrip(b"\xff")
        refused_everywhere(half)
        refused_everywhere(half + END)


def test_a_jpeg_with_zeros_in_its_middle_is_refused() -> None:
    whole = jpeg()
    middle = len(whole) // 2
    refused_everywhere(whole[:middle] + bytes(500) + whole[middle + 500 :])


def test_what_follows_the_end_of_a_jpeg_is_none_of_the_picture() -> None:
    read_everywhere(jpeg() + b"thumbnail of a camera" + jpeg()[:100])


@pytest.mark.parametrize(
    ("syntax", "make"),
    [
        (JPEGBaseline8Bit, lambda folder: (files.jpeg_baseline(files.stored(8)), 8)),
        (JPEGLosslessSV1, lambda folder: (_lossless(12, folder), 12)),
        (JPEGLosslessSV1, lambda folder: (_lossless(8, folder), 8)),
        (JPEGLSLossless, lambda folder: (files.compressed(files.chest(files.stored(12)), JPEGLSLossless), 12)),
        (JPEG2000Lossless, lambda folder: (files.jpeg2000(files.stored(12), 12, JPEG2000Lossless), 12)),
    ],
    ids=["baseline", "lossless 12 bit", "lossless 8 bit", "jpeg-ls", "jpeg 2000"],
)
def test_a_stream_inside_dicom_that_lacks_pixels_is_refused(
    syntax: str, make: Callable[[Path], tuple[bytes, int]], tmp_path: Path
) -> None:
    whole, bits = make(tmp_path)
    frame = frame_of(whole)
    read_everywhere(files.encapsulated(files.chest(files.stored(bits), bits), frame, syntax))
    for share in (0.5, 0.9):
        half = frame[: int(share * len(frame))].rstrip(b"\xff")
        for end in (b"", END):
            refused_everywhere(files.encapsulated(files.chest(files.stored(bits), bits), half + end, syntax))


def _lossless(bits: int, folder: Path) -> bytes:
    return files.transcoded(files.save(files.chest(files.stored(bits), bits)), JPEGLosslessSV1, folder)


def test_a_12_bit_stream_inside_dicom_that_lacks_pixels_is_refused() -> None:
    stream = (Path(__file__).parent / "data" / "ramp_12bit.jpg").read_bytes()
    for part, judge in ((stream, read_everywhere), (stream[: len(stream) * 3 // 4] + END, refused_everywhere)):
        judge(files.encapsulated(files.chest(np.zeros((128, 128), np.uint16), 12), part, JPEGExtended12Bit))


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place < len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        found.append((name, data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def with_pixels(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A PNG with other compressed pixels and the right checksums."""
    pixels = change(b"".join(body for name, body in chunks(data) if name == b"IDAT"))
    out = data[:8]
    for name, body in chunks(data):
        if name == b"IEND":
            out += _chunk(b"IDAT", pixels)
        if name != b"IDAT":
            out += _chunk(name, body)
    return out


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize("make", [png, lambda: png("I;16"), deep_png], ids=["8 bit", "16 bit", "16 bit colour"])
def test_a_png_that_lacks_pixels_or_has_wrong_ones_is_refused(make: Callable[[], bytes]) -> None:
    whole = make()
    read_everywhere(with_pixels(whole, lambda pixels: pixels))
    refused_everywhere(whole[: len(whole) // 2])
    for share in (0.5, 0.95):
        refused_everywhere(with_pixels(whole, lambda pixels, share=share: pixels[: int(share * len(pixels))]))  # type: ignore[misc]
    place = whole.index(b"IDAT") + 4 + len(whole) // 3
    refused_everywhere(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])


def test_pixels_that_still_unpack_are_held_against_their_checksum() -> None:
    file = io.BytesIO()
    Image.fromarray(files.stored(8)).save(file, "PNG", compress_level=0)
    whole = bytearray(file.getvalue())
    whole[whole.index(b"IDAT") + 5000] ^= 0x80  # one grey value, in pixels that are not compressed
    refused_everywhere(bytes(whole))


def test_what_decoders_say_is_heard_and_the_rest_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with complaints() as lines:
        os.write(2, b"Corrupt JPEG data: premature end of data segment\nsomething else\n")
    assert lines == ["Corrupt JPEG data: premature end of data segment", "something else"]
    assert capfd.readouterr().err == "something else\n"


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["jpeg_cut_to_half_then_ended.jpg", "jpeg_many_scans.jpg"])
def test_known_hostile_files_are_refused_at_once(name: str) -> None:
    if not (HOSTILE / name).is_file():
        pytest.skip(f"no case {HOSTILE / name}")
    refused_everywhere((HOSTILE / name).read_bytes())
