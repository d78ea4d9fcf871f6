"""Where a DICOM image belongs: patient, study and instance, so that what is made from it can be filed beside it.

These identify a patient. They leave the reader only as ``Radiograph.source``, for the exports that need them (DICOM
objects of the same study, the subject of a FHIR resource), and go into no page, log or result file.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataset import Dataset
from pydicom.valuerep import PN_DELIMS

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


def read_source(dataset: Dataset) -> dict[str, str]:
    """What the file says of its own place, cleaned as by ``clean_source``; broken elements are left out.

    So is everything but a single value that the declared character set decodes: a name of the wrong letters, or two
    numbers in one, would be another patient's.
    """
    character_set = dataset.get("SpecificCharacterSet")
    found: dict[str, Any] = {}
    for keyword in SOURCE_KEYWORDS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # pydicom only warns where it replaces what it cannot decode
                found[keyword] = _decoded(dataset.get_item(keyword), character_set)
        except Exception:  # pydicom raises several kinds on malformed values
            continue
    return clean_source(found)


def notes_on_source(dataset: Dataset, source: Mapping[str, str]) -> list[str]:
    """What a reader should know where the file's own study cannot be named in what is made from it."""
    element = dataset.get_item("StudyInstanceUID")
    if "StudyInstanceUID" in source or element is None or element.value in (b"", "", None):
        return []
    return [
        "The file's Study Instance UID breaks the standard (PS3.5 section 9.1), such as a part that begins with 0; "
        "what is exported as DICOM begins a study of its own."
    ]


def _decoded(element: Any, character_set: Any) -> str:
    """The text of an element, as it stands in the file; backslashes divide values and stay.

    Raises:
        ValueError: the bytes are not of the declared character set, or obviously of another.
    """
    value = element.value if element is not None else b""
    if not isinstance(value, bytes):
        return value if isinstance(value, str) else ""
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    if not character_set:
        raise ValueError("letters beyond ASCII without a declared character set")
    encodings = convert_encodings(character_set)
    if encodings[0].startswith(("iso8859", "latin")) and _is_utf8(value):
        # Letters of Latin-1 and the like never make sound UTF-8 by chance, but UTF-8 is often declared as one of them.
        raise ValueError("UTF-8 that is declared as something else")
    text = decode_bytes(value, encodings, PN_DELIMS)
    if "\ufffd" in text:
        raise ValueError("bytes that are not of the declared character set")
    return text


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


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
