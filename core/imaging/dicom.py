"""DICOM to a ``Radiograph``: what the file says of itself decides whether it is read at all."""

from pydicom.dataset import Dataset

from core.imaging.dicom_file import TRANSFER_SYNTAXES, parse_dicom
from core.imaging.dicom_pixels import decode_stored_values
from core.imaging.dicom_source import notes_on_source, read_source
from core.imaging.dicom_view import (
    check_body_part,
    check_modality,
    check_view,
    is_flipped,
    read_orientation,
    text_of,
)
from core.imaging.geometry import believable, squared, upright
from core.imaging.grayscale import numbers, to_grey
from core.imaging.radiograph import Radiograph

# In the order of preference of PS3.3 section 10.7.1.3; the last is that of digitised films.
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_UPRIGHT = ("L", "F")


def read_dicom(data: bytes) -> Radiograph:
    """Read a DICOM file, with or without preamble, in one of the allowed transfer syntaxes.

    Args:
        data: the file's bytes.

    Returns:
        The radiograph as its tags describe it, with square pixels and turned as Patient Orientation says; whether its
        polarity is believable is judged afterwards.

    Raises:
        UnsupportedType: a polyglot, an unknown transfer syntax, or pixels that are neither grey nor RGB.
        UnreadableImage: damaged, truncated, contradicting itself, or without an image.
        TooLarge: more pixels than are read.
        RefusedImage: by its own tags not a single frontal chest radiograph, or without contrast.
    """
    file = parse_dicom(data)
    dataset = file.dataset
    modality = check_modality(dataset)
    body_part = check_body_part(dataset)
    view = check_view(dataset)
    stored = decode_stored_values(file)
    pixels, notes = to_grey(stored.values, stored.padding, dataset)
    warnings = [*stored.notes, *notes]
    layout = stored.layout
    del stored
    spacing = _spacing(dataset)
    pixels, side = squared(pixels, *(spacing or _aspect(dataset)))
    orientation = read_orientation(dataset)
    if orientation is not None and orientation != _UPRIGHT:
        pixels = upright(pixels, orientation)
        warnings.append("The file says that the image lies mirrored or turned; it was put upright.")
    elif orientation is None and is_flipped(dataset):
        warnings.append("The file says that the image was mirrored; left and right may be swapped.")
    if view is None:
        warnings.append("The file does not say whether the view is PA or AP.")
    if body_part == "RIB":
        warnings.append("The file says that it shows ribs; findings are only meant for chest radiographs.")
    if text_of(dataset, "BurnedInAnnotation") == "YES":
        warnings.append("The file says that text is burned into the image; check it for names before sharing.")
    source = read_source(dataset)
    warnings += notes_on_source(dataset, source)
    return Radiograph(
        pixels=pixels,
        view=view,
        pixel_spacing_mm=(side, side) if spacing else None,
        warnings=tuple(warnings),
        metadata={
            "format": "DICOM",
            "modality": modality,
            "body_part": body_part,
            "rows": str(layout.rows),
            "columns": str(layout.columns),
            "bits": str(layout.stored),
            "photometric": layout.photometric,
            "transfer_syntax": TRANSFER_SYNTAXES[file.transfer_syntax],
        },
        source=source,
    )


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Height and width of a pixel in mm (PS3.3 section 10.7.1.3).

    None where no element states both as positive, or where pixels would be more stretched than those of any detector.
    """
    for keyword in _SPACINGS:
        spacing = numbers(dataset, keyword)
        if len(spacing) == 2 and believable(*spacing):
            return spacing[0], spacing[1]
    return None


def _aspect(dataset: Dataset) -> tuple[float, float]:
    """Height and width of a pixel in no unit (Pixel Aspect Ratio, PS3.3 C.7.6.3.1.7); equal where it is not stated."""
    ratio = numbers(dataset, "PixelAspectRatio")
    return (ratio[0], ratio[1]) if len(ratio) == 2 and believable(*ratio) else (1.0, 1.0)
