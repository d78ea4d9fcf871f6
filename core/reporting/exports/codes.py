"""Codes of findings and decisions, for DICOM SR and FHIR.

Each finding has the code of the concept that its label means. Chest opacities are those of DICOM's own list (PS3.16
CID 6104, Abnormal Opacity Finding or Feature), pneumothorax is in CID 6105; the others are SNOMED CT. Where no code
means just what the label means, the code is ours.
"""

from typing import NamedTuple

from core.findings import Finding, display_name
from core.reporting.certainty import PHRASES, Certainty
from core.reporting.evidence import Decision


class Code(NamedTuple):
    """A coded concept (PS3.3 section 8): value, coding scheme designator of PS3.16 section 8, meaning."""

    value: str
    scheme: str
    meaning: str


LOCAL_SCHEME = "99CHESTLENS"
# Coding scheme designator -> FHIR system. The local URN resolves nowhere and is none of another's.
SYSTEMS: dict[str, str] = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    LOCAL_SCHEME: "urn:chestlens:codes",
}

_FINDINGS: dict[str, Code] = {
    "Atelectasis": Code("46621007", "SCT", "Atelectasis"),
    "Cardiomegaly": Code("8186001", "SCT", "Cardiomegaly"),
    "Consolidation": Code("95436008", "SCT", "Lung consolidation"),
    "Edema": Code("19242006", "SCT", "Pulmonary edema"),
    "Effusion": Code("60046008", "SCT", "Pleural effusion"),
    "Emphysema": Code("87433001", "SCT", "Pulmonary emphysema"),
    "Fibrosis": Code("51615001", "SCT", "Pulmonary fibrosis"),
    "Hernia": Code("84089009", "SCT", "Hiatal hernia"),
    "Infiltration": Code("112121", "DCM", "Infiltrate"),
    "Mass": Code("4147007", "SCT", "Mass"),
    "Nodule": Code("27925004", "SCT", "Nodule"),
    "Pneumonia": Code("233604007", "SCT", "Pneumonia"),
    "Pneumothorax": Code("36118008", "SCT", "Pneumothorax"),
}

DECISIONS: dict[Decision, Code] = {
    "present": Code("52101004", "SCT", "Present"),
    "possible": Code("371930009", "SCT", "Possible"),
    "absent": Code("272519000", "SCT", "Absent"),
    "unknown": Code("261665006", "SCT", "Unknown"),
}

PROBABILITY = Code("probability", LOCAL_SCHEME, "Calibrated probability of the finding")
OPERATING_POINT = Code("operating-point", LOCAL_SCHEME, "Probability from which the finding is called present")
DECISION = Code("decision", LOCAL_SCHEME, "Decision of the model under its policy")
CERTAINTY = Code("certainty", LOCAL_SCHEME, "Certainty of what the model calls")
CERTAINTIES: dict[Certainty, Code] = {
    band: Code(band.replace("_", "-"), LOCAL_SCHEME, phrases.name.capitalize()) for band, phrases in PHRASES.items()
}
PRECISION = Code("precision", LOCAL_SCHEME, "Share of such calls that were right on validation")
ABNORMAL = Code("abnormal", LOCAL_SCHEME, "Radiograph shows any of the findings")
ABNORMAL_FROM = Code("abnormal-from", LOCAL_SCHEME, "Probability from which the radiograph is taken for abnormal")
POLICY = Code("policy", LOCAL_SCHEME, "Policy by whose thresholds findings are called")
CARDIOTHORACIC_RATIO = Code("cardiothoracic-ratio", LOCAL_SCHEME, "Cardiothoracic ratio")
PROCEDURE = Code("399208008", "SCT", "Plain X-ray of chest")


def finding_code(finding: Finding) -> Code:
    """The finding's code, local where no published one means the same."""
    return _FINDINGS.get(finding.name) or Code(finding.name.lower(), LOCAL_SCHEME, display_name(finding.name))


# ICD-10-CM 2026. A finding of an image is coded as what it shows, not as the disease behind it: an infiltrate, a
# consolidation and a mass are "other nonspecific abnormal finding of lung field".
_ICD10CM: dict[str, Code] = {
    "Atelectasis": Code("J98.11", "I10C", "Atelectasis"),
    "Cardiomegaly": Code("I51.7", "I10C", "Cardiomegaly"),
    "Consolidation": Code("R91.8", "I10C", "Other nonspecific abnormal finding of lung field"),
    "Edema": Code("J81.1", "I10C", "Chronic pulmonary edema, or pulmonary edema not otherwise specified"),
    "Effusion": Code("J90", "I10C", "Pleural effusion, not elsewhere classified"),
    "Emphysema": Code("J43.9", "I10C", "Emphysema, unspecified"),
    "Fibrosis": Code("J84.10", "I10C", "Pulmonary fibrosis, unspecified"),
    "Hernia": Code("K44.9", "I10C", "Diaphragmatic hernia without obstruction or gangrene"),
    "Infiltration": Code("R91.8", "I10C", "Other nonspecific abnormal finding of lung field"),
    "Mass": Code("R91.8", "I10C", "Other nonspecific abnormal finding of lung field"),
    "Nodule": Code("R91.1", "I10C", "Solitary pulmonary nodule"),
    "Pleural_Thickening": Code("J92.9", "I10C", "Pleural plaque without asbestos"),
    "Pneumonia": Code("J18.9", "I10C", "Pneumonia, unspecified organism"),
    "Pneumothorax": Code("J93.9", "I10C", "Pneumothorax, unspecified"),
}


def icd10cm_code(finding: Finding) -> Code:
    """The ICD-10-CM code to suggest where the finding is present; doubtful findings are not coded (guideline IV.H)."""
    return _ICD10CM[finding.name]
