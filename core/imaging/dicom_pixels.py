"""Pixel Data of a DICOM file to stored values, after the sizes that the stream itself claims were checked."""

import re
import struct

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels import convert_color_space, get_decoder

from core.imaging.dicom_file import NATIVE, DicomFile
from core.imaging.limits import check_dimensions
from core.imaging.radiograph import RefusedImage, UnreadableImage, UnsupportedType

_RLE = "1.2.840.10008.1.2.5"
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_PHOTOMETRIC = {
    1: ("MONOCHROME1", "MONOCHROME2"),
    3: ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
}
# Rec. 601 luma, as in PS3.3 section C.7.6.3.1.2 for YBR_FULL.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_DAMAGED = "The pixel data of the DICOM file is damaged or truncated; export or download it again."
# JPEG frame headers (ISO 10918-1 table B.1) and JPEG-LS's (ISO 14495-1): size follows length and precision.
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf\xf7]")


def decode_stored_values(file: DicomFile) -> npt.NDArray[np.generic]:
    """Stored values (PS3.3 section C.7.6.3) of the single frame, colour reduced to luma.

    Returns:
        (H, W), an integer kind, or float32 in [0, 255 or 65535] where the image was coloured.

    Raises:
        TooLarge, RefusedImage: the image's dimensions are outside the limits, or it holds several frames.
        UnsupportedType: a kind of pixel that radiographs do not have.
        UnreadableImage: there are no pixels, or they are damaged.
    """
    dataset = file.dataset
    rows, columns, samples = _layout(dataset)
    if "PixelData" not in dataset or not dataset["PixelData"].value:
        raise UnreadableImage("The DICOM file holds no image; send the file of the radiograph itself.")
    if file.transfer_syntax in NATIVE:
        _check_native_length(dataset, rows, columns, samples)
    elif file.transfer_syntax != _RLE:
        _check_stream(dataset, file.transfer_syntax, rows, columns)
    try:
        if file.transfer_syntax == _RLE:
            values = _decode_rle(dataset, rows, columns, samples)
        elif file.transfer_syntax == _JPEG_EXTENDED and samples == 1 and dataset.BitsStored > 8:
            values = _decode_jpeg_extended(dataset, rows, columns)
        else:
            values, _ = get_decoder(dataset.file_meta.TransferSyntaxUID).as_array(dataset, index=0)
    except MemoryError:
        raise
    except Exception as error:  # each codec raises its own kinds
        raise UnreadableImage(_DAMAGED) from error
    if values.shape[:2] != (rows, columns) or values.ndim != (2 if samples == 1 else 3):
        raise UnreadableImage(_DAMAGED)
    if samples == 3:
        return values.astype(np.float32) @ _LUMA
    return _significant_bits(values, dataset) if file.transfer_syntax in NATIVE | {_RLE} else values


def _layout(dataset: Dataset) -> tuple[int, int, int]:
    """Rows, columns and samples per pixel, all checked against what is read (PS3.3 section C.7.6.3.1)."""
    rows, columns = whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)
    if rows <= 0 or columns <= 0:
        raise UnreadableImage("The DICOM file holds no image; send the file of the radiograph itself.")
    frames = whole(dataset, "NumberOfFrames", 1)
    if frames > 1:
        raise RefusedImage(f"The file holds {frames} frames; send a single radiograph.")
    check_dimensions(rows=rows, columns=columns)
    samples = whole(dataset, "SamplesPerPixel", 1)
    photometric = str(dataset.get("PhotometricInterpretation", "")).strip()
    if photometric not in _PHOTOMETRIC.get(samples, ()):
        raise UnsupportedType("The DICOM file holds neither a grey nor an RGB image; export the original radiograph.")
    allocated, stored = whole(dataset, "BitsAllocated", 0), whole(dataset, "BitsStored", 0)
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise UnsupportedType(
            f"The DICOM file stores {stored} of {allocated} bits a pixel; 8 and 16 allocated bits are read. "
            "Export it again."
        )
    if whole(dataset, "PixelRepresentation", 0) not in (0, 1):
        raise UnreadableImage(_DAMAGED)
    return rows, columns, samples


def _check_native_length(dataset: Dataset, rows: int, columns: int, samples: int) -> None:
    factor = 2 if dataset.PhotometricInterpretation == "YBR_FULL_422" else samples
    needed = rows * columns * factor * dataset.BitsAllocated // 8
    if len(dataset.PixelData) < needed:
        raise UnreadableImage(
            f"The DICOM file is truncated: {len(dataset.PixelData):,} of {needed:,} bytes of the image are there; "
            "export or download it again."
        )


