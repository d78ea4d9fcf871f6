"""Content decides what a file is; whatever is wrong with it ends in one plain sentence."""

import io
import zipfile

import dicom_files as files
import numpy as np
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from core.imaging import MAX_FILE_BYTES, ImagingError, RefusedImage, TooLarge, UnreadableImage, UnsupportedType
from core.imaging.reader import read_radiograph


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "a")
    return buffer.getvalue()


def _picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(files.stored(8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (_zip(), "ZIP"),
        (_picture("GIF"), "GIF"),
        (_picture("TIFF"), "TIFF"),
        (_picture("BMP"), "BMP"),
        (_picture("WEBP"), "WebP"),
        (b"\n <!DOCTYPE html><html></html>", "web page"),
        (b"\x1f\x8b\x08" + b"\0" * 40, "gzip"),
        (b"\x5c\x01\0\0" + b"\0" * 340 + b"n+1\0", "NIfTI"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
        (b"hello, this is text", "not an image"),
        (b"\0", "not an image"),
        (bytes(4096), "not an image"),
    ],
)
def test_other_kinds_of_file_are_named(data: bytes, word: str) -> None:
    with pytest.raises(UnsupportedType, match=word) as caught:
        read_radiograph(data)
    assert "DICOM, PNG or JPEG" in str(caught.value)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(UnreadableImage, match="empty"):
        read_radiograph(b"")


def test_an_over_long_file_is_refused() -> None:
    with pytest.raises(TooLarge, match="100 MB"):
        read_radiograph(bytes(MAX_FILE_BYTES + 1))


@pytest.mark.parametrize("value", [0, 77, 255])
def test_an_image_without_contrast_is_refused(value: int) -> None:
    buffer = io.BytesIO()
    Image.new("L", (200, 200), value).save(buffer, "PNG")
    flat = np.full((200, 200), value, np.uint8)
    for data in (buffer.getvalue(), files.save(files.chest(flat, 8))):
        with pytest.raises(RefusedImage, match="same value"):
            read_radiograph(data)


@pytest.mark.parametrize(
    "magic", [b"MZ\x90\0", b"\x7fELF", b"<html>", b"%PDF-", b"PK\x03\x04", b"#!/bin/sh\n", b"\x89PNG"]
)
def test_a_polyglot_is_refused(magic: bytes) -> None:
    data = files.save(files.chest(files.stored(12)))
    with pytest.raises(UnsupportedType, match="unsafe"):
        read_radiograph(magic + data[len(magic) :])


@pytest.mark.parametrize("magic", [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"])
def test_a_tiff_preamble_is_legitimate(magic: bytes) -> None:
    data = files.save(files.chest(files.stored(12)))
    assert files.distance(read_radiograph(magic + data[len(magic) :]).pixels) < 0.005


def _samples() -> dict[str, bytes]:
    jpeg = io.BytesIO()
    Image.fromarray(files.stored(8)).save(jpeg, "JPEG", quality=90)
    return {
        "png": _picture("PNG"),
        "jpeg": jpeg.getvalue(),
        "explicit": files.save(files.chest(files.stored(12), WindowCenter="2000", WindowWidth="4000")),
        "headerless": files.headerless(files.chest(files.stored(12))),
        "deflated": files.save(files.chest(files.stored(8), 8), "1.2.840.10008.1.2.1.99"),
        "lut": files.save(files.chest(files.stored(12), VOILUTSequence=[files.lut(np.arange(4096))])),
        "rle": files.compressed(files.chest(files.stored(12)), RLELossless),
        "jpeg2000": files.jpeg2000(files.stored(12), 12, JPEG2000Lossless),
        "dicom jpeg": files.jpeg_baseline(files.stored(8)),
    }


@pytest.mark.parametrize("name", _samples())
def test_damage_ends_in_an_imaging_error_or_an_image(name: str) -> None:
    data = _samples()[name]
    rng = np.random.default_rng(7)
    for case in range(16):
        broken = bytearray(data)
        if case % 4 == 0:
            broken = broken[: int(rng.integers(1, len(data)))]
        else:
            # Headers are where damage does most; half of the flips go there.
            reach = 1200 if case % 2 else len(data)
            for _ in range(int(rng.integers(1, 12))):
                broken[int(rng.integers(0, min(reach, len(data))))] = int(rng.integers(0, 256))
        sentence, pixels = "An image came out.", np.zeros(1)
        try:
            pixels = read_radiograph(bytes(broken)).pixels
        except ImagingError as error:
            sentence = str(error)
        assert sentence.endswith(".")
        assert "\n" not in sentence
        assert 0 <= pixels.min() <= pixels.max() <= 1


def test_every_truncation_of_a_plain_file_is_refused() -> None:
    data = files.save(files.chest(files.stored(8), 8), ExplicitVRLittleEndian)
    for end in np.random.default_rng(1).integers(1, len(data) - 2, 40):
        with pytest.raises(ImagingError):
            read_radiograph(data[:end])
