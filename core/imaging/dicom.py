"""DICOM to a ``Radiograph``: what the file says of itself decides whether it is read at all.

The modules of PS3.3 that matter are General Series (C.7.3.1), Image Pixel (C.7.6.3), CR Series (C.8.1.1), DX Anatomy
Imaged (C.8.11.2), DX Image (C.8.11.3), DX Positioning (C.8.11.5), Modality LUT (C.11.1) and VOI LUT (C.11.2).
"""

import re

from pydicom.dataset import Dataset

from core.imaging.dicom_file import TRANSFER_SYNTAXES, parse_dicom
from core.imaging.dicom_pixels import decode_stored_values, whole
from core.imaging.dicom_source import read_source
from core.imaging.grayscale import numbers, to_grey
from core.imaging.radiograph import Radiograph, RefusedImage

_MODALITIES = ("CR", "DX", "RG")
_UNSTATED = ("", "UNKNOWN", "UNK", "OTHER", "NONE", "UNSPECIFIED", "N/A")
# Spellings of the body part (PS3.16 Annex L has CHEST, CHESTABDOMEN, RIB and LUNG) and of common local habits.
_CHEST = re.compile(r"CHEST|THORAX|TORAX|LUNG|RIB|CXR")
# Words in descriptions that name another body part; only looked at where no body part is stated.
_ELSEWHERE = re.compile(
    r"\b(TEETH|TOOTH|DENTAL|PANORAMIC|BREAST|MAMMO\w*|ABDOMEN|PELVIS|HIP|KNEE|ANKLE|FOOT|WRIST|ELBOW|FEMUR|TIBIA|"
    r"SKULL|SPINE|EXTREMITY)\b"
)
_FRONTAL = ("PA", "AP")
# Longer by shorter side of a pixel; detectors have square pixels, read-out in one direction at most halves one side.
_MOST_STRETCHED = 4
# PS3.3 section C.8.11.5.1.1 and C.8.1.1; everything that is neither PA nor AP.
_OTHER_VIEWS: dict[str, str] = {
    **dict.fromkeys(("LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT", "LEFT LATERAL", "RIGHT LATERAL"), "lateral"),
    **dict.fromkeys(("LLD", "RLD"), "lateral decubitus"),
    **dict.fromkeys(("RLO", "LLO", "RAO", "LAO", "RPO", "LPO", "OBLIQUE", "OBL"), "oblique"),
}


def read_dicom(data: bytes) -> Radiograph:
    """Read a DICOM file, with or without preamble, in one of the allowed transfer syntaxes.

    Args:
        data: the file's bytes.

    Returns:
        The radiograph as its tags describe it; whether its polarity is believable is judged afterwards.

    Raises:
        UnsupportedType: a polyglot, an unknown transfer syntax, or pixels that are neither grey nor RGB.
        UnreadableImage: damaged, truncated, or without an image.
        TooLarge: more pixels than are read.
        RefusedImage: by its own tags not a single frontal chest radiograph, or without contrast.
    """
    file = parse_dicom(data)
    dataset = file.dataset
    modality = _check_modality(dataset)
    body_part = _check_body_part(dataset)
    view, orientation_notes = _check_view(dataset)
    stored = decode_stored_values(file)
    pixels, notes = to_grey(stored, dataset)
    del stored
    warnings = [*notes, *orientation_notes]
    if view is None:
        warnings.append("The file does not say whether the view is PA or AP.")
    if body_part == "RIB":
        warnings.append("The file says that it shows ribs; findings are only meant for chest radiographs.")
    if _code(dataset, "BurnedInAnnotation") == "YES":
        warnings.append("The file says that text is burned into the image; check it for names before sharing.")
    return Radiograph(
        pixels=pixels,
        view=view,
        pixel_spacing_mm=_spacing(dataset),
        warnings=tuple(warnings),
        metadata={
            "format": "DICOM",
            "modality": modality,
            "body_part": body_part,
            "rows": str(pixels.shape[0]),
            "columns": str(pixels.shape[1]),
            "bits": str(whole(dataset, "BitsStored", 0)),
            "photometric": _code(dataset, "PhotometricInterpretation"),
            "transfer_syntax": TRANSFER_SYNTAXES[file.transfer_syntax],
        },
        source=read_source(dataset),
    )


