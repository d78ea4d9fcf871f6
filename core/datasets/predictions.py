"""Another model's predictions, read from a CSV file."""

from pathlib import Path

import pandas as pd

from core.datasets.table import DatasetError
from core.findings import LABELS


def load_predictions(path: str | Path) -> pd.DataFrame:
    """Read ``Image Index`` and the 14 labels, bare or with the prefix ``prob_``.

    Returns:
        Probabilities in the order of ``LABELS``, indexed by the image's stem.

    Raises:
        DatasetError: the file is missing, or a column is.
    """
    if not Path(path).is_file():
        raise DatasetError(f"There is no file {path} with predictions.")
    table = pd.read_csv(path).rename(columns=lambda name: name.removeprefix("prob_"))
    if missing := {"Image Index", *LABELS} - set(table.columns):
        raise DatasetError(f"{path} lacks the column {sorted(missing)[0]!r}.")
    table.index = pd.Index(table["Image Index"].map(lambda name: Path(name).stem), name="study_id")
    return table[list(LABELS)]
