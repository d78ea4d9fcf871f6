"""Stored values to grey in [0, 1] by the transformations of PS3.3 and PS3.4: modality, VOI, presentation.

The order is fixed by PS3.4 section N.2: Modality LUT (PS3.3 C.11.1), VOI LUT (C.11.2), Presentation LUT (C.11.6).
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from core.imaging.radiograph import RefusedImage

FloatArray = npt.NDArray[np.float32]
StoredArray = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

# A window that leaves fewer of the pixels than this between black and white hides the image.
_MIN_SHOWN = 0.10
_DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"


def to_grey(stored: StoredArray, padding: Mask | None, dataset: Dataset) -> tuple[FloatArray, tuple[str, ...]]:
    """Stored values to pixels, bright = dense.

    The VOI LUT is preferred to a window, the first of several is taken. Without either the values are stretched
    linearly between their own extremes; pixel padding (C.7.5.1.1.2) is left out of that and becomes black. An image
    for processing is first brought to what a radiograph for presentation is: see ``detector_image``.

    Args:
        stored: (H, W) stored values, of any kind of number.
        padding: (H, W) mask of what is no part of the image, None where there is none.
        dataset: the elements that say what they mean.

    Returns:
        (H, W) in [0, 1], and sentences on what was doubtful.

    Raises:
        RefusedImage: all pixels have the same value.
    """
    notes: list[str] = []
    values = modality_values(stored, dataset, notes)
    raw = is_for_processing(dataset)
    linear = raw and _code(dataset, "PixelIntensityRelationship") == "LIN"
    if linear:
        # Exposure falls exponentially with the tissue that it crosses, and radiographs show the tissue.
        values = np.log(np.maximum(values, 1)).astype(np.float32)
    shown = values if padding is None else values[~padding]
    low, high = float(shown.min()), float(shown.max())
    if not high > low:
        raise RefusedImage("All pixels of the image have the same value; send the original radiograph.")
    del shown
    grey = None if linear else _voi(values, padding, dataset, notes)
    if grey is None:
        grey = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    if raw:
        notes.insert(0, _for_processing_note(linear))
    sign = numbers(dataset, "PixelIntensityRelationshipSign") if raw else []
    if sign[:1] == [1.0] if sign else is_inverted(dataset, notes):
        grey = 1 - grey
    if padding is not None:
        grey[padding] = 0
    return grey.astype(np.float32, copy=False), tuple(notes)


def is_for_processing(dataset: Dataset) -> bool:
    """Whether the image is the detector's, made to be processed rather than looked at (C.8.11.1.1, PS3.4 B.5)."""
    if intent := _code(dataset, "PresentationIntentType"):
        return intent == "FOR PROCESSING"
    return str(dataset.get("SOPClassUID") or "").strip(" \0") == _DX_FOR_PROCESSING


def _for_processing_note(linear: bool) -> str:
    made = "its logarithm was taken" if linear else "it was taken as it is"
    return (
        f"The file holds the detector's image for processing, not the one that radiologists read; {made}, and "
        "probabilities may be off. Send the image for presentation."
    )


def is_inverted(dataset: Dataset, notes: list[str]) -> bool:
    """Whether the lowest value is meant to be shown white.

    MONOCHROME1 says so (C.7.6.3.1.2). A Presentation LUT Shape of INVERSE says the same thing again: it is the
    companion that DX images of MONOCHROME1 must carry (C.8.11.3.1.2), so it never inverts a second time. Beside
    MONOCHROME2 it inverts, as C.11.6.1.2 has it, and is worth a doubt.
    """
    monochrome1 = str(dataset.get("PhotometricInterpretation", "")).strip() == "MONOCHROME1"
    inverse = str(dataset.get("PresentationLUTShape", "")).strip() == "INVERSE"
    if inverse and not monochrome1:
        notes.append("The file asks for inverted display of a MONOCHROME2 image, which is unusual.")
    return monochrome1 or inverse


def padding_mask(values: StoredArray, allocated: int, dataset: Dataset) -> Mask | None:
    """(H, W) mask of pixel padding (C.7.5.1.1.2), None where there is none or where it would swallow everything.

    Padding is often written beyond the bits stored, or with another sign than the pixels have: both are compared as
    patterns of the bits allocated.

    Args:
        values: (H, W) integers, as cells or as values.
        allocated: bits of a cell.
        dataset: with the elements that state the padding.
    """
    stated = numbers(dataset, "PixelPaddingValue")
    if not stated or values.dtype.kind not in "iu":
        return None
    pattern = (1 << allocated) - 1
    low = int(stated[0]) & pattern
    high = int((numbers(dataset, "PixelPaddingRangeLimit") or stated)[0]) & pattern
    cells = values.astype(np.int32) & pattern
    sign = 1 << (allocated - 1)
    if (low >= sign) != (high >= sign):  # a range across zero
        low, high, cells = (low ^ sign) - sign, (high ^ sign) - sign, (cells ^ sign) - sign
    low, high = sorted((low, high))
    mask: Mask = (cells >= low) & (cells <= high)
    return mask if mask.any() and not mask.all() else None