def _code(dataset: Dataset, keyword: str) -> str:
    """A coded string (VR CS), or empty where it is absent or holds what no code holds, such as a name."""
    try:
        text = str(dataset.get(keyword) or "").strip().upper()
    except Exception:  # pydicom raises several kinds on malformed values
        return ""
    return text if re.fullmatch(r"[A-Z0-9 _/-]{1,16}", text) else ""


def _meaning(dataset: Dataset, keyword: str) -> str:
    """Upper-case code meaning of the first item of a code sequence (PS3.3 section 8.8), empty where there is none."""
    try:
        return str(dataset[keyword].value[0].get("CodeMeaning", "")).strip().upper()
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, RecursionError):
        return ""


def _check_modality(dataset: Dataset) -> str:
    """Accept CR, DX, RG or none; other kinds are refused by name (PS3.3 section C.7.3.1.1.1).

    OT (other) passes where the body part is stated as chest: such files are screen captures of radiographs.
    """
    modality = _code(dataset, "Modality")
    stated_chest = _CHEST.search(_code(dataset, "BodyPartExamined")) is not None
    if modality in _MODALITIES or not modality or (modality == "OT" and stated_chest):
        return modality
    raise RefusedImage(
        f"The DICOM file is of modality {modality}; ChestLens reads chest radiographs (CR, DX or RG) only."
    )


def _check_body_part(dataset: Dataset) -> str:
    """``CHEST``, ``RIB`` or empty where it is not stated.

    Raises:
        RefusedImage: another body part is stated, or named in the descriptions where none is stated.
    """
    part = _code(dataset, "BodyPartExamined")
    if part in _UNSTATED:
        part = _meaning(dataset, "AnatomicRegionSequence")
    if part in _UNSTATED:
        return _check_descriptions(dataset)
    found = _CHEST.search(part)
    if found is None:
        shown = part.lower() if re.fullmatch(r"[A-Z0-9 _/-]{1,32}", part) else "another body part"
        raise RefusedImage(f"The DICOM file shows the {shown}, not the chest; send a chest radiograph.")
    return "RIB" if found.group() == "RIB" else "CHEST"


def _check_descriptions(dataset: Dataset) -> str:
    text = " ".join(
        str(dataset.get(keyword) or "") for keyword in ("StudyDescription", "SeriesDescription", "ProtocolName")
    ).upper()
    if _CHEST.search(text):
        return "CHEST"
    if found := _ELSEWHERE.search(text):
        raise RefusedImage(f"The DICOM file is described as {found.group().lower()}; send a chest radiograph.")
    return ""


def _check_view(dataset: Dataset) -> tuple[str | None, list[str]]:
    """``PA``, ``AP`` or None, and what the file's orientation leaves in doubt.

    Read from View Position, else View Code Sequence (PS3.3 C.8.11.5), else Patient Orientation (C.7.6.1.1.1): rows
    that run towards the front or the back of the body belong to a lateral view.

    Raises:
        RefusedImage: the view is not frontal.
    """
    view = _code(dataset, "ViewPosition")
    if not view:
        meaning = _meaning(dataset, "ViewCodeSequence").replace("-", "")
        known = {"POSTEROANTERIOR": "PA", "ANTEROPOSTERIOR": "AP"}
        view = next((code for word, code in known.items() if word in meaning), "")
        if "LATERAL" in meaning or "OBLIQUE" in meaning:
            view = "LATERAL" if "LATERAL" in meaning else "OBLIQUE"
    try:
        directions = [str(item).upper() for item in (dataset.get("PatientOrientation") or ())]
    except Exception:  # pydicom raises several kinds on malformed values
        directions = []
    orientation = directions if len(directions) == 2 and all(directions) else None
    if not view and orientation and orientation[0][0] in "AP":
        view = "LATERAL"
    if view in _OTHER_VIEWS:
        raise RefusedImage(f"The DICOM file is a {_OTHER_VIEWS[view]} view; ChestLens reads frontal (PA or AP) views.")
    notes = []
    if orientation and (orientation[0][0] != "L" or orientation[1][0] != "F"):
        notes.append("The file says that the image lies mirrored or turned; left and right may be swapped.")
    return view if view in _FRONTAL else None, notes


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Pixel Spacing, else Imager Pixel Spacing (PS3.3 section 10.7.1.3), in mm.

    None where neither is positive, or where pixels would be more stretched than those of any detector.
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = numbers(dataset, keyword)
        if len(spacing) == 2 and min(spacing) > 0 and max(spacing) <= _MOST_STRETCHED * min(spacing):
            return spacing[0], spacing[1]
    return None
