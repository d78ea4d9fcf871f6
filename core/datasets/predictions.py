"""Another model's predictions, read from a CSV file."""

from pathlib import Path

import pandas as pd

from core.datasets.table import DatasetError
from core.findings import LABELS


def load_predictions(path: str | Path) -> pd.DataFrame:
    """Read ``Image Index`` and the 14 labels, bare or with the prefix ``prob_``, in any order of columns.

    Returns:
        Probabilities in the order of ``LABELS``, indexed by the image's stem; NaN where a cell is empty.

    Raises:
        DatasetError: the file is missing or no table, a column is missing, an image stands in it twice, or a
            prediction is not a number.
    """
    if not Path(path).is_file():
        raise DatasetError(f"There is no file {path} with predictions.")
    try:
        table = pd.read_csv(path).rename(columns=lambda name: name.removeprefix("prob_"))
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DatasetError(f"{path} is not a CSV table of predictions.") from error
    if missing := {"Image Index", *LABELS} - set(table.columns):
        raise DatasetError(f"{path} lacks the column {sorted(missing)[0]!r}.")
    table.index = pd.Index(table["Image Index"].map(lambda name: Path(str(name)).stem), name="study_id")
    if (doubled := table.index.duplicated()).any():
        raise DatasetError(f"{path} names the image {table['Image Index'].iloc[doubled.argmax()]} twice.")
    values = table[list(LABELS)].apply(pd.to_numeric, errors="coerce")
    if (strange := values.isna() & table[list(LABELS)].notna()).any(axis=None):
        row = int(strange.any(axis=1).to_numpy().argmax())
        raise DatasetError(f"{path} holds a prediction that is not a number for {table['Image Index'].iloc[row]}.")
    return values
