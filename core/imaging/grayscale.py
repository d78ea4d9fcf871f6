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


def to_grey(stored: StoredArray, dataset: Dataset) -> tuple[FloatArray, tuple[str, ...]]:
    """Stored values to pixels, bright = dense.

    The VOI LUT is preferred to a window, the first of several is taken. Without either the values are stretched
    linearly between their own extremes; pixel padding (C.7.5.1.1.2) is left out of that and becomes black.

    Args:
        stored: (H, W) stored values, of any kind of number.
        dataset: the elements that say what they mean.

    Returns:
        (H, W) in [0, 1], and sentences on what was doubtful.

    Raises:
        RefusedImage: all pixels have the same value.
    """
    notes: list[str] = []
    padding = padding_mask(stored, dataset)
    values = modality_values(stored, dataset, notes)
    shown = values if padding is None else values[~padding]
    low, high = float(shown.min()), float(shown.max())
    if not high > low:
        raise RefusedImage("All pixels of the image have the same value; send the original radiograph.")
    del shown
    grey = _voi(values, padding, dataset, notes)
    if grey is None:
        grey = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    if is_inverted(dataset, notes):
        grey = 1 - grey
    if padding is not None:
        grey[padding] = 0
    return grey.astype(np.float32, copy=False), tuple(notes)


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


def padding_mask(stored: StoredArray, dataset: Dataset) -> Mask | None:
    """(H, W) mask of pixel padding (C.7.5.1.1.2), None where there is none or where it would swallow everything."""
    values = numbers(dataset, "PixelPaddingValue")
    if not values:
        return None
    limit = numbers(dataset, "PixelPaddingRangeLimit") or values
    low, high = sorted((values[0], limit[0]))
    if stored.dtype.kind == "i" and low > np.iinfo(np.int16).max:
        # The value was written as unsigned although the pixels are signed.
        low, high = low - 65536, high - 65536
    mask: Mask = (stored >= low) & (stored <= high)
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
        grey: FloatArray = _look_up(values, table, first) / np.float32(max((1 << bits) - 1, int(table.max()), 1))
    else:
        centres, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
        if not centres or not widths:
            return None
        function = str(dataset.get("VOILUTFunction", "") or "LINEAR").strip()
        grey = window(values, centres[0], widths[0], function)
    between = (grey > 0.005) & (grey < 0.995)
    if float((between if padding is None else between[~padding]).mean()) < _MIN_SHOWN:
        notes.append("The file's own window would hide most of the image and was ignored.")
        return None
    return grey


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
            wide = len(data) >= 2 * entries
            table = np.frombuffer(data, dtype="<u2" if wide else np.uint8, count=entries).astype(np.uint16)
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
