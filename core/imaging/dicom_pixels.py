"""Pixel Data of a DICOM file to stored values (PS3.3 section C.7.6.3)."""

import struct
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import convert_color_space, get_decoder

from core.imaging.complaints import LOST_PIXELS, complaints
from core.imaging.dicom_file import NATIVE, RLE, DicomFile
from core.imaging.dicom_layout import DAMAGED, PixelLayout, read_layout
from core.imaging.grayscale import Mask, padding_mask
from core.imaging.jpeg import check_jpeg
from core.imaging.radiograph import ImagingError, UnreadableImage
from core.imaging.stored_bits import significant_bits

_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_JPEG_LS = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_END_OF_IMAGE = b"\xff\xd9"
# Rec. 601 luma, as in PS3.3 section C.7.6.3.1.2 for YBR_FULL.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class StoredImage:
    """What the data of a file hold.

    Attributes:
        values: (H, W), an integer kind, or float32 in [0, 255 or 65535] where the image was coloured.
        padding: (H, W) mask of pixels that are no part of the image, None where there are none.
        layout: how the values were stored.
        notes: sentences on what was doubtful.
    """

    values: npt.NDArray[np.generic]
    padding: Mask | None
    layout: PixelLayout
    notes: tuple[str, ...] = ()


def decode_stored_values(file: DicomFile) -> StoredImage:
    """The single frame of a file, colour reduced to luma.

    Raises:
        TooLarge, RefusedImage: the image's dimensions are outside the limits, or it holds several frames.
        UnsupportedType: a kind of pixel that radiographs do not have.
        UnreadableImage: there are no pixels, they are damaged, or they contradict the header.
    """
    layout = read_layout(file)
    try:
        with complaints() as lines:
            cells = _decode(file, layout)
    except (MemoryError, ImagingError):
        raise
    except Exception as error:  # each codec raises its own kinds
        raise UnreadableImage(DAMAGED) from error
    if any(warning in line for line in lines for warning in LOST_PIXELS):
        raise UnreadableImage(DAMAGED)
    if cells.shape[:2] != (layout.rows, layout.columns) or cells.ndim != (2 if layout.samples == 1 else 3):
        raise UnreadableImage(DAMAGED)
    if layout.samples == 3:
        return StoredImage(cells.astype(np.float32) @ _LUMA, None, layout)
    padding = padding_mask(cells, layout.allocated, file.dataset)
    values, notes = significant_bits(cells, layout, padding)
    if padding is None:
        padding = padding_mask(values, layout.allocated, file.dataset)
    return StoredImage(values, padding, layout, notes)


def _decode(file: DicomFile, layout: PixelLayout) -> npt.NDArray[np.generic]:
    """Cells as they lie in the data, (H, W) of unsigned integers or those of a signed stream, or (H, W, 3)."""
    syntax = file.transfer_syntax
    if syntax == RLE:
        return _decode_rle(layout)
    if syntax in NATIVE:
        return _decode_native(file, layout)
    if syntax in (_JPEG_BASELINE, _JPEG_EXTENDED):
        return _decode_jpeg8(layout) if _precision(layout) == 8 else _decode_jpeg_extended(layout)
    values, _ = get_decoder(file.dataset.file_meta.TransferSyntaxUID).as_array(_described(file, layout), index=0)
    return values


def _precision(layout: PixelLayout) -> int:
    return layout.stream.precision if layout.stream else layout.stored


def _described(file: DicomFile, layout: PixelLayout) -> Dataset:
    """A header for the decoder: what the stream says of itself, so that values come out as they went in."""
    header = Dataset()
    header.file_meta = file.dataset.file_meta
    header.PixelData = file.dataset.PixelData
    if file.transfer_syntax in _JPEG_LS and layout.frame and _END_OF_IMAGE not in layout.frame[-4:]:
        # CharLS looks for the end that a truncated stream does not have, for a minute.
        header.PixelData = encapsulate([layout.frame + _END_OF_IMAGE])
    header["PixelData"].is_undefined_length = True
    header.Rows, header.Columns, header.SamplesPerPixel = layout.rows, layout.columns, layout.samples
    header.PhotometricInterpretation = layout.photometric
    if layout.samples > 1:
        header.PlanarConfiguration = int(layout.planar)
    precision = _precision(layout)
    header.BitsAllocated = 8 if precision <= 8 else 16
    header.BitsStored, header.HighBit = precision, precision - 1
    header.PixelRepresentation = int(layout.stream is not None and layout.stream.signed)
    return header


