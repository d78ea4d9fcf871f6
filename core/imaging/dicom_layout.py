"""How the pixels of a DICOM file are stored (Image Pixel module, PS3.3 section C.7.6.3), settled before any is decoded.

Elements that are absent or empty get the value that the data leave no doubt about. Where the header contradicts the
data, the file is refused: what it shows could only be guessed.
"""

from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from core.imaging.dicom_file import NATIVE, RLE, DicomFile
from core.imaging.dicom_streams import StreamHeader, read_stream_header
from core.imaging.limits import check_dimensions
from core.imaging.radiograph import RefusedImage, UnreadableImage, UnsupportedType

DAMAGED = "The pixel data of the DICOM file is damaged or truncated; export or download it again."
_NO_IMAGE = "The DICOM file holds no image; send the file of the radiograph itself."
_PHOTOMETRIC = {
    1: ("MONOCHROME1", "MONOCHROME2"),
    3: ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
}
# Native data that exceed what the header asks for by more than this share are of another shape; less is padding.
_LONGEST = 1.1


@dataclass(frozen=True)
class PixelLayout:
    """How stored values lie in the data.

    Attributes:
        rows, columns, samples: shape of the image.
        photometric: Photometric Interpretation.
        planar: whether the samples lie in planes, one after the other.
        allocated: bits of a cell, 8 or 16.
        stored: bits of a value.
        high: number of a value's highest bit in its cell.
        signed: whether values are signed; None where the file does not say.
        frame: the compressed stream; None for native data.
        stream: what it says of itself; None for native data and RLE, which has no header.
    """

    rows: int
    columns: int
    samples: int
    photometric: str
    planar: bool
    allocated: int
    stored: int
    high: int
    signed: bool | None
    frame: bytes | None = None
    stream: StreamHeader | None = None


def read_layout(file: DicomFile) -> PixelLayout:
    """The layout of a file's pixels, checked against the data.

    Raises:
        TooLarge, RefusedImage: the image's dimensions are outside the limits, or it holds several frames.
        UnsupportedType: a kind of pixel that radiographs do not have.
        UnreadableImage: there are no pixels, or header and data contradict each other.
    """
    dataset = file.dataset
    frames = whole(dataset, "NumberOfFrames", 1)
    if frames > 1:
        raise RefusedImage(f"The file holds {frames} frames; send a single radiograph.")
    rows, columns = whole(dataset, "Rows", 0), whole(dataset, "Columns", 0)
    if "PixelData" not in dataset or not dataset["PixelData"].value:
        raise UnreadableImage(_NO_IMAGE)
    # Before any pixel is touched: the sizes of a decompression bomb.
    if rows > 0 and columns > 0:
        check_dimensions(rows=rows, columns=columns)
    frame, stream = _stream(file)
    if stream is not None:
        rows, columns = rows or stream.rows, columns or stream.columns
        check_dimensions(rows=stream.rows, columns=stream.columns)
    if rows <= 0 or columns <= 0:
        raise UnreadableImage(_NO_IMAGE)
    samples, photometric = _colour(dataset, stream)
    allocated, stored = _bits(dataset, stream)
    layout = PixelLayout(
        rows=rows,
        columns=columns,
        samples=samples,
        photometric=photometric,
        planar=whole(dataset, "PlanarConfiguration", 0) == 1,
        allocated=allocated,
        stored=stored,
        high=whole(dataset, "HighBit", stored - 1),
        signed=_signed(dataset),
        frame=frame,
        stream=stream,
    )
    if stream is not None:
        _compare(layout, stream)
    elif frame is None:
        _check_native_length(layout, len(dataset.PixelData))
    return layout


def whole(dataset: Dataset, keyword: str, default: int) -> int:
    """An integer element, or the default where it is absent, empty or no number."""
    try:
        return int(dataset.get(keyword))
    except Exception:  # absent (TypeError), malformed (ValueError and pydicom's own)
        return default


