"""What a DICOM file says that it shows: modality, body part, view and how the picture lies.

The modules of PS3.3 that matter are General Series (C.7.3.1), General Image (C.7.6.1), CR Series (C.8.1.1), DX Anatomy
Imaged (C.8.11.2) and DX Positioning (C.8.11.5). Only what is clearly something else than a frontal chest radiograph is
refused here: words that are not known say nothing, and the picture itself is judged afterwards.
"""

import re
import unicodedata

from pydicom.dataset import Dataset

from core.imaging.radiograph import RefusedImage

_MODALITIES = ("CR", "DX", "RG")
# Spellings of the body part (PS3.16 Annex L has CHEST, CHESTABDOMEN, RIB and LUNG), of local habits and languages,
# without accents.
_CHEST = re.compile(
    r"CHEST|THORA|TORA[XKCS]|LUNG|PULMO|RIBS?\b|CXR|POITRINE|POUMON|PECHO|PEITO|PETTO|BRUSTKORB|BRUST\b|BORSTKAS|\bBORST\b|"
    r"BROST|BRYST|KLATKA|HRUD|RINTAKEH|MELLKAS|GOGUS|ГРУД|ЛЕГК|胸|흉부|폐|صدر|חזה"
)
# Body parts of PS3.16 Annex L and their names in some languages, without accents: a file that names one of these and
# no chest shows something else.
_ELSEWHERE = re.compile(
    r"\b(TEETH|TOOTH|DENTAL|PANORAMIC|JAW|MANDIBLE|MAXILLA|BREAST|MAMMA?|MAMMO\w*|ABDOMEN|ABD|KUB|PELVIS|HIP|KNEE|PATELLA|"
    r"ANKLE|FOOT|FEET|TOE|CALCANEUS|HEEL|HAND|FINGER|THUMB|WRIST|ELBOW|FOREARM|HUMERUS|RADIUS|ULNA|ARM|SHOULDER|CLAVICLE|"
    r"SCAPULA|FEMUR|THIGH|TIBIA|FIBULA|LEG|SKULL|HEAD|BRAIN|FACE|ORBIT|SINUS(?:ES)?|NECK|[CTL]?SPINE|SACRUM|COCCYX|"
    r"EXTREMITY|COLON|KIDNEY|BLADDER|"
    r"SCHADEL|KOPF|HALS|BECKEN|BAUCH|KNIE|FUSS|SCHULTER|ELLENBOGEN|WIRBELSAULE|[HBL]WS|"
    r"GENOU|PIED|HANCHE|BASSIN|RACHIS|CRANE|EPAULE|CRANEO|RODILLA|CADERA|COLUMNA|HOMBRO|JOELHO|QUADRIL|COLUNA|"
    r"GINOCCHIO|BACINO|CRANIO|SPALLA)\b"
)
_LATERAL = re.compile(
    r"\b(?:LAT(?:ERAL(?:E|IS)?)?|[LR] ?LAT|LATERO ?LATERAL\w*|X ?TABLE|CROSS ?TABLE|SEITLICH|SEITL|PROFIL[EO]?|PERFIL|"
    r"LL|RL|SIDE ?VIEW)\b|БОКОВ|側面|侧位|側位|측면"
)
_DECUBITUS = re.compile(r"\b(?:DECUB\w*|LLD|RLD)\b")
_OBLIQUE = re.compile(r"\b(?:OBL(?:IQUE|IQUA|ICUA)?|RLO|LLO|RAO|LAO|RPO|LPO|SCHRAG)\b")
_PA = re.compile(r"\b(?:PA|P A|POSTERO ?ANTERIOR|DORSO ?VENTRAL)\b")
_AP = re.compile(r"\b(?:AP|A P|ANTERO ?POSTERIOR|VENTRO ?DORSAL)\b")
_FRONT = re.compile(r"\b(?:FRONTAL|FRONT|FRENTE|FACE|VORDERAUFNAHME)\b|ПРЯМ|正面|正位|정면")
_TURNS = frozenset(across + down for across in "LR" for down in "FH")


def text_of(dataset: Dataset, *keywords: str) -> str:
    """Elements as one upper-case text without accents, words divided by single spaces; empty where they are broken."""
    found = []
    for keyword in keywords:
        try:
            found.append(str(dataset.get(keyword) or ""))
        except Exception:  # pydicom raises several kinds on malformed values
            continue
    plain = unicodedata.normalize("NFKD", " ".join(found)).upper()
    return " ".join("".join(sign for sign in plain if not unicodedata.combining(sign)).split())


