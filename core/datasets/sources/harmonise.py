"""Ages, views and sexes as sources write them, brought to one form."""

import re
from typing import Literal

# DICOM AS and words: 058Y, 58 years, 60yo, 6 months, 58,5; bounds that de-identification sets, 90+ and >89, are taken
# as the number that they name.
_AGE = re.compile(
    r"^\s*[>≥]?=?\s*(\d+(?:[.,]\d+)?)\s*"
    r"(Y|YRS?|YEARS?|YO|Y/O|YEARS? OLD|M|MOS?|MONTHS?|W|WKS?|WEEKS?|D|DAYS?)?\.?\s*"
    r"(?:\+|(?:OR|AND) (?:MORE|OVER|OLDER|ABOVE))?\s*$",
    re.IGNORECASE,
)
_UNITS_PER_YEAR = {"Y": 1.0, "": 1.0, "M": 12.0, "W": 52.1775, "D": 365.25}
OLDEST = 120.0

_VIEWS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("OBLIQUE", re.compile(r"\b(?:[LR][AP]O|[LR][LR]O|OBL|OBLIQUES?)\b")),
    ("LATERAL", re.compile(r"\b(?:LATERAL|LAT|L|LL|RL|[LR] ?LAT|[LR]L?D|DECUBITUS|X ?TABLE|SWIMMERS?|COSTAL)\b")),
    ("PA", re.compile(r"\b(?:PA|POSTERO ?ANTERIOR)\b")),
    ("AP", re.compile(r"\b(?:AP|ANTERO ?POSTERIOR)\b")),
)
# Words that say that a view is not known, or frontal without saying which.
_NO_VIEW = re.compile(r"^(?:|NAN|NONE|N A|NA|NULL|UNKNOWN|UNK|OTHER|UNSPECIFIED|FRONTAL|PORTABLE|ERECT|SUPINE)$")
FRONTAL = frozenset({"AP", "PA"})


def age_in_years(value: object) -> float | None:
    """An age such as 58, ``"058Y"``, ``"007M"`` (DICOM AS, PS3.5 section 6.2), ``"6 months"`` or ``"60yo"`` in years.

    Returns:
        Years, or None where the value is empty, not an age, or above 120.
    """
    found = _AGE.match(str(value))
    if not found:
        return None
    years = float(found[1].replace(",", ".")) / _UNITS_PER_YEAR[(found[2] or "")[:1].upper()]
    return years if years <= OLDEST else None


def view_position(value: object) -> str | None:
    """A view as ``PA``, ``AP``, ``LATERAL`` or ``OBLIQUE``; None where it is unknown or not stated.

    Words beside it, as in ``AP portable`` or ``PA_UPRIGHT``, are passed over.
    """
    words = _words(value)
    return next((view for view, pattern in _VIEWS if pattern.search(words)), None)


def is_no_view(value: object) -> bool:
    """Whether a value says by itself that the view is not known, or frontal without saying which."""
    return _NO_VIEW.match(_words(value)) is not None


def _words(value: object) -> str:
    return re.sub(r"[\W_]+", " ", str(value).upper()).strip()


def sex(value: object) -> Literal["M", "F"] | None:
    """A sex as ``M`` or ``F``; None where it is neither or not stated."""
    text = str(value).strip().upper()
    if text in ("M", "MALE", "MAN"):
        return "M"
    return "F" if text in ("F", "FEMALE", "WOMAN") else None
