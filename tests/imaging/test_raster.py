"""PNG and JPEG in all their pixel formats hold the same chest."""

import io
import struct
import zlib

import dicom_files as files
import numpy as np
import pytest
from PIL import Image, ImageOps

from core.imaging import RefusedImage, TooLarge, UnreadableImage
from core.imaging.reader import read_radiograph

GREY = Image.fromarray(files.stored(8))


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_every_png_format_gives_the_same_pixels(mode: str) -> None:
    radiograph = read_radiograph(encode(GREY.convert(mode)))
    assert files.distance(radiograph.pixels) < 0.01
    assert radiograph.warnings == ()
    assert radiograph.metadata["format"] == "PNG"


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_png_keeps_its_grey_values(bits: int) -> None:
    radiograph = read_radiograph(encode(Image.fromarray(files.stored(bits))))
    assert files.distance(radiograph.pixels) < 0.005
    assert radiograph.metadata["bits"] == "16"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_gives_nearly_the_same_pixels(mode: str) -> None:
    assert files.distance(read_radiograph(encode(GREY.convert(mode), "JPEG", quality=95)).pixels) < 0.04


def test_one_wrong_pixel_of_a_deep_png_spoils_only_itself() -> None:
    values = files.stored(12).copy()
    values[5, 5] = 65535
    pixels = read_radiograph(encode(Image.fromarray(values))).pixels
    assert files.distance(pixels[16:], files.PHANTOM[16:]) < 0.005


def test_transparency_lies_on_black() -> None:
    layered = GREY.convert("RGBA")
    alpha = np.full((files.SIDE, files.SIDE), 255, np.uint8)
    alpha[:30] = 0
    layered.putalpha(Image.fromarray(alpha))
    pixels = read_radiograph(encode(layered)).pixels
    assert pixels[:30].max() == 0
    np.testing.assert_allclose(pixels[30:], np.asarray(GREY)[30:] / 255, atol=1e-6)


def test_the_orientation_of_a_photographed_film_is_undone() -> None:
    turned = GREY.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned clockwise by 90 degrees
    assert files.distance(read_radiograph(encode(turned, "JPEG", quality=95, exif=exif)).pixels) < 0.04


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_undone_as_pillow_undoes_it(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(GREY.crop((0, 0, files.SIDE, files.SIDE - 32)), exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(read_radiograph(data).pixels, expected / np.float32(255))


def test_a_coloured_picture_is_read_with_a_warning() -> None:
    tinted = np.stack([files.stored(8), files.stored(8) // 2, files.stored(8) // 4], axis=-1)
    assert "colours" in read_radiograph(encode(Image.fromarray(tinted))).warnings[0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_file_is_refused(kind: str) -> None:
    data = encode(GREY, kind)
    for end in (20, len(data) // 2, len(data) - 40):
        with pytest.raises(UnreadableImage, match="truncated or broken"):
            read_radiograph(data[:end])


def _claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size."""
    data = bytearray(encode(Image.new("L", (100, 100))))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


def test_sizes_outside_the_limits_are_refused() -> None:
    with pytest.raises(RefusedImage, match="too few"):
        read_radiograph(encode(Image.new("L", (1, 1))))
    with pytest.raises(TooLarge):
        read_radiograph(_claiming(40_000, 40_000))
    with pytest.raises(TooLarge):
        read_radiograph(encode(Image.new("1", (12_001, 100))))
