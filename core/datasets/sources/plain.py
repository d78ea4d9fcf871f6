"""A CSV or Parquet table of image paths with any of the 14 labels or reports: a user's own collection."""

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.sources.files import keep_existing, read_rows
from core.datasets.sources.harmonise import FRONTAL, age_in_years, sex, view_position
from core.datasets.sources.report_sections import findings_and_impression
from core.datasets.table import DESCRIPTION, REPORT, Collection, DatasetError, Problem, complete
from core.findings import FINDINGS, LABELS, display_name

FURTHER = ("original_px", "ehr", "icd_codes", "icd_versions")
_VALUES = {"1": 1.0, "true": 1.0, "0": 0.0, "false": 0.0, "-1": np.nan, "": np.nan, "nan": np.nan, "na": np.nan}
_SPLITS = {"train": "train", "val": "val", "validation": "val", "valid": "val", "validate": "val", "test": "test"}


def load_csv(data_dir: str | Path) -> Collection:
    """Read a table of images.

    Columns, in any case and with spaces or underscores: ``path`` (or ``image_path``; relative paths are taken from
    the table's folder), any of the 14 labels under their own or their CheXpert name (1, 0, true, false; empty or -1
    for unknown), and where there are such ``patient_id``, ``study_id``, ``source``, ``view``, ``age``, ``sex``,
    ``split``, and ``report`` or ``report_findings`` and ``report_impression``. A table that
    ``core.datasets.table.write_table`` wrote is read back as it was. Text is UTF-8 or Latin-1, columns are separated
    by commas or semicolons.

    Args:
        data_dir: a ``.csv`` or ``.parquet`` file, or a folder with ``table.csv`` or one CSV file only.

    Returns:
        Lateral and oblique views are left out, unknown views kept. A row without ``patient_id`` is its own patient.
        Problems count rows as a spreadsheet shows them: the header is row 1.

    Raises:
        DatasetError: there is no table, no column of paths, a column that looks like a misspelt label, or no image.
    """
    path = _table_path(Path(data_dir).absolute())
    problems: list[Problem] = []
    notes: list[str] = []
    raw = _named_columns(_read(path, problems, notes), path, notes)
    raw.index = raw.index + 2
    empty = raw["image_path"] == ""
    problems.extend(Problem(f"{path.name} row {row}", "It names no image.") for row in raw.index[empty])
    raw = raw[~empty]

    table = pd.DataFrame(index=raw.index)
    table["image_path"] = [os.path.normpath(os.path.join(path.parent, name)) for name in raw["image_path"]]
    table["source"] = _column(raw, "source").where(lambda given: given != "", "csv")
    patients = _column(raw, "patient_id")
    if (alone := int((patients == "").sum())) > 0:
        notes.append(
            f"{alone} of {len(raw)} rows have no patient_id, and each of their images counts as a patient of its own: "
            "two images of one person can then fall into different splits."
        )
    table["patient_id"] = patients.where(patients != "", raw["image_path"])
    studies = _column(raw, "study_id")
    table["study_id"] = studies.where(studies != "", raw["image_path"])
    table["view"] = _mapped(_column(raw, "view"), view_position)
    table["age"] = _mapped(_column(raw, "age"), age_in_years)
    table["sex"] = _mapped(_column(raw, "sex"), sex)
    table["split"] = _splits(_column(raw, "split"), path, problems)
    for label in LABELS:
        table[label] = _labels(_column(raw, label), label, path, problems)
    _add_reports(table, raw)
    for name in FURTHER:
        if name in raw.columns:
            table[name] = _further(raw[name])

    other_side = table["view"].notna() & ~table["view"].isin(FRONTAL)
    if other_side.any():
        notes.append(f"{int(other_side.sum())} lateral or oblique images were left out.")
    advice = f"relative paths are taken from {path.parent}."
    table = keep_existing(table[~other_side], problems, notes, images=f"images named in {path.name}", advice=advice)
    return Collection(complete(table), tuple(problems), tuple(notes))


def _table_path(given: Path) -> Path:
    if given.is_dir():
        if (given / "table.csv").is_file():
            return given / "table.csv"
        tables = sorted(path for path in given.iterdir() if path.suffix.lower() == ".csv")
        if len(tables) != 1:
            raise DatasetError(
                f"{given} holds {len(tables)} CSV files: give the file itself as --data_dir, or name it table.csv."
            )
        return tables[0]
    if not given.is_file():
        raise DatasetError(f"There is no file or folder {given}: give the table or its folder as --data_dir.")
    if given.suffix.lower() not in (".csv", ".parquet"):
        raise DatasetError(f"A table is a .csv or .parquet file, not {given.name!r}.")
    return given


