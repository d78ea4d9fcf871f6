"""Grey PNG files are read quickly where they are as they should be, and then hold what Pillow finds in them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from core.imaging import UnreadableImage
from core.imaging.file_kinds import PNG
from core.imaging.grey_png import PLAIN_GREY, chunk, grey_rows
from core.imaging.raster_file import read_raster_file
from core.imaging.reader import read_radiograph

HEIGHT, WIDTH = 151, 203
RANDOM = np.random.default_rng(0)
# The content of a row may be anything, whatever its filter is: undone, it is some picture.
CONTENT = RANDOM.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
NONE, SUB, UP, AVERAGE, PAETH = range(5)


def _rows(filters: np.ndarray) -> bytes:
    return np.column_stack([filters.astype(np.uint8), CONTENT]).tobytes()


def _file(deflated: bytes, *, ending: bytes = PLAIN_GREY, pieces: int = 1, before: bytes = b"") -> bytes:
    size = -(-len(deflated) // pieces)
    parts = [chunk(b"IDAT", deflated[start : start + size]) for start in range(0, len(deflated), size)]
    header = chunk(b"IHDR", struct.pack(">II", WIDTH, HEIGHT) + ending)
    return b"".join([PNG, header, before, *parts, chunk(b"IEND")])


def _quickly(data: bytes) -> np.ndarray | None:
    file = read_raster_file(data)
    assert file is not None
    return grey_rows(file.deflated_grey, HEIGHT, WIDTH) if file.deflated_grey else None


@pytest.mark.parametrize("pieces", [1, 5])
@pytest.mark.parametrize("kind", [NONE, SUB, UP, AVERAGE, PAETH, "mixed"])
def test_every_filter_is_undone_as_pillow_undoes_it(kind: int | str, pieces: int) -> None:
    filters = RANDOM.integers(0, 5, HEIGHT) if kind == "mixed" else np.full(HEIGHT, kind)
    data = _file(zlib.compress(_rows(filters)), pieces=pieces)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    quickly = _quickly(data)
    assert quickly is not None
    np.testing.assert_array_equal(quickly, expected)
    np.testing.assert_array_equal(read_radiograph(data).pixels, expected / np.float32(255))


@pytest.mark.parametrize(
    "data",
    [
        _file(zlib.compress(_rows(np.zeros(HEIGHT)) + b"more than the picture")),
        _file(zlib.compress(_rows(np.zeros(HEIGHT))), before=chunk(b"tRNS", b"\0\x07")),
    ],
    ids=["more than its rows", "a transparent grey"],
)
def test_what_is_more_than_plain_rows_is_left_to_pillow(data: bytes) -> None:
    assert _quickly(data) is None
    assert read_radiograph(data).pixels.shape == (HEIGHT, WIDTH)


def test_an_interlaced_picture_is_left_to_pillow() -> None:
    file = io.BytesIO()
    Image.fromarray(CONTENT).save(file, "PNG")
    interlaced = bytearray(file.getvalue())
    interlaced[28] = 1
    interlaced[29:33] = struct.pack(">I", zlib.crc32(interlaced[12:29]))
    assert _quickly(bytes(interlaced)) is None


@pytest.mark.parametrize(
    "deflated",
    [
        zlib.compress(_rows(np.zeros(HEIGHT)))[:-4] + b"\0\0\0\0",
        zlib.compress(_rows(np.zeros(HEIGHT))[:-1]),
        zlib.compress(_rows(np.full(HEIGHT, 9))),
        zlib.compress(_rows(np.zeros(HEIGHT)))[:-500],
    ],
    ids=["checksum", "a pixel less", "unknown filter", "cut off"],
)
def test_damaged_rows_are_refused_although_their_chunk_is_sound(deflated: bytes) -> None:
    data = _file(deflated)
    assert _quickly(data) is None
    with pytest.raises(UnreadableImage, match="truncated or broken"):
        read_radiograph(data)