def _decode_native(file: DicomFile, layout: PixelLayout) -> npt.NDArray[np.generic]:
    if layout.photometric == "YBR_FULL_422":
        header = _described(file, layout)
        header["PixelData"].is_undefined_length = False
        values, _ = get_decoder(file.dataset.file_meta.TransferSyntaxUID).as_array(header, index=0)
        return values
    size = layout.rows * layout.columns * layout.samples
    data = file.dataset.PixelData
    if layout.allocated == 8:
        # 8-bit cells of VR OW come in words, which big endian swaps (PS3.5 section 8.1.1 and annex A.3).
        swapped = not file.little_endian and file.dataset["PixelData"].VR == "OW"
        if swapped:
            words = np.frombuffer(data, dtype=">u2", count=len(data) // 2)
            values = words.astype("<u2").view(np.uint8)[:size]
        else:
            values = np.frombuffer(data, dtype=np.uint8, count=size)
    else:
        values = np.frombuffer(data, dtype="<u2" if file.little_endian else ">u2", count=size).astype(np.uint16)
    if layout.samples == 1:
        return values.reshape(layout.rows, layout.columns)
    if layout.planar:
        coloured = np.moveaxis(values.reshape(layout.samples, layout.rows, layout.columns), 0, -1)
    else:
        coloured = values.reshape(layout.rows, layout.columns, layout.samples)
    return _rgb(coloured, layout)


def _rgb(values: npt.NDArray[np.generic], layout: PixelLayout) -> npt.NDArray[np.generic]:
    return convert_color_space(values, "YBR_FULL", "RGB") if layout.photometric == "YBR_FULL" else values


def _decode_rle(layout: PixelLayout) -> npt.NDArray[np.generic]:
    """Decode the RLE of PS3.5 Annex G; unlike pydicom's decoder it stops at the size of the image.

    Segments hold one byte plane each: for every sample its bytes, the most significant first.

    Raises:
        ValueError: the segments do not make up the image.
    """
    frame = layout.frame or b""
    width = layout.allocated // 8
    size = layout.rows * layout.columns
    count, *offsets = struct.unpack_from("<16I", frame)
    if count != width * layout.samples:
        raise UnreadableImage(
            f"The header of the DICOM file contradicts its data: it says {width * layout.samples} bytes a pixel, the "
            f"RLE data hold {count}; export it again."
        )
    ends = [*offsets[1:count], len(frame)]
    planes = [_unpack_bits(frame[start:end], size) for start, end in zip(offsets[:count], ends, strict=True)]
    values = np.empty((size, layout.samples, width), dtype=np.uint8)
    for index, plane in enumerate(planes):
        sample, byte = divmod(index, width)
        values[:, sample, width - 1 - byte] = np.frombuffer(plane, dtype=np.uint8)
    shape = (layout.rows, layout.columns, layout.samples)[: 2 if layout.samples == 1 else 3]
    return _rgb(values.reshape(-1).view(f"<u{width}").reshape(shape), layout)


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


def _decode_jpeg8(layout: PixelLayout) -> npt.NDArray[np.generic]:
    """Decode an 8-bit DCT stream by libjpeg, once it is known to be whole; three components become RGB.

    Whether components are luma and colour is said by the stream's markers, and only without them by the header: files
    of the wild state RGB beside streams that are not.
    """
    stream = layout.frame or b""
    check_jpeg(stream)
    with Image.open(BytesIO(stream), formats=("JPEG",)) as image:
        if layout.samples == 1:
            return np.asarray(image)
        image.draft("YCbCr", image.size)  # the components as they are
        components = np.asarray(image)
    stated = layout.stream.luma_coded if layout.stream else None
    luma_coded = layout.photometric != "RGB" if stated is None else stated
    return convert_color_space(components, "YBR_FULL", "RGB") if luma_coded else components


def _decode_jpeg_extended(layout: PixelLayout) -> npt.NDArray[np.generic]:
    """Decode 12-bit JPEG by gdcm itself, because pydicom 3.0 declines to hand it over, although gdcm decodes it."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(layout.frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((layout.columns, layout.rows, 1))
    image.SetDataElement(element)
    monochrome = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(monochrome))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(_JPEG_EXTENDED)))
    precision = _precision(layout)
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, precision, precision - 1, 0))
    # The binding hands bytes out as text.
    buffer = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(buffer, dtype="<u2").reshape(layout.rows, layout.columns)
