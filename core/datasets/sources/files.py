"""Files of a data set on disk: which images are there, and tables whose bad lines do not end the reading."""

import io
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from core.datasets.table import DatasetError, Problem


def existing_files(paths: Iterable[str]) -> set[str]:
    """Those of the paths that are files. Each folder is listed once, so that no path is looked up by itself."""
    there: set[str] = set()
    for folder in {os.path.dirname(path) for path in paths}:
        try:
            with os.scandir(folder) as entries:
                there.update(os.path.join(folder, entry.name) for entry in entries if not entry.is_dir())
        except (OSError, ValueError):  # a zero in a name is an error of value
            continue
    return there


def keep_existing(
    frame: pd.DataFrame, problems: list[Problem], notes: list[str], *, images: str, advice: str
) -> pd.DataFrame:
    """Drop the rows whose ``image_path`` is not on disk; each becomes a problem, their number a note.

    Args:
        frame: rows with an absolute ``image_path``.
        problems: gets one entry per missing image.
        notes: gets one sentence if any is missing.
        images: what the images are called in messages, such as ``frontal images of MIMIC-CXR-JPG``.
        advice: sentence that says what to do when there is none at all.

    Raises:
        DatasetError: no image was found.
    """
    found = frame["image_path"].isin(existing_files(frame["image_path"]))
    missing = frame.loc[~found, "image_path"]
    if not len(frame):
        raise DatasetError(f"There are no {images}: the table has no rows that could be used.")
    if not found.any():
        shown = f", for example {missing.iloc[0]}" if len(missing) else ""
        raise DatasetError(f"None of the {len(frame)} {images} was found{shown}: {advice}")
    if len(missing):
        problems.extend(Problem(path, "The image file is missing; its row was left out.") for path in missing)
        notes.append(f"{len(missing)} of {len(frame)} {images} are missing on disk and were left out.")
    return frame[found]


def read_rows(path: Path, problems: list[Problem], *, text: str | None = None, **options: Any) -> Any:
    """Read a CSV table; a line with too many fields is left out and becomes a problem.

    Args:
        path: the table, plain or compressed.
        problems: gets one entry for each line that was left out.
        text: content of the table where it was read already.
        options: handed on to ``pandas.read_csv``.

    Returns:
        The table; with ``chunksize`` among the options the reader of pandas.

    Raises:
        DatasetError: the file cannot be read at all.
    """
    # index_col: without it pandas takes the first column for an index where rows end with a separator.
    content = path if text is None else io.StringIO(text)
    return _without_bad_lines(
        path, problems, lambda: pd.read_csv(content, on_bad_lines="warn", index_col=False, **options)
    )


def read_chunks(path: Path, problems: list[Problem], *, rows: int, **options: Any) -> Iterator[pd.DataFrame]:
    """As ``read_rows``, a number of rows at a time, for tables that exceed the memory."""
    reader = read_rows(path, problems, chunksize=rows, **options)
    with reader:
        while True:
            try:
                yield _without_bad_lines(path, problems, lambda: next(reader))
            except StopIteration:
                return


def _without_bad_lines(path: Path, problems: list[Problem], read: Callable[[], Any]) -> Any:
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = read()
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as a table ({error}): get the file again.") from error
    for warning in caught:
        if issubclass(warning.category, pd.errors.ParserWarning):
            problems.extend(Problem(path.name, line) for line in str(warning.message).splitlines() if line)
    return table


def table_file(folder: Path, stem: str) -> Path | None:
    """``stem.csv`` or ``stem.csv.gz`` in the folder, or None."""
    return next((path for path in (folder / f"{stem}.csv.gz", folder / f"{stem}.csv") if path.is_file()), None)
