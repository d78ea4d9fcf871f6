"""Labels of NIH images that radiologists adjudicated (Majkowska et al., Radiology 2020), beside the mined ones."""

from pathlib import Path

import pandas as pd

from core.datasets.sources.openi_reports import packaged_file
from core.datasets.table import require_columns

# Which of the 14 mined labels together say what an adjudicated label says. The paper's airspace opacity is wider than
# any one of them.
ADJUDICATED: dict[str, tuple[str, ...]] = {
    "Pneumothorax": ("Pneumothorax",),
    "Nodule or mass": ("Nodule", "Mass"),
    "Airspace opacity": ("Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia"),
}
_FILE = "google2019_nih-chest-xray-labels.csv.gz"
_VALUES = {"YES": 1.0, "NO": 0.0}


def load_adjudicated(path: str | Path | None = None) -> pd.DataFrame | None:
    """Read the adjudicated labels.

    Args:
        path: the table; None for the copy in the installed ``torchxrayvision`` package.

    Returns:
        Indexed by ``study_id``: for each name in ``ADJUDICATED`` a column of 0.0 and 1.0, and one named ``mined NAME``
        with what the mined labels of the same image say. None where the package is not installed.

    Raises:
        DatasetError: a column is missing.
    """
    source = packaged_file(_FILE) if path is None else Path(path)
    if source is None:
        return None
    raw = pd.read_csv(source, dtype=str, keep_default_na=False)
    wanted = ("Image Index", "Finding Labels", *ADJUDICATED)
    require_columns(raw.columns, wanted, file=source, hint="use the relabels as Google published them.")
    mined = raw["Finding Labels"].str.split("|")
    columns = {}
    for name, parts in ADJUDICATED.items():
        columns[name] = raw[name].map(_VALUES)
        columns[f"mined {name}"] = mined.map(lambda found, parts=parts: float(bool(set(found) & set(parts))))
    return pd.DataFrame(columns).set_index(
        pd.Index(raw["Image Index"].map(lambda name: Path(name).stem), name="study_id")
    )
