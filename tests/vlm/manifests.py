"""A small manifest for the tests of the evaluation of texts."""

import pandas as pd

REFERENCES = [
    ("The heart is enlarged. Small left pleural effusion.", "Cardiomegaly with left effusion."),
    ("The heart is normal in size. The lungs are clear.", "No acute disease."),
    ("No pleural effusion or pneumothorax is seen. The lungs are clear.", ""),
    ("Right lower lobe consolidation. No pneumothorax.", "Right lower lobe pneumonia."),
    ("", "Possible mild pulmonary edema."),
]
GENERATED = [
    ("Cardiomegaly. Left pleural effusion. No pneumothorax.", "Cardiomegaly and left pleural effusion."),
    ("The heart is normal in size. The lungs are clear.", "No acute disease."),
    ("Right pleural effusion. The lungs are clear.", "Pleural effusion."),
    ("No consolidation. No pneumothorax.", "No acute disease."),
    ("Possible pulmonary edema.", "Possible pulmonary edema."),
]


def manifest(generated: list[tuple[str, str]] = GENERATED, **further: list[object]) -> pd.DataFrame:
    """A manifest of the generated reports, with further columns."""
    rows = [(f"s{i}", *reference, *text) for i, (reference, text) in enumerate(zip(REFERENCES, generated, strict=True))]
    columns = ["id", "reference_findings", "reference_impression", "findings", "impression"]
    return pd.DataFrame(rows, columns=columns).assign(**further)


EVIDENCE = [
    {"Cardiomegaly": "present", "Effusion": "present", "Pneumothorax": "absent"},
    {"Cardiomegaly": "absent", "Consolidation": "unknown"},
    {"Effusion": "absent"},
    {"Consolidation": "present", "Pneumonia": "present", "Pneumothorax": "absent"},
    {"Edema": "possible"},
]
