"""The 14 findings, in the one order used everywhere, and what is known of each. Imports nothing of ours.

The vocabulary is that of NIH ChestX-ray14 (Wang et al., CVPR 2017). CheXpert names (Irvin et al., AAAI 2019) exist
for seven of them only; the two vocabularies are kept apart and meet in this table.
"""

from dataclasses import dataclass
from typing import Literal

Group = Literal["lung", "pleura", "mediastinum"]


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        name: label name as in the NIH files.
        phrase: the finding as a radiologist writes it inside a sentence, lower case, singular.
        group: the part of the chest that a report treats it under.
        diffuse: whether it usually concerns the heart or both lungs, so that naming one place would mislead.
        resembles: names of findings that look alike; calling one while denying the other reads as a contradiction.
        chexpert: name of the same finding in CheXpert-14, or None where CheXpert has none.
        definition: one plain sentence for readers who are not radiologists.
    """

    name: str
    phrase: str
    group: Group
    diffuse: bool
    resembles: tuple[str, ...]
    chexpert: str | None
    definition: str


_AIRSPACE = ("Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia")

FINDINGS: tuple[Finding, ...] = (
    Finding(
        "Atelectasis",
        "atelectasis",
        "lung",
        False,
        ("Consolidation", "Infiltration"),
        "Atelectasis",
        "Collapse of a part of the lung.",
    ),
    Finding("Cardiomegaly", "cardiomegaly", "mediastinum", True, (), "Cardiomegaly", "An enlarged heart shadow."),
    Finding(
        "Consolidation",
        "consolidation",
        "lung",
        False,
        _AIRSPACE,
        "Consolidation",
        "Air spaces of the lung filled with fluid or cells.",
    ),
    Finding(
        "Edema",
        "pulmonary edema",
        "lung",
        True,
        ("Consolidation", "Infiltration"),
        "Edema",
        "Fluid in the lung tissue, often from heart failure.",
    ),
    Finding(
        "Effusion",
        "pleural effusion",
        "pleura",
        False,
        ("Pleural_Thickening",),
        "Pleural Effusion",
        "Fluid between the lung and the chest wall.",
    ),
    Finding("Emphysema", "emphysema", "lung", True, (), None, "Over-inflated lungs whose air spaces are destroyed."),
    Finding("Fibrosis", "pulmonary fibrosis", "lung", False, (), None, "Scarring of the lung tissue."),
    Finding(
        "Hernia",
        "hiatal hernia",
        "mediastinum",
        True,
        (),
        None,
        "Stomach or bowel that passes through the diaphragm into the chest.",
    ),
    Finding(
        "Infiltration",
        "pulmonary infiltrate",
        "lung",
        False,
        _AIRSPACE,
        None,
        "A hazy shadow in the lung, of whatever cause.",
    ),
    Finding("Mass", "lung mass", "lung", False, ("Nodule",), None, "A rounded shadow of more than 3 cm."),
    Finding("Nodule", "lung nodule", "lung", False, ("Mass",), None, "A rounded shadow of up to 3 cm."),
    Finding(
        "Pleural_Thickening",
        "pleural thickening",
        "pleura",
        False,
        ("Effusion",),
        None,
        "Thickening of the lining of the lung.",
    ),
    Finding("Pneumonia", "pneumonia", "lung", False, _AIRSPACE, "Pneumonia", "Infection of the lung."),
    Finding(
        "Pneumothorax",
        "pneumothorax",
        "pleura",
        False,
        (),
        "Pneumothorax",
        "Air between the lung and the chest wall.",
    ),
)

LABELS: tuple[str, ...] = tuple(finding.name for finding in FINDINGS)
BY_NAME: dict[str, Finding] = {finding.name: finding for finding in FINDINGS}


def display_name(label: str) -> str:
    """The label as people read it: ``Pleural_Thickening`` becomes ``Pleural thickening``."""
    return label.replace("_", " ").capitalize()