def _read(path: Path, problems: list[Problem], notes: list[str]) -> pd.DataFrame:
    """All cells as text, empty where nothing is known."""
    try:
        if path.suffix.lower() == ".parquet":
            table = pd.read_parquet(path)
            return table.astype(object).where(table.notna(), "").astype(str)
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as a table ({error}): write it again.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
        notes.append(f"{path.name} is not UTF-8 and was read as Latin-1; check accented letters in its reports.")
    header = text.split("\n", 1)[0]
    separator = ";" if header.count(";") > header.count(",") else ","
    return read_rows(path, problems, text=text, sep=separator, dtype=str, keep_default_na=False).fillna("")


def _named_columns(raw: pd.DataFrame, path: Path, notes: list[str]) -> pd.DataFrame:
    """The columns under our names; unrelated ones are left out, likely misspellings of a label refused."""
    known = {_letters(name): name for name in (*DESCRIPTION, *LABELS, *REPORT, *FURTHER, "report")}
    known["path"] = "image_path"
    labels = {_letters(name): name for name in LABELS}
    for finding in FINDINGS:
        if finding.chexpert:
            known[_letters(finding.chexpert)] = labels[_letters(finding.chexpert)] = finding.name
    columns: dict[str, str] = {}
    unrelated = []
    for given in map(str, raw.columns):
        name = known.get(_letters(given))
        if name is None:
            if near := difflib.get_close_matches(_letters(given), labels, n=1, cutoff=0.8):
                raise DatasetError(
                    f"{path.name} has a column {given!r}: if it is the label {labels[near[0]]!r}, name it so; "
                    "if not, give it a name that does not look like a label."
                )
            unrelated.append(given)
        elif name in columns:
            raise DatasetError(f"{path.name} has two columns for {name}, {columns[name]!r} and {given!r}: keep one.")
        else:
            columns[name] = given
    if "image_path" not in columns:
        shown = ", ".join(map(str, raw.columns[:12]))
        raise DatasetError(f"{path} lacks the column 'path' (found: {shown}): it should name the image files.")
    if unrelated:
        notes.append(f"Columns of {path.name} that are not used: {', '.join(unrelated)}.")
    return pd.DataFrame({name: raw[given].str.strip() for name, given in columns.items()})


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _column(raw: pd.DataFrame, name: str) -> pd.Series:
    """A column as text; empty where the table does not have it."""
    return raw[name].astype(object) if name in raw.columns else pd.Series("", index=raw.index, dtype=object)


def _mapped(column: pd.Series, convert: Callable[[object], object]) -> pd.Series:
    """Converted once per distinct value."""
    return column.map({value: convert(value) for value in column.unique()}).astype(object)


def _splits(given: pd.Series, path: Path, problems: list[Problem]) -> pd.Series:
    words = given.str.lower()
    unknown = ~words.isin([*_SPLITS, ""])
    problems.extend(
        Problem(f"{path.name} row {row}, column split", f"{value!r} is not train, val or test; the split is left open.")
        for row, value in given[unknown].items()
    )
    return words.map(_SPLITS).fillna("")


def _labels(given: pd.Series, label: str, path: Path, problems: list[Problem]) -> pd.Series:
    # A table that came through a spreadsheet or Parquet has 1.0 for 1.
    words = given.str.lower().str.replace(r"\.0+$", "", regex=True)
    wrong = ~words.isin(list(_VALUES))
    problems.extend(
        Problem(
            f"{path.name} row {row}, column {label}",
            f"{value!r} is none of 1, 0, -1, true, false and empty; {display_name(label).lower()} is unknown there.",
        )
        for row, value in given[wrong].items()
    )
    return words.map(_VALUES).astype(float)


def _add_reports(table: pd.DataFrame, raw: pd.DataFrame) -> None:
    """Fill the two report columns, from ``report`` where they are not given themselves."""
    for name in REPORT:
        table[name] = _text(_column(raw, name))
    if "report" not in raw.columns:
        return
    whole = raw["report"]
    parts = [findings_and_impression(text) for text in whole]
    headed = pd.DataFrame(parts, columns=list(REPORT), index=raw.index, dtype=object)
    headless = headed.isna().all(axis=1)
    headed.loc[headless, "report_findings"] = _text(whole[headless])
    for name in REPORT:
        table[name] = table[name].where(table[name].notna(), headed[name])


def _text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column != "", None)


def _further(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column, errors="coerce") if column.name == "original_px" else _text(column)
