"""A CSV or Parquet table of image paths with any of the 14 labels or reports: a user's own collection."""

import difflib
import os
import re
from contextlib import suppress
from pathlib import Path

import pandas as pd

from core.datasets.sources.cells import EMPTY, read_labels, read_splits, read_words
from core.datasets.sources.files import existing_files, keep_existing
from core.datasets.sources.harmonise import FRONTAL, age_in_years, is_no_view, sex, view_position
from core.datasets.sources.layouts import NOT_MENTIONED, Layout, named_layout
from core.datasets.sources.readers import Rule, merge_rows
from core.datasets.sources.report_sections import findings_and_impression
from core.datasets.sources.table_file import SUFFIXES, is_table, read_cells
from core.datasets.table import DESCRIPTION, REPORT, Collection, DatasetError, Problem, complete
from core.distributed import holds_parts
from core.findings import FINDINGS, LABELS

FURTHER = ("original_px", "ehr", "icd_codes", "icd_versions")
_UNKNOWN = float("nan")
# Other names of our columns, by their letters.
_ALSO = {"path": "image_path", "findings": "report_findings", "impression": "report_impression"}
# Columns that python -m core predict writes beside its probabilities.
_PREDICTED = {"gate", "error"}


def load_csv(
    data_dir: str | Path, *, uncertain: float = _UNKNOWN, blank: float = _UNKNOWN, readers: Rule = "majority"
) -> Collection:
    """Read a table of images.

    Columns, in any case and with spaces or underscores: ``path`` (or ``image_path``; relative paths are taken from
    the table's folder), any of the 14 labels under their own or their CheXpert name (1, yes, positive, 0, no, negative
    and the like; -1 for doubt; empty for unknown), and where there are such ``patient_id``, ``study_id``, ``source``,
    ``view``, ``age``, ``sex``, ``split``, and ``report``, or ``findings`` and ``impression``. A table that
    ``core.datasets.table.write_table`` wrote is read back as it was, and the tables of CheXpert, BRAX, PadChest,
    VinDr-CXR and MIMIC-CXR-JPG are known by their columns. Columns are separated by commas, semicolons, tabs or bars;
    text is UTF-8, UTF-16 or Windows-1252; ``.gz`` is unpacked.

    Args:
        data_dir: a table, or a folder with ``table.csv``, with the parts that ``table --ray`` wrote, or with one table
            only.
        uncertain: what a label becomes that is in doubt (-1).
        blank: what a label becomes that a known collection says is not mentioned in the report.
        readers: what a label becomes on which several rows of one image differ.

    Returns:
        Lateral and oblique views are left out, unknown views kept. A row without ``patient_id`` is its own patient.
        Problems count rows as a spreadsheet shows them: the first line is row 1.

    Raises:
        DatasetError: there is no table, no column of paths, a column that looks like a misspelt label, a column that
            cannot be read, or no image.
    """
    path = _table_path(Path(data_dir).absolute())
    problems: list[Problem] = []
    notes: list[str] = []
    given = read_cells(path, problems, notes)
    encoding = given.attrs.get("encoding", "utf-8")
    given = _without_failures(given, path, problems)
    layout = named_layout(given) or Layout("", _named_columns(given, path, notes))
    notes.extend(layout.notes)
    raw = layout.cells
    empty = raw["image_path"] == ""
    problems.extend(Problem(f"{path.name} row {row}", "It names no image.") for row in raw.index[empty])
    raw = raw[~empty]

    table = pd.DataFrame(index=raw.index)
    table["image_path"] = _image_paths(raw["image_path"], path.parent, layout, encoding)
    table["source"] = _column(raw, "source").where(lambda column: column != "", "csv")
    patients = _patients(_column(raw, "patient_id"), path, notes)
    table["patient_id"] = patients.where(patients != "", raw["image_path"])
    studies = _column(raw, "study_id")
    table["study_id"] = studies.where(studies != "", raw["image_path"])
    table["view"] = read_words(_column(raw, "view"), "view", view_position, path, problems, notes, empty=is_no_view)
    table["age"] = read_words(_column(raw, "age"), "age", age_in_years, path, problems, notes)
    table["sex"] = read_words(_column(raw, "sex"), "sex", sex, path, problems, notes)
    table["split"] = read_splits(_column(raw, "split"), path)
    meanings = {"-1": uncertain, NOT_MENTIONED: blank}
    for label in LABELS:
        table[label] = read_labels(_column(raw, label), label, meanings, path, problems, notes)
    _add_reports(table, raw)
    for name in FURTHER:
        if name in raw.columns:
            table[name] = _further(raw[name])

    other_side = table["view"].notna() & ~table["view"].isin(FRONTAL)
    if other_side.any():
        notes.append(f"{int(other_side.sum())} lateral or oblique images were left out.")
    table = merge_rows(table[~other_side], path, problems, notes, rule=readers)
    alone = int((patients.reindex(table.index) == "").sum())
    if alone:
        notes.append(
            f"{alone} of {len(table)} rows have no patient_id, and each of their images counts as a patient of its "
            "own: two images of one person can then fall into different splits."
        )
    advice = f"relative paths are taken from {path.parent}."
    table = keep_existing(table, problems, notes, images=f"images named in {path.name}", advice=advice)
    return Collection(complete(table), tuple(problems), tuple(notes))