def _stream(file: DicomFile) -> tuple[bytes | None, StreamHeader | None]:
    if file.transfer_syntax in NATIVE:
        return None, None
    try:
        frame = get_frame(file.dataset.PixelData, 0, number_of_frames=1)
    except Exception as error:
        raise UnreadableImage(DAMAGED) from error
    if file.transfer_syntax == RLE:
        return frame, None
    stream = read_stream_header(frame, jpeg2000=file.transfer_syntax.endswith((".90", ".91")))
    if stream is None:
        raise UnreadableImage(DAMAGED)
    return frame, stream


def _colour(dataset: Dataset, stream: StreamHeader | None) -> tuple[int, str]:
    """Samples per pixel and photometric interpretation; each stands in for the other, and the stream for both."""
    photometric = str(dataset.get("PhotometricInterpretation") or "").strip().upper()
    stated = next((count for count, names in _PHOTOMETRIC.items() if photometric in names), None)
    samples = whole(dataset, "SamplesPerPixel", 0) or stated or (stream.samples if stream else 1)
    photometric = photometric or ("MONOCHROME2" if samples == 1 else "RGB")
    if photometric not in _PHOTOMETRIC.get(samples, ()):
        named = "".join(one for one in photometric[:16] if one.isprintable())
        raise UnsupportedType(
            f"The DICOM file holds neither a grey nor an RGB image ({samples} samples of {named}); export the original "
            "radiograph."
        )
    return samples, photometric


def _bits(dataset: Dataset, stream: StreamHeader | None) -> tuple[int, int]:
    """Bits allocated and bits stored."""
    allocated, stored = whole(dataset, "BitsAllocated", 0), whole(dataset, "BitsStored", 0)
    if allocated <= 0:
        needed = max(stored, stream.precision if stream else 0)
        allocated = 8 if 0 < needed <= 8 else 16
    if stored <= 0:
        stored = stream.precision if stream else allocated
    if allocated not in (8, 16) or stored > allocated:
        raise UnsupportedType(
            f"The DICOM file stores {stored} of {allocated} bits a pixel; 8 and 16 allocated bits are read. "
            "Export it again."
        )
    return allocated, stored


def _signed(dataset: Dataset) -> bool | None:
    representation = whole(dataset, "PixelRepresentation", -1)
    if representation not in (-1, 0, 1):
        raise UnreadableImage(
            f"The DICOM file has a pixel representation of {representation}, which means nothing; export it again."
        )
    return None if representation < 0 else bool(representation)


def _compare(layout: PixelLayout, stream: StreamHeader) -> None:
    """Refuse a stream whose own header says something else than the DICOM header."""
    if (stream.rows, stream.columns) != (layout.rows, layout.columns):
        raise contradiction(
            f"{layout.columns} x {layout.rows} pixels", f"{stream.columns} x {stream.rows} pixels", stream.kind
        )
    if stream.samples != layout.samples:
        raise contradiction(
            f"{_counted(layout.samples, 'sample')} a pixel", _counted(stream.samples, "sample"), stream.kind
        )
    if stream.precision > layout.allocated:
        raise contradiction(f"{layout.allocated} bits a sample", f"{stream.precision} bits", stream.kind)


def _check_native_length(layout: PixelLayout, found: int) -> None:
    factor = 2 if layout.photometric == "YBR_FULL_422" else layout.samples
    needed = layout.rows * layout.columns * factor * layout.allocated // 8
    if found < needed:
        raise UnreadableImage(
            f"The DICOM file is truncated: {found:,} of {needed:,} bytes of the image are there; "
            "export or download it again."
        )
    if found > needed * _LONGEST:
        raise UnreadableImage(
            f"The header of the DICOM file contradicts its data: {layout.columns} x {layout.rows} pixels of "
            f"{_counted(layout.samples, 'sample')} and {layout.allocated} bits take {needed:,} bytes, and there are "
            f"{found:,}; export it again."
        )


def contradiction(said: str, held: str, where: str) -> UnreadableImage:
    """The error of a header that says one thing of data that say another."""
    return UnreadableImage(
        f"The header of the DICOM file contradicts its data: it says {said}, the {where} data hold {held}; "
        "export it again."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
