"""The one table that every source becomes, and what readers share to make it."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.atomic import replacing
from core.errors import ChestLensError
from core.findings import LABELS

DESCRIPTION = ("image_path", "source", "patient_id", "study_id", "view", "age", "sex", "split")
REPORT = ("report_findings", "report_impression")
COLUMNS: tuple[str, ...] = (*DESCRIPTION, *LABELS, *REPORT)
SPLITS = ("train", "val", "test")


class DatasetError(ChestLensError):
    """A data folder is not as it should be; the message says what was expected and what to do."""


@dataclass(frozen=True)
class Problem:
    """A row or file that was left out or mended.

    Attributes:
        item: what it concerns: a path, an id, or ``file.csv row 17``.
        reason: one sentence that says what is wrong with it.
    """

    item: str
    reason: str


@dataclass(frozen=True)
class Collection:
    """What a reader found in a folder.

    Attributes:
        table: one row per frontal image with ``COLUMNS`` in order, and after them any further columns that the source
            offers (``original_px``, ``ehr``, ``icd_codes``). ``image_path`` is absolute. ``patient_id`` is unique
            within a source only. ``split`` is empty where the source gives none. Labels are 1.0, 0.0 or NaN
            (unknown). Text columns hold text or None. ``age`` is in years.
        problems: what was left out or mended, one entry each; they never end a run.
        notes: sentences about the collection as a whole that its user should read.
    """

    table: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """Bring a reader's columns into the order and types of ``COLUMNS``; what is missing becomes empty.

    Args:
        frame: any of ``COLUMNS`` and further columns, one row per image.

    Returns:
        A table with a fresh index: ``COLUMNS`` first, further columns after them.
    """
    columns: dict[str, pd.Series] = {}
    for name in COLUMNS:
        given = frame[name] if name in frame.columns else pd.Series(None, index=frame.index, dtype=object)
        if name in LABELS or name == "age":
            columns[name] = pd.to_numeric(given, errors="coerce").astype("float32")
        elif name == "split":
            columns[name] = given.astype(object).where(given.notna(), "")
        else:
            columns[name] = given.astype(object).where(given.notna(), None)
    further = {name: frame[name] for name in frame.columns if name not in COLUMNS}
    return pd.DataFrame({**columns, **further}).reset_index(drop=True)


def require_columns(present: Iterable[str], wanted: Iterable[str], *, file: Path, hint: str) -> None:
    """Refuse a table that lacks a column.

    Raises:
        DatasetError: names the file, the missing column and the columns found, and gives the hint.
    """
    found = list(present)
    missing = [name for name in wanted if name not in found]
    if missing:
        shown = ", ".join(found[:12]) + (", ..." if len(found) > 12 else "")
        raise DatasetError(f"{file} lacks the column {missing[0]!r} (found: {shown}): {hint}")


def require_folder(data_dir: str | Path) -> Path:
    """The folder as an absolute path.

    Raises:
        DatasetError: there is no such folder.
    """
    folder = Path(os.path.abspath(data_dir))  # without "..", which would stand in every path of the table
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {data_dir}: give the folder that holds the data set as --data_dir.")
    return folder


def patient_keys(table: pd.DataFrame) -> pd.Series:
    """One name per patient that holds across sources: equal ids of two sources are two people."""
    return table["source"].astype(str) + ":" + table["patient_id"].astype(str)


def smaller_originals(table: pd.DataFrame, pixels: int) -> pd.Series:
    """Which images were made from a file whose longest side has fewer pixels; False where the source does not say."""
    if "original_px" not in table.columns:
        return pd.Series(False, index=table.index)
    return table["original_px"] < pixels


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV or, by the suffix ``.parquet``, as Parquet; never a torn file.

    Raises:
        DatasetError: the suffix is neither.
    """
    target = Path(path)
    if target.suffix not in (".csv", ".parquet"):
        raise DatasetError(f"The table is written as .csv or .parquet, not as {target.name!r}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial:
        if target.suffix == ".parquet":
            table.to_parquet(partial, index=False)
        else:
            whole_numbers = {name: table[name].astype("Int8") for name in LABELS}
            table.assign(**whole_numbers).to_csv(partial, index=False, float_format="%.4g")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table that ``write_table`` wrote; relative image paths are taken from the table's folder.

    Raises:
        DatasetError: the file is missing, of another kind, or lacks a column.
    """
    source = Path(path).absolute()
    if not source.is_file():
        raise DatasetError(f"There is no table {path}: make one with python -m core table.")
    if source.suffix == ".parquet":
        table = pd.read_parquet(source)
    elif source.suffix == ".csv":
        table = pd.read_csv(source, dtype={name: str for name in (*DESCRIPTION, *REPORT) if name != "age"})
    else:
        raise DatasetError(f"A table is a .csv or .parquet file, not {source.name!r}.")
    require_columns(table.columns, COLUMNS, file=source, hint="make the table with python -m core table.")
    table["image_path"] = [str(source.parent / name) if isinstance(name, str) else None for name in table["image_path"]]
    return complete(table)


def write_problems(problems: Iterable[Problem], path: str | Path) -> None:
    """Write what was left out as CSV with the columns ``item`` and ``reason``; no file where there is nothing."""
    rows = [(problem.item, problem.reason) for problem in problems]
    target = Path(path)
    if not rows:
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("item", "reason"))
        writer.writerows(rows)


def read_problems(path: str | Path) -> list[Problem]:
    """Read what ``write_problems`` wrote; none where there is no file."""
    source = Path(path)
    if not source.is_file():
        return []
    with source.open(newline="", encoding="utf-8") as file:
        return [Problem(row["item"], row["reason"]) for row in csv.DictReader(file)]
