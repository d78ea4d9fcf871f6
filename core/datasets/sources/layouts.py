"""Tables of public collections, known by their columns, brought to the columns of one's own table.

CheXpert (Irvin et al., AAAI 2019), BRAX (Reis et al., Sci Data 2022), PadChest (Bustos et al., Med Image Anal 2020),
VinDr-CXR (Nguyen et al., Sci Data 2022) and MIMIC-CXR-JPG (Johnson et al., 2019). Each function takes all cells as text
and gives them under our names; cells that say that a report does not mention a finding become ``not mentioned``.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from core.findings import FINDINGS

NOT_MENTIONED = "not mentioned"

_CHEXPERT = {finding.chexpert: finding.name for finding in FINDINGS if finding.chexpert}
_CHEXPERT_PATH = re.compile(r"(?:^|/)(?P<split>train|valid|test)[^/]*/(?P<patient>patient\d+)/(?P<study>study\d+)/")
_CHEXPERT_SPLITS = {"train": "train", "valid": "val", "test": "test"}
_VINDR = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Emphysema": "Emphysema",
    "Infiltration": "Infiltration",
    "Pleural effusion": "Effusion",
    "Pleural thickening": "Pleural_Thickening",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
}
# Names of PadChest's tree of findings (their table of terms), as far as they mean the same.
_PADCHEST = {
    "Atelectasis": r"atelectasis|.* atelectasis|atelectasis .*",
    "Cardiomegaly": r"cardiomegaly",
    "Consolidation": r"consolidation",
    "Edema": r"pulmonary edema",
    "Effusion": r"pleural effusion|loculated pleural effusion|hydropneumothorax",
    "Emphysema": r"emphysema",
    "Fibrosis": r"pulmonary fibrosis|post radiotherapy changes",
    "Hernia": r"hiatal hernia",
    "Infiltration": r"infiltrates",
    "Mass": r"mass|pulmonary mass",
    "Nodule": r"nodule|multiple nodules",
    "Pleural_Thickening": r"(?:.* )?pleural thickening",
    "Pneumonia": r"pneumonia|atypical pneumonia",
    "Pneumothorax": r"pneumothorax|hydropneumothorax",
}


@dataclass(frozen=True)
class Layout:
    """A table under our names.

    Attributes:
        name: of the collection.
        cells: text by column: ``image_path``, labels, ``patient_id``, ``study_id``, ``view``, ``age``, ``sex``,
            ``split``; the index is that of the file's table.
        folders: where images lie, below the table's folder, in order of preference.
        suffixes: what their names may lack.
        notes: sentences that the table's user should read.
    """

    name: str
    cells: pd.DataFrame
    folders: tuple[str, ...] = ("",)
    suffixes: tuple[str, ...] = ("",)
    notes: tuple[str, ...] = field(default=())


def named_layout(raw: pd.DataFrame) -> Layout | None:
    """The collection that a table belongs to, None where its columns are nobody's."""
    columns = set(raw.columns)
    return next((read(raw) for wanted, read in _LAYOUTS if wanted <= columns), None)


def _blanks(raw: pd.DataFrame) -> pd.DataFrame:
    """The CheXpert labels of a table under our names, empty ones as not mentioned."""
    present = {given: ours for given, ours in _CHEXPERT.items() if given in raw.columns}
    cells = raw[list(present)].rename(columns=present)
    return cells.where(cells != "", NOT_MENTIONED)


def _blank_note(name: str) -> str:
    return (
        f"The table is read as that of {name}: an empty label means that the report does not mention the finding "
        "(--not_mentioned), -1 that it leaves it in doubt (--uncertain)."
    )


def _chexpert(raw: pd.DataFrame) -> Layout:
    found = raw["Path"].str.extract(_CHEXPERT_PATH).fillna("")
    lateral = raw["Frontal/Lateral"].str.lower() == "lateral"
    cells = _blanks(raw).assign(
        image_path=raw["Path"],
        patient_id=found["patient"],
        study_id=(found["patient"] + "/" + found["study"]).where(found["patient"] != "", ""),
        view=raw["AP/PA"].mask(lateral, "Lateral"),
        split=found["split"].map(_CHEXPERT_SPLITS).fillna(""),
        source="chexpert",
    )
    # Paths begin with the name of the folder that the table lies in.
    return Layout("CheXpert", _with(cells, raw, age="Age", sex="Sex"), ("", ".."), notes=(_blank_note("CheXpert"),))


def _brax(raw: pd.DataFrame) -> Layout:
    cells = _blanks(raw).assign(image_path=raw["PngPath"], source="brax")
    given = {
        "patient_id": "PatientID",
        "study_id": "AccessionNumber",
        "view": "ViewPosition",
        "age": "PatientAge",
        "sex": "PatientSex",
    }
    return Layout("BRAX", _with(cells, raw, **given), ("", ".."), notes=(_blank_note("BRAX"),))


