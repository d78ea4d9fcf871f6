"""The ``Radiograph`` that all of ChestLens works on, and the errors that reading one can end in."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ChestLensError


@dataclass(frozen=True)
class Radiograph:
    """One frontal chest radiograph.

    Attributes:
        pixels: float32 (H, W) in [0, 1], each as high as wide on the body; bright = dense (bone white) as far as the
            file says, and for certain once ``core.anatomy`` has put it upright.
        view: ``PA``, ``AP`` or another view position as the file states it, None where it does not.
        pixel_spacing_mm: height and width of a pixel in millimetres, which are equal; None where the file does not
            say.
        warnings: sentences about doubts that arose while reading.
        metadata: non-identifying facts that the report needs (``format``, ``modality``, ``body_part``, ``rows``,
            ``columns``, ``bits``, ``photometric``, ``transfer_syntax``), each as text.
        source: patient, study and instance by DICOM keyword, as far as the file states them validly; empty for a
            raster image. It identifies a patient: only DICOM and FHIR exports may use it.
    """

    pixels: npt.NDArray[np.float32]
    view: str | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict, repr=False)


def shares_of_white(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Grey values (H, W) as ``Radiograph`` has them: bytes as shares of 255; all others are such shares already."""
    if values.dtype != np.uint8:
        return values
    return np.divide(values, np.float32(255), dtype=np.float32)


class ImagingError(ChestLensError):
    """A file could not become a ``Radiograph``; the message is one plain sentence for the person who sent it."""

    code = "unreadable"


class UnreadableImage(ImagingError):
    """The file is of a kind we take, but it is empty, truncated or broken."""

    code = "unreadable"


class TooLarge(ImagingError):
    """The file or its image exceeds the limits."""

    code = "too_large"


class UnsupportedType(ImagingError):
    """The file is not of a kind that we take."""

    code = "unsupported_type"


class RefusedImage(ImagingError):
    """The file is readable, but it is not a frontal chest radiograph that the classifier may judge."""

    code = "refused"
