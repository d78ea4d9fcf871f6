"""Where a DICOM image belongs: patient, study and instance, so that what is made from it can be filed beside it.

These identify a patient. They leave the reader only as ``Radiograph.source``, for the exports that need them (DICOM
objects of the same study, the subject of a FHIR resource), and go into no page, log or result file.
"""

import warnings
from collections.abc import Mapping
from typing import Any

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataset import Dataset
from pydicom.valuerep import PN_DELIMS

from core.imaging.identifiers import SOURCE_KEYWORDS, clean_source


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
