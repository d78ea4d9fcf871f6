"""Bytes to a ``Radiograph``, whatever the file is called: its content decides what it is."""

import warnings
from dataclasses import replace

import numpy as np

from core.imaging.dicom import read_dicom
from core.imaging.file_kinds import check_length, has_preamble, is_raster, looks_headerless, unread_kind
from core.imaging.radiograph import Radiograph, RefusedImage, UnreadableImage, shares_of_white
from core.imaging.raster import read_raster


def read_radiograph(data: bytes) -> Radiograph:
    """Read a DICOM, PNG or JPEG file in this process. For files of strangers use ``read_safely``.

    Args:
        data: the file's bytes.

    Returns:
        The radiograph as its file describes it; how it lies, and whether it is a negative, ``core.anatomy`` sees.

    Raises:
        UnreadableImage: empty, truncated or damaged.
        TooLarge: too many bytes or pixels.
        UnsupportedType: not a DICOM, PNG or JPEG file.
        RefusedImage: not a single frontal chest radiograph by its own tags, too small, or without contrast.
    """
    radiograph = read_stored(data)
    return replace(radiograph, pixels=shares_of_white(radiograph.pixels))


def read_stored(data: bytes) -> Radiograph:
    """``read_radiograph`` for those who hand the pixels on, or only shrink them.

    Args:
        data: the file's bytes.

    Returns:
        The radiograph, the pixels of most PNG and JPEG files as bytes (``shares_of_white``): a quarter of the size.

    Raises:
        ImagingError: as ``read_radiograph``.
    """
    check_length(data)
    try:
        with warnings.catch_warnings():
            # pydicom and Pillow warn of each deviation from the standards; what matters here becomes an error.
            warnings.simplefilter("ignore")
            radiograph = _read(data)
            # Of infinite or unknown values, too, the spread is none.
            spread = float(np.ptp(radiograph.pixels))
    except RecursionError:
        raise UnreadableImage("The file nests its data too deeply; export it again.") from None
    if not 1e-6 <= spread < np.inf:
        raise RefusedImage("All pixels of the image have the same value; send the original radiograph.")
    return radiograph


def _read(data: bytes) -> Radiograph:
    if has_preamble(data) or looks_headerless(data):
        return read_dicom(data)
    if is_raster(data):
        return read_raster(data)
    raise unread_kind(data)