def _table_path(given: Path) -> Path:
    if given.is_dir():
        if (given / "table.csv").is_file():
            return given / "table.csv"
        if holds_parts(given):
            return given
        tables = sorted(path for path in given.iterdir() if is_table(path) and path.suffix != ".txt")
        if len(tables) != 1:
            raise DatasetError(
                f"{given} holds {len(tables)} tables: give the file itself as --data_dir, or name it table.csv."
            )
        return tables[0]
    if not given.is_file():
        raise DatasetError(f"There is no file or folder {given}: give the table or its folder as --data_dir.")
    if not is_table(given):
        raise DatasetError(f"A table is a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file, not {given.name!r}.")
    return given


def _image_paths(names: pd.Series, folder: Path, layout: Layout, encoding: str) -> list[str]:
    """Absolute paths; where a layout allows several places, the first that is there, else the first of all.

    The disk knows bytes: a name may be there as the table's letters or as the table's bytes.
    """
    places = []
    for name in names.str.replace("\\", os.sep):
        below = [name + suffix for suffix in layout.suffixes]
        if not encoding.startswith("utf"):
            with suppress(UnicodeEncodeError):
                below.append(os.fsdecode(name.encode(encoding)))
        places.append([os.path.normpath(os.path.join(folder, inner, one)) for inner in layout.folders for one in below])
    there = existing_files(place for own in places for place in own)
    return [next((place for place in own if place in there), own[0]) for own in places]


def _patients(given: pd.Series, path: Path, notes: list[str]) -> pd.Series:
    """Patient ids as text; numbers that a spreadsheet wrote as 1.0 are 1, and what else looks alike is told."""
    # Left as it is, the word for nothing would make one patient of all whose id is missing.
    given = given.where(~given.str.lower().isin(list(EMPTY)), "")
    plain = given.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)
    ways: dict[str, set[str]] = {}
    for one in given.unique():
        if found := re.fullmatch(r"0*(\d+?)(?:\.0+)?", one):
            ways.setdefault(found[1], set()).add(one)
    doubtful = sorted(next(iter(sorted(sorted(one) for one in ways.values() if len(one) > 1)), []))
    if doubtful:
        shown = " and ".join(map(repr, doubtful[:3]))
        notes.append(
            f"Patient ids of {path.name} are doubtful: {shown} may be one patient. Ids that differ in leading zeros "
            "were taken for different patients, 1.0 for 1."
        )
    return plain


def _without_failures(raw: pd.DataFrame, path: Path, problems: list[Problem]) -> pd.DataFrame:
    """A table of predictions without the files that could not be judged; any other table as it is."""
    names = {str(name).lower(): name for name in raw.columns}
    if not set(names) >= _PREDICTED:
        return raw
    failed = raw[names["error"]] != ""
    problems.extend(
        Problem(f"{path.name} row {row}", f"It was not judged: {error}")
        for row, error in raw.loc[failed, names["error"]].items()
    )
    return raw[~failed]


def _named_columns(raw: pd.DataFrame, path: Path, notes: list[str]) -> pd.DataFrame:
    """The columns under our names; unrelated ones are left out, likely misspellings of a label refused."""
    known = {_letters(name): name for name in (*DESCRIPTION, *LABELS, *REPORT, *FURTHER, "report")}
    known |= _ALSO
    labels = {_letters(name): name for name in LABELS}
    for finding in FINDINGS:
        if finding.chexpert:
            known[_letters(finding.chexpert)] = labels[_letters(finding.chexpert)] = finding.name
    columns: dict[str, str] = {}
    unrelated = []
    if {str(name).lower() for name in raw.columns} >= _PREDICTED:
        raw = raw.drop(columns=[name for name in raw.columns if _letters(str(name)) in labels])
        notes.append(f"{path.name} holds predictions: its probabilities are not read as labels.")
    for given in map(str, raw.columns):
        name = known.get(_letters(given))
        if name is None:
            if near := difflib.get_close_matches(_letters(given), labels, n=1, cutoff=0.8):
                raise DatasetError(
                    f"{path.name} has a column {given!r}: if it is the label {labels[near[0]]!r}, name it so; "
                    "if not, give it a name that does not look like a label."
                )
            unrelated += [given] if given else []  # the number of a row has no name
        elif name in columns:
            raise DatasetError(f"{path.name} has two columns for {name}, {columns[name]!r} and {given!r}: keep one.")
        else:
            columns[name] = given
    if "image_path" not in columns:
        shown = ", ".join(str(name)[:40] for name in raw.columns[:12])
        raise DatasetError(f"{path} lacks the column 'path' (found: {shown}): it should name the image files.")
    if unrelated:
        notes.append(f"Columns of {path.name} that are not used: {', '.join(unrelated)}.")
    return pd.DataFrame({name: raw[given] for name, given in columns.items()}, index=raw.index)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _column(raw: pd.DataFrame, name: str) -> pd.Series:
    """A column as text; empty where the table does not have it."""
    return raw[name].astype(object) if name in raw.columns else pd.Series("", index=raw.index, dtype=object)


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