def _mimic(raw: pd.DataFrame) -> Layout:
    subject, study = raw["subject_id"], raw["study_id"]
    path = "files/p" + subject.str[:2] + "/p" + subject + "/s" + study + "/" + raw["dicom_id"] + ".jpg"
    cells = _blanks(raw).assign(image_path=path, patient_id=subject, study_id=study, source="mimic")
    notes = (_blank_note("MIMIC-CXR-JPG"), "--dataset mimic reads the reports and views as well.")
    return Layout("MIMIC-CXR-JPG", _with(cells, raw, view="ViewPosition", split="split"), notes=notes)


def _padchest(raw: pd.DataFrame) -> Layout:
    named = raw["Labels"].map(_padchest_labels)
    # These say that there is a finding, and not which.
    unclear = named.map(lambda labels: labels is None or bool({"exclude", "unchanged", "suboptimal study"} & labels))
    labels = {
        label: [
            "" if doubt else "1" if any(re.fullmatch(pattern, one) for one in found or ()) else NOT_MENTIONED
            for found, doubt in zip(named, unclear, strict=True)
        ]
        for label, pattern in _PADCHEST.items()
    }
    folder = raw["ImageDir"].str.replace(r"\.0+$", "", regex=True) + "/" if "ImageDir" in raw.columns else ""
    cells = pd.DataFrame(labels, index=raw.index).assign(
        image_path=raw["ImageID"], padchest_folder=folder, source="padchest"
    )
    cells["image_path"] = cells.pop("padchest_folder") + cells["image_path"]
    if {"PatientBirth", "StudyDate_DICOM"} <= set(raw.columns):
        born = pd.to_numeric(raw["PatientBirth"], errors="coerce")
        years = pd.to_numeric(raw["StudyDate_DICOM"].str[:4], errors="coerce") - born
        cells["age"] = years.map(lambda value: "" if pd.isna(value) else f"{value:.0f}")
    given = {"patient_id": "PatientID", "study_id": "StudyID", "view": "Projection", "sex": "PatientSex_DICOM"}
    notes = (
        "The table is read as that of PadChest; its reports are Spanish and are not read. A finding that is not "
        "among a row's Labels is not mentioned (--not_mentioned).",
    )
    return Layout("PadChest", _with(cells, raw, **given), ("", "images"), notes=notes)


def _padchest_labels(text: str) -> set[str] | None:
    """The terms of a list such as ``['pleural effusion', 'normal']``; None where it is none."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return {str(one).strip().lower() for one in found} if isinstance(found, (list, tuple)) else None


def _vindr(raw: pd.DataFrame) -> Layout:
    """One row for each image and reader, of either of the two tables: labels, or boxes of a class each."""
    if "class_name" in raw.columns:
        rows = raw.drop_duplicates(["image_id", "rad_id"])
        keys = pd.Index(zip(raw["image_id"], raw["rad_id"], strict=True))
        wanted = pd.Index(zip(rows["image_id"], rows["rad_id"], strict=True))
        cells = pd.DataFrame(index=rows.index)
        for given, label in _VINDR.items():
            seen = set(keys[(raw["class_name"].str.lower() == given.lower()).to_numpy()])
            cells[label] = ["1" if key in seen else "0" for key in wanted]
        # The table of boxes has classes of its own: what it cannot name is not absent.
        cells = cells[[_VINDR[name] for name in ("Atelectasis", "Cardiomegaly", "Consolidation", "Infiltration")]
                      + ["Effusion", "Pleural_Thickening", "Pneumothorax"]]  # fmt: skip
    else:
        rows = raw
        known = {name.lower(): label for name, label in _VINDR.items()}
        cells = raw[[name for name in raw.columns if name.lower() in known]].rename(columns=lambda n: known[n.lower()])
    # Patients are not told apart in this collection: each image counts as one.
    cells = cells.assign(image_path=rows["image_id"], patient_id=rows["image_id"], study_id=rows["image_id"])
    notes = ("The table is read as that of VinDr-CXR; its class Nodule/Mass fits neither label and is not used.",)
    return Layout(
        "VinDr-CXR",
        cells.assign(source="vindr"),
        ("", "train", "test", "images"),
        (".dicom", ".dcm", ".png", ".jpg", ".jpeg", ""),
        notes,
    )


def _with(cells: pd.DataFrame, raw: pd.DataFrame, **given: str) -> pd.DataFrame:
    return cells.assign(**{ours: raw[theirs] for ours, theirs in given.items() if theirs in raw.columns})


_LAYOUTS: tuple[tuple[set[str], Callable[[pd.DataFrame], Layout]], ...] = (
    ({"Path", "Frontal/Lateral", "AP/PA"}, _chexpert),
    ({"PngPath", "PatientID", *_CHEXPERT}, _brax),
    ({"ImageID", "Labels", "Projection"}, _padchest),
    ({"image_id", "rad_id"}, _vindr),
    ({"dicom_id", "subject_id", "study_id", *_CHEXPERT}, _mimic),
)