def _check_stream(dataset: Dataset, syntax: str, rows: int, columns: int) -> None:
    """Compare the compressed stream's own size with Rows and Columns, which a decompression bomb does not respect."""
    try:
        frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    except Exception as error:
        raise UnreadableImage(_DAMAGED) from error
    size = _jpeg2000_size(frame) if syntax.endswith((".90", ".91")) else _jpeg_size(frame)
    if size != (rows, columns):
        raise UnreadableImage(_DAMAGED)


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of the frame header of a JPEG or JPEG-LS stream."""
    position = 2
    while position + 9 <= len(frame):
        if _JPEG_FRAME.match(frame, position):
            rows, columns = struct.unpack_from(">HH", frame, position + 5)
            return rows, columns
        if frame[position] != 0xFF:
            return None
        if frame[position + 1] == 0xFF:  # fill byte
            position += 1
            continue
        (length,) = struct.unpack_from(">H", frame, position + 2)
        position += 2 + length
    return None


def _decode_rle(dataset: Dataset, rows: int, columns: int, samples: int) -> npt.NDArray[np.generic]:
    """Decode the RLE of PS3.5 Annex G; unlike pydicom's decoder it stops at the size of the image.

    Segments hold one byte plane each: for every sample its bytes, the most significant first.

    Raises:
        ValueError: the segments do not make up the image.
    """
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    width = dataset.BitsAllocated // 8
    count, *offsets = struct.unpack_from("<16I", frame)
    if count != width * samples:
        raise ValueError("wrong number of RLE segments")
    ends = [*offsets[1:count], len(frame)]
    planes = [_unpack_bits(frame[start:end], rows * columns) for start, end in zip(offsets[:count], ends, strict=True)]
    values = np.empty((rows * columns, samples, width), dtype=np.uint8)
    for index, plane in enumerate(planes):
        sample, byte = divmod(index, width)
        values[:, sample, width - 1 - byte] = np.frombuffer(plane, dtype=np.uint8)
    kind = ("i" if dataset.PixelRepresentation else "u") + str(width)
    shape = (rows, columns) if samples == 1 else (rows, columns, samples)
    decoded = values.reshape(-1).view(f"<{kind}").reshape(shape)
    return (
        convert_color_space(decoded, "YBR_FULL", "RGB") if dataset.PhotometricInterpretation == "YBR_FULL" else decoded
    )


def _unpack_bits(segment: bytes, size: int) -> bytearray:
    """PackBits (PS3.5 section G.3.1) to exactly ``size`` bytes."""
    plane = bytearray()
    position, end = 0, len(segment)
    while len(plane) < size and position < end:
        head = segment[position]
        if head < 128:
            plane += segment[position + 1 : position + 2 + head]
            position += 2 + head
        else:
            if head > 128:
                plane += segment[position + 1 : position + 2] * (257 - head)
            position += 2 if head > 128 else 1
    if len(plane) < size:
        raise ValueError("an RLE segment is too short")
    return plane[:size]


def _decode_jpeg_extended(dataset: Dataset, rows: int, columns: int) -> npt.NDArray[np.generic]:
    """Decode 12-bit JPEG by gdcm itself, because pydicom 3.0 declines to hand it over, although gdcm decodes it."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(get_frame(dataset.PixelData, 0, number_of_frames=1))
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    monochrome = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(monochrome))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(_JPEG_EXTENDED)))
    stored = dataset.BitsStored
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, stored, stored - 1, dataset.PixelRepresentation))
    # The binding hands bytes out as text.
    buffer = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(buffer, dtype="<i2" if dataset.PixelRepresentation else "<u2").reshape(rows, columns)


def _jpeg2000_size(frame: bytes) -> tuple[int, int] | None:
    """Rows and columns of the SIZ marker (ISO 15444-1 section A.5.1), also inside a JP2 wrapper."""
    start = frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start < 0 or start + 24 > len(frame):
        return None
    width, height, left, top = struct.unpack_from(">IIII", frame, start + 8)
    return height - top, width - left


def _significant_bits(values: npt.NDArray[np.generic], dataset: Dataset) -> npt.NDArray[np.generic]:
    """Drop what lies outside BitsStored, such as old overlays, and extend the sign (PS3.5 section 8.1.1)."""
    stored, allocated = dataset.BitsStored, dataset.BitsAllocated
    shift = min(max(whole(dataset, "HighBit", stored - 1) + 1 - stored, 0), allocated - stored)
    if stored == allocated:
        return values
    bits = (values.astype(np.int32) >> shift) & ((1 << stored) - 1)
    if dataset.PixelRepresentation == 1:
        sign = 1 << (stored - 1)
        bits = (bits ^ sign) - sign
    return bits


def whole(dataset: Dataset, keyword: str, default: int) -> int:
    """An integer element, or the default where it is absent, empty or no number."""
    try:
        return int(dataset.get(keyword))
    except Exception:  # absent (TypeError), malformed (ValueError and pydicom's own)
        return default
