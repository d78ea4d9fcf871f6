"""Bytes of a DICOM file (PS3.10) to the few elements that ChestLens reads, with bounded work and memory.

Only the elements named in ``_TAGS`` are ever parsed. Of those that identify a patient, only the few of ``dicom_source``
are among them.
"""

import io
import struct
import zlib
from dataclasses import dataclass

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from core.imaging.file_kinds import PREAMBLE, has_explicit_vr, has_preamble
from core.imaging.identifiers import SOURCE_KEYWORDS
from core.imaging.limits import MAX_PIXELS
from core.imaging.radiograph import UnreadableImage, UnsupportedType

_META_GROUP = 0x0002
_SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
_TRANSFER_SYNTAX_TAG = 0x00020010
# The largest image that is read, at 16 bits, and room for the header.
_MAX_INFLATED = 2 * MAX_PIXELS + 16 * 2**20

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG})
TRANSFER_SYNTAXES: dict[str, str] = {
    IMPLICIT_LITTLE: "Implicit VR Little Endian",
    EXPLICIT_LITTLE: "Explicit VR Little Endian",
    DEFLATED: "Deflated Explicit VR Little Endian",
    EXPLICIT_BIG: "Explicit VR Big Endian",
    RLE: "RLE Lossless",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless SV1",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Near-Lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
}

_KEYWORDS = [
    "SpecificCharacterSet",
    "Modality",
    "BodyPartExamined",
    "ViewPosition",
    "ViewCodeSequence",
    "AnatomicRegionSequence",
    "StudyDescription",
    "SeriesDescription",
    "ProtocolName",
    "PatientOrientation",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "PixelAspectRatio",
    "FieldOfViewHorizontalFlip",
    "PresentationIntentType",
    "PixelIntensityRelationship",
    "PixelIntensityRelationshipSign",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleIntercept",
    "RescaleSlope",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PresentationLUTShape",
    "PixelData",
    *SOURCE_KEYWORDS,
]
_TAGS: list[int] = [tag for keyword in _KEYWORDS if (tag := tag_for_keyword(keyword)) is not None]

# PS3.10 7.1 leaves the preamble to the application; a TIFF header there makes a legitimate dual-purpose file
# (PS3.10 Annex A), but programs and documents make polyglots that other software would run or open.
_FOREIGN_PREAMBLES: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xfe\xed\xfa", "a macOS program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xce\xfa\xed\xfe", "a macOS program"),
    (b"#!", "a script"),
    (b"<", "a web page"),
    (b"%PDF", "a PDF"),
    (b"%!", "a PostScript file"),
    (b"PK", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"{", "a text document"),
)


@dataclass(frozen=True)
class DicomFile:
    """What was read of the file.

    Attributes:
        dataset: the elements of ``_TAGS`` that the file has; ``file_meta`` names the transfer syntax.
        transfer_syntax: UID of the transfer syntax, one of ``TRANSFER_SYNTAXES``.
    """

    dataset: Dataset
    transfer_syntax: str

    @property
    def little_endian(self) -> bool:
        """Whether words lie with their lower byte first."""
        return self.transfer_syntax != EXPLICIT_BIG


def parse_dicom(data: bytes) -> DicomFile:
    """Read the elements that ChestLens needs.

    Raises:
        UnsupportedType: a polyglot, or a transfer syntax that is not read.
        UnreadableImage: the structure is broken, nested too deeply, or inflates to too much.
    """
    start = 0
    if has_preamble(data):
        _refuse_polyglot(data)
        start = PREAMBLE + 4
    syntax, start = _read_meta(data, start)
    if syntax is None:
        syntax = EXPLICIT_LITTLE if has_explicit_vr(data[start : start + 8]) else IMPLICIT_LITTLE
    if syntax not in TRANSFER_SYNTAXES:
        raise UnsupportedType(
            "The DICOM file is stored in a transfer syntax that is not read (video or a rare compression); "
            "export it uncompressed or as JPEG 2000."
        )
    body = _inflate(data[start:]) if syntax == DEFLATED else data[start:]
    try:
        dataset = _elements(body, syntax)
        if syntax not in NATIVE and "PixelData" not in dataset:
            # Some writers end a file with the last fragment; that it is whole is seen when it is decoded.
            dataset = _elements(body + _SEQUENCE_DELIMITER, syntax)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
    except RecursionError:
        raise UnreadableImage("The DICOM file nests its data too deeply; export it again.") from None
    except MemoryError:
        raise
    except Exception as error:  # pydicom raises many kinds on broken structures
        raise UnreadableImage("The DICOM file is damaged; export or download it again.") from error
    return DicomFile(dataset, syntax)


def _elements(body: bytes, syntax: str) -> Dataset:
    return read_dataset(
        io.BytesIO(body),
        is_implicit_VR=syntax == IMPLICIT_LITTLE,
        is_little_endian=syntax != EXPLICIT_BIG,
        specific_tags=list(_TAGS),
    )


def _refuse_polyglot(data: bytes) -> None:
    """Refuse a preamble that makes the file something else as well (PS3.10 section 7.5, security considerations).

    Raises:
        UnsupportedType: the preamble begins like a program, a document or another image.
    """
    preamble = data[:PREAMBLE].lstrip(b" \t\r\n\xef\xbb\xbf")
    for magic, name in _FOREIGN_PREAMBLES:
        if preamble.startswith(magic):
            raise UnsupportedType(f"The DICOM file is also {name}, which is unsafe; send a clean DICOM export.")


def _read_meta(data: bytes, start: int) -> tuple[str | None, int]:
    """Transfer syntax UID, None where it is not stated, and the offset of the data set.

    The file meta information is Explicit VR Little Endian (PS3.10 section 7.1). Its group length is not trusted: the
    group ends where its elements end.
    """
    syntax: str | None = None
    while start + 8 <= len(data):
        group, element, vr, length = struct.unpack_from("<HH2sH", data, start)
        if group != _META_GROUP:
            break
        header = 8
        if vr in (b"OB", b"UN", b"OW", b"UT", b"SQ"):
            if start + 12 > len(data):
                break
            (length,) = struct.unpack_from("<I", data, start + 8)
            header = 12
        value = data[start + header : start + header + length]
        if len(value) < length:
            raise UnreadableImage("The DICOM file is truncated in its header; export or download it again.")
        if (group << 16 | element) == _TRANSFER_SYNTAX_TAG:
            syntax = value.decode("ascii", "replace").strip(" \0")
        start += header + length
    if start + 8 > len(data):
        raise UnreadableImage("The DICOM file ends after its header; export or download it again.")
    return syntax, start


def _inflate(body: bytes) -> bytes:
    """Undo the deflate of PS3.5 section A.5, up to a limit."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(body, _MAX_INFLATED)
    except zlib.error as error:
        raise UnreadableImage("The compressed DICOM file is damaged; export or download it again.") from error
    if inflater.unconsumed_tail:
        raise UnreadableImage("The compressed DICOM file unpacks to more than any radiograph; export it uncompressed.")
    return inflated