def check_modality(dataset: Dataset) -> str:
    """Accept CR, DX, RG or none; other kinds are refused by name (PS3.3 section C.7.3.1.1.1).

    OT (other) passes where the body part is stated as chest: such files are screen captures of radiographs.
    """
    modality = text_of(dataset, "Modality")
    if not re.fullmatch(r"[A-Z0-9 _]{1,16}", modality):
        return ""
    stated_chest = _CHEST.search(text_of(dataset, "BodyPartExamined")) is not None
    if modality in _MODALITIES or (modality == "OT" and stated_chest):
        return modality
    raise RefusedImage(
        f"The DICOM file is of modality {modality}; ChestLens reads chest radiographs (CR, DX or RG) only."
    )


def check_body_part(dataset: Dataset) -> str:
    """``CHEST``, ``RIB`` or empty where it is not stated in words that are known.

    Raises:
        RefusedImage: another body part is stated, or named in the descriptions where none is stated.
    """
    descriptions = text_of(dataset, "StudyDescription", "SeriesDescription", "ProtocolName")
    stated = (text_of(dataset, "BodyPartExamined"), _meaning(dataset, "AnatomicRegionSequence"))
    for part, sentence in (
        *((part, "The DICOM file shows the {}, not the chest; send a chest radiograph.") for part in stated),
        (descriptions, "The DICOM file is described as {}; send a chest radiograph."),
    ):
        if found := _CHEST.search(part):
            return "RIB" if found.group().startswith("RIB") else "CHEST"
        if elsewhere := _ELSEWHERE.search(part):
            raise RefusedImage(sentence.format(elsewhere.group().lower()))
    return ""


def check_view(dataset: Dataset) -> str | None:
    """``PA``, ``AP`` or None where it is not stated.

    Read from View Position, else View Code Sequence (PS3.3 C.8.11.5), else the descriptions of series and protocol.
    Rows that run towards the front or the back of the body belong to a lateral view (Patient Orientation,
    C.7.6.1.1.1), whatever is said elsewhere.

    Raises:
        RefusedImage: the view is not frontal.
    """
    if any(direction[:1] in ("A", "P") for direction in _directions(dataset)):
        raise _refusal("lateral", "by its Patient Orientation")
    for text in (
        text_of(dataset, "ViewPosition"),
        _meaning(dataset, "ViewCodeSequence"),
        text_of(dataset, "SeriesDescription", "ProtocolName"),
    ):
        words = re.sub(r"[\W_]+", " ", text)
        frontal = "PA" if _PA.search(words) else "AP" if _AP.search(words) else None
        for pattern, name in ((_DECUBITUS, "lateral decubitus"), (_OBLIQUE, "oblique"), (_LATERAL, "lateral")):
            # Series of both views are described as "PA and lateral".
            if pattern.search(words) and not (frontal or _FRONT.search(words)):
                raise _refusal(name, "")
        if frontal:
            return frontal
        if _FRONT.search(words):
            return None
    return None


def _refusal(view: str, reason: str) -> RefusedImage:
    because = f" {reason}" if reason else ""
    article = "an" if view[0] in "aeiou" else "a"
    return RefusedImage(f"The DICOM file is {article} {view} view{because}; ChestLens reads frontal (PA or AP) views.")


def read_orientation(dataset: Dataset) -> tuple[str, str] | None:
    """Where rows and columns run to, one of L and R and one of F and H; None where it is not stated in these words.

    Oblique directions count by their first letter, which is the main one.
    """
    directions = tuple(direction[:1] for direction in _directions(dataset))
    if len(directions) != 2 or "".join(sorted(directions, key="LRFH".find)) not in _TURNS:
        return None
    return directions[0], directions[1]


def is_flipped(dataset: Dataset) -> bool:
    """Whether the file says that the picture was mirrored after it was taken (PS3.3 C.8.11.4)."""
    return text_of(dataset, "FieldOfViewHorizontalFlip") == "YES"


def _directions(dataset: Dataset) -> list[str]:
    try:
        found = [str(item).strip().upper() for item in (dataset.get("PatientOrientation") or ())]
    except Exception:  # pydicom raises several kinds on malformed values
        return []
    return found if len(found) == 2 and all(found) else []


def _meaning(dataset: Dataset, keyword: str) -> str:
    """Code meaning of the first item of a code sequence (PS3.3 section 8.8), empty where there is none."""
    try:
        return text_of(dataset[keyword].value[0], "CodeMeaning").replace("-", "")
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, RecursionError):
        return ""
