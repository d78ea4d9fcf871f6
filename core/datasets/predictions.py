"""Another model's predictions, read from a CSV file."""

from pathlib import Path

import pandas as pd

from core.datasets.images import image_name
from core.datasets.table import DatasetError
from core.findings import LABELS

# What the column of images is called: in tables of NIH, in those of predict, in those of core.datasets.
_IMAGE_COLUMNS = ("Image Index", "path", "image_path")


def load_predictions(path: str | Path) -> pd.DataFrame:
    """Read a column of images and the 14 labels, bare or with the prefix ``prob_``, in any order of columns.

    Images stand under ``Image Index``, ``path`` or ``image_path``: the tables of ``evaluate.py`` and of
    ``python -m core predict`` both fit.

    Returns:
        Probabilities in the order of ``LABELS``, indexed by ``image_name``; NaN where a cell is empty.

    Raises:
        DatasetError: the file is missing or no table, a column is missing, an image stands in it twice, or a
            prediction is not a number.
    """
    if not Path(path).is_file():
        raise DatasetError(f"There is no file {path} with predictions.")
    try:
        table = pd.read_csv(path, encoding_errors="surrogateescape")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DatasetError(f"{path} is not a CSV table of predictions.") from error
    table = table.rename(columns=lambda name: str(name).removeprefix("prob_"))
    images = next((name for name in _IMAGE_COLUMNS if name in table.columns), None)
    if missing := ({"Image Index"} if images is None else set()) | (set(LABELS) - set(table.columns)):
        raise DatasetError(f"{path} lacks the column {sorted(missing)[0]!r}.")
    table.index = pd.Index(table[images].map(image_name), name="image")
    if (doubled := table.index.duplicated()).any():
        raise DatasetError(f"{path} names the image {table[images].iloc[doubled.argmax()]} twice.")
    values = table[list(LABELS)].apply(pd.to_numeric, errors="coerce")
    if (strange := values.isna() & table[list(LABELS)].notna()).any(axis=None):
        row = int(strange.any(axis=1).to_numpy().argmax())
        raise DatasetError(f"{path} holds a prediction that is not a number for {table[images].iloc[row]}.")
    return values
