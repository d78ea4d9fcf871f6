"""Cells of pixel data to stored values: which bits count, and whether the highest of them is a sign.

PS3.5 section 8.1.1: of the bits allocated, those from ``HighBit`` down to ``HighBit - BitsStored + 1`` are the value;
old overlays and rubbish may lie in the others. Headers are wrong in all of this. Pictures are smooth, so that a wrong
reading betrays itself: where a value runs over the end of the range that was taken for it, neighbours that are
nearly alike seem to be a whole range apart.
"""

import numpy as np
import numpy.typing as npt

from core.imaging.dicom_layout import PixelLayout, contradiction
from core.imaging.grayscale import Mask

IntArray = npt.NDArray[np.int32]

# Steps between neighbours, of the range of the values: as good as all of it, and as good as none of it. The edge of a
# collimator is neither in most pictures, and a value that ran over is both, in two readings.
_WHOLE, _NONE = 0.9, 0.1
# Share of neighbours that must be torn by the stated sign before the picture is believed instead.
_TORN = 0.002
# Mean step between neighbours, of the range, that no radiograph has: a picture without its upper bits has a third.
_NOISE = 0.12


def significant_bits(
    cells: npt.NDArray[np.generic], layout: PixelLayout, padding: Mask | None
) -> tuple[npt.NDArray[np.generic], tuple[str, ...]]:
    """The stored values of cells.

    Args:
        cells: (H, W) integers as they were decoded, signed only where the stream itself is signed.
        layout: how they are said to be stored.
        padding: (H, W) mask of what is no part of the image; what lies there proves nothing.

    Returns:
        (H, W) integers, and sentences on what was doubtful.

    Raises:
        UnreadableImage: the values need more bits than the header says they have.
    """
    width = 8 * cells.dtype.itemsize
    stored = min(layout.stored, width)
    raw = cells.astype(np.int32) & ((1 << width) - 1)
    shift = min(max(layout.high + 1 - stored, 0), width - stored)
    if shift and not int(_image(raw, padding).max(initial=0)) >> stored:
        # No value reaches the stated high bit: they lie at the lower end, where nearly all files have them.
        shift = 0
    raw >>= shift
    bits = raw & ((1 << stored) - 1)
    extended = _extended(bits, stored)
    needed = int(_image(raw, padding).max(initial=0)).bit_length()
    # Bits above the stored ones that repeat the sign are as they should be.
    if needed > stored and _image(_extended(raw, width - shift) != extended, padding).any():
        whole = _extended(raw, width - shift) if layout.signed else raw
        if _runs_over(extended if layout.signed else bits, whole, stored, needed):
            raise contradiction(f"{stored} bits a value", f"values of {needed} bits", "pixel")
    stated = layout.signed if layout.signed is not None else cells.dtype.kind == "i"
    readings = {False: bits, True: extended}
    torn = _torn(readings[stated], readings[not stated], stored, padding)
    if torn <= max(_TORN, 4 * _torn(readings[not stated], readings[stated], stored, padding)):
        return readings[stated], ()
    note = (
        f"The file says that its pixel values are {'signed' if stated else 'unsigned'}, which would tear the picture "
        f"apart; they were read as {'unsigned' if stated else 'signed'}."
    )
    return readings[not stated], (note,) if layout.signed is not None else ()


def _extended(bits: IntArray, stored: int) -> IntArray:
    """Two's complement of so many bits."""
    sign = 1 << (stored - 1)
    return ((bits & ((1 << stored) - 1)) ^ sign) - sign


def _image(values: npt.NDArray[np.generic], padding: Mask | None) -> npt.NDArray[np.generic]:
    return values if padding is None else values[~padding]


def _runs_over(kept: IntArray, whole: IntArray, stored: int, needed: int) -> bool:
    """Whether values go on above the bits stored, rather than something else lying there.

    They do where dropping the upper bits tears neighbours more often than keeping them does, or makes noise of a
    picture.
    """
    half = 1 << (stored - 1)
    kept_steps, whole_steps = _steps(kept), _steps(whole)
    tears = int(((kept_steps > half) & (whole_steps <= half)).sum())
    mends = int(((kept_steps <= half) & (whole_steps > half)).sum())
    noise = float(kept_steps.mean()) / (1 << stored)
    return tears > mends or noise > max(_NOISE, 3 * float(whole_steps.mean()) / (1 << needed))


def _steps(values: IntArray) -> IntArray:
    """Differences of horizontal neighbours, (h, W - 1), of at most 512 rows or so."""
    steps: IntArray = np.abs(np.diff(values[:: max(1, values.shape[0] // 512)], axis=1))
    return steps


def _torn(values: IntArray, other: IntArray, bits: int, padding: Mask | None) -> float:
    """Share of horizontal neighbours that are a whole range apart in one reading and alike in another."""
    span = 1 << bits
    torn = (_steps(values) >= _WHOLE * span) & (_steps(other) <= _NONE * span)
    if padding is not None:
        inside = ~padding[:: max(1, values.shape[0] // 512)]
        torn &= inside[:, 1:] & inside[:, :-1]
    return float(torn.mean())
