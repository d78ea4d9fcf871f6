"""Ages, views and sexes as sources write them, brought to one form."""

import re
from typing import Literal

_AGE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([YMWD]?)\s*$", re.IGNORECASE)
_UNITS_PER_YEAR = {"Y": 1.0, "": 1.0, "M": 12.0, "W": 52.1775, "D": 365.25}
OLDEST = 120.0

_VIEWS = {
    "PA": "PA",
    "POSTERO_ANTERIOR": "PA",
    "POSTEROANTERIOR": "PA",
    "AP": "AP",
    "ANTERO_POSTERIOR": "AP",
    "ANTEROPOSTERIOR": "AP",
    "AP_AXIAL": "AP",
    "LATERAL": "LATERAL",
    "LAT": "LATERAL",
    "L": "LATERAL",
    "LL": "LATERAL",
    "RL": "LATERAL",
    "XTABLE_LATERAL": "LATERAL",
    "SWIMMERS": "LATERAL",
    "LAO": "OBLIQUE",
    "RAO": "OBLIQUE",
    "LPO": "OBLIQUE",
    "RPO": "OBLIQUE",
}
FRONTAL = frozenset({"AP", "PA"})


def age_in_years(value: object) -> float | None:
    """An age such as 58, ``"058Y"``, ``"007M"`` or ``"002D"`` (DICOM AS, PS3.5 section 6.2) in years.

    Returns:
        Years, or None where the value is empty, not an age, or above 120.
    """
    found = _AGE.match(str(value))
    if not found:
        return None
    years = float(found[1]) / _UNITS_PER_YEAR[found[2].upper()]
    return years if years <= OLDEST else None


def view_position(value: object) -> str | None:
    """A view as ``PA``, ``AP``, ``LATERAL`` or ``OBLIQUE``; None where it is unknown or not stated."""
    return _VIEWS.get(re.sub(r"[\s\-]+", "_", str(value).strip().upper()))


def sex(value: object) -> Literal["M", "F"] | None:
    """A sex as ``M`` or ``F``; None where it is neither or not stated."""
    text = str(value).strip().upper()
    if text in ("M", "MALE"):
        return "M"
    return "F" if text in ("F", "FEMALE") else None