def modality_values(stored: StoredArray, dataset: Dataset, notes: list[str]) -> FloatArray:
    """Apply the Modality LUT, or rescale slope and intercept (C.11.1): one of them, never both."""
    if (lut := _lut(dataset, "ModalityLUTSequence", stored)) is not None:
        return _look_up(stored.astype(np.float32), *lut[:2])
    values = stored.astype(np.float32)
    slope = (numbers(dataset, "RescaleSlope") or [1.0])[0]
    intercept = (numbers(dataset, "RescaleIntercept") or [0.0])[0]
    if slope == 0:
        notes.append("The file's rescale slope is zero and was ignored.")
        return values
    if (slope, intercept) != (1.0, 0.0):
        values = (values * slope + intercept).astype(np.float32)
    return values


def _voi(values: FloatArray, padding: Mask | None, dataset: Dataset, notes: list[str]) -> FloatArray | None:
    """Grey in [0, 1] by VOI LUT or window, or None where there is none that shows the image."""
    lut = _lut(dataset, "VOILUTSequence", values)
    if lut is not None:
        table, first, bits = lut
        grey: FloatArray = _look_up(values, table, first) / np.float32(_brightest(table, bits))
    else:
        centres, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
        if not centres or not widths:
            return None
        function = _code(dataset, "VOILUTFunction")
        grey = window(values, centres[0], widths[0], function)
    between = (grey > 0.005) & (grey < 0.995)
    if float((between if padding is None else between[~padding]).mean()) < _MIN_SHOWN:
        notes.append("The file's own window would hide most of the image and was ignored.")
        return None
    return grey


def _brightest(table: npt.NDArray[np.uint16], bits: int) -> int:
    """The entry that is shown white: the largest that the stated bits allow.

    Where entries use other bits than the descriptor says, it is the largest entry: writers state 16 bits for tables of
    10 or 12, and viewers scale by what is there.
    """
    largest = int(table.max())
    return (1 << bits) - 1 if largest.bit_length() == bits else largest


def window(values: FloatArray, centre: float, width: float, function: str = "LINEAR") -> FloatArray:
    """VOI window to [0, 1]: LINEAR (C.11.2.1.2.1), SIGMOID (C.11.2.1.3.1) or LINEAR_EXACT (C.11.2.1.3.2)."""
    if function == "SIGMOID":
        exponent = np.clip(-4 * (values - centre) / max(abs(width), 1e-6), -60, 60)
        return (1 / (1 + np.exp(exponent))).astype(np.float32)
    if function == "LINEAR_EXACT":
        grey = (values - centre) / max(width, 1e-6) + 0.5
    else:
        grey = (values - (centre - 0.5)) / max(width - 1, 1e-6) + 0.5
    return np.clip(grey, 0, 1).astype(np.float32)


def _lut(dataset: Dataset, keyword: str, domain: StoredArray) -> tuple[npt.NDArray[np.uint16], int, int] | None:
    """Table, first mapped value and bits of the first item of a LUT sequence (C.11.1.1, C.11.2.1.1).

    None where the file has none, or one that contradicts itself.
    """
    try:
        item = dataset[keyword].value[0]
        entries, first, bits = (int(value) for value in item.LUTDescriptor)
        data = item["LUTData"].value
        entries = entries % 65536 or 65536  # 0 stands for 65,536, and some writers sign the number
        if isinstance(data, bytes):
            # VR OW: words in the byte order of the file (PS3.5 section 7.3), each an entry of 16 bits or two of 8.
            words = np.frombuffer(data + b"\0" * (len(data) % 2), dtype="<u2" if _is_little_endian(dataset) else ">u2")
            wide = len(words) >= entries
            table = (words if wide else words.astype("<u2").view(np.uint8))[:entries].astype(np.uint16)
        else:
            table = (np.asarray(data, dtype=np.int64)[:entries] % 65536).astype(np.uint16)
    except (KeyError, IndexError, AttributeError, TypeError, ValueError):
        return None
    if len(table) != entries or not 1 <= bits <= 16 or table.min() == table.max():
        return None
    # The first mapped value is signed where the values before the table are (C.11.2.1.1).
    if first > 32767 and domain.min() < 0:
        first -= 65536
    elif first < 0 <= domain.min() and domain.max() > 32767:
        first += 65536
    return table, first, bits


def _is_little_endian(dataset: Dataset) -> bool:
    return bool(dataset.file_meta.TransferSyntaxUID.is_little_endian)


def _code(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip().upper()


def _look_up(values: FloatArray, table: npt.NDArray[np.uint16], first: int) -> FloatArray:
    """Values outside the table take its first or last entry."""
    index = np.clip(np.rint(values) - first, 0, len(table) - 1).astype(np.int32)
    return table[index].astype(np.float32)


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """An element's finite numbers; empty where it is absent or malformed."""
    try:
        value = dataset.get(keyword)
        if value is None or value == "":
            return []
        items = [value] if isinstance(value, (int, float, str)) else list(value)
        found = [float(item) for item in items]
    except Exception:  # pydicom raises several kinds on malformed numbers
        return []
    return found if all(math.isfinite(item) for item in found) else []
