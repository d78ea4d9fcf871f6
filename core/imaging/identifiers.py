"""The values that say where a DICOM image belongs, and what each may look like; needs nothing of pydicom.

A server checks here what a decoder read in a process of its own, and never parses a file itself.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

_UID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9]([0-5][0-9](\.[0-9]{1,6})?)?)?")


def _is_text(length: int) -> Callable[[str], bool]:
    """VR LO or SH: so many printable characters and no backslash (PS3.5 table 6.2-1)."""
    return lambda text: len(text) <= length and text.isprintable() and not {"\\", "\ufffd"} & set(text)


def _is_person_name(text: str) -> bool:
    """VR PN: up to three groups of up to 64 characters, each of up to five components (PS3.5 section 6.2.1)."""
    groups = text.split("=")
    return (
        len(groups) <= 3
        and _is_text(3 * 64 + 2)(text)
        and all(len(group) <= 64 and group.count("^") <= 4 for group in groups)
        and bool(text.strip("^= "))
    )


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{8}", text):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def _is_uid(text: str) -> bool:
    """VR UI. A part may not begin with 0 unless it is 0 (PS3.5 section 9.1): with the zero no export would be valid,
    and without it the UID would be another's.
    """
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _one_of(*codes: str) -> Callable[[str], bool]:
    return lambda text: text in codes


# Keyword -> whether a value may stand in an element of that kind.
_ELEMENTS: dict[str, Callable[[str], bool]] = {
    "PatientName": _is_person_name,
    "PatientID": _is_text(64),
    "IssuerOfPatientID": _is_text(64),
    "PatientBirthDate": _is_date,
    "PatientSex": _one_of("M", "F", "O"),
    "StudyInstanceUID": _is_uid,
    "SeriesInstanceUID": _is_uid,
    "SOPClassUID": _is_uid,
    "SOPInstanceUID": _is_uid,
    "StudyDate": _is_date,
    "StudyTime": lambda text: _TIME.fullmatch(text) is not None,
    "StudyID": _is_text(16),
    "AccessionNumber": _is_text(16),
    "BurnedInAnnotation": _one_of("YES", "NO"),
    "LossyImageCompression": _one_of("00", "01"),
}
SOURCE_KEYWORDS: tuple[str, ...] = tuple(_ELEMENTS)


def clean_source(values: Mapping[str, Any]) -> dict[str, str]:
    """Keep the known elements whose value fits its value representation (PS3.5 section 6.2).

    A value that does not fit is left out rather than cut: a shortened number or name would be another patient's.

    Args:
        values: DICOM keyword to value; anything may be in it.

    Returns:
        DICOM keyword to value, without empty ones.
    """
    cleaned = {}
    for keyword, fits in _ELEMENTS.items():
        value = values.get(keyword)
        text = value.strip(" \0") if isinstance(value, str) else ""
        if text and fits(text):
            cleaned[keyword] = text
    return cleaned
