"""Cells of a table to values, column by column; a column that cannot be read is an error, single cells are counted."""

import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from core.datasets.table import DatasetError, Problem
from core.findings import display_name

EMPTY = frozenset({"", "nan", "na", "n/a", "none", "null", "nil", ".", "-", "?", "unknown", "unk", "not stated"})
_PRESENT = frozenset({"1", "true", "t", "yes", "y", "positive", "pos", "present", "+", "x"})
_ABSENT = frozenset({"0", "false", "f", "no", "n", "negative", "neg", "absent", "not present"})
_DOUBT = frozenset({"-1", "uncertain", "u", "possible", "equivocal", "indeterminate", "maybe"})
_SPLITS = {
    **dict.fromkeys(("train", "training", "trn", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev", "devel", "development", "tune", "tuning"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "te", "holdout", "heldout", "eval", "evaluation"), "test"),
}


def read_words(
    given: pd.Series,
    name: str,
    convert: Callable[[object], object],
    path: Path,
    problems: list[Problem],
    notes: list[str],
    *,
    empty: Callable[[object], bool] = lambda value: False,
) -> pd.Series:
    """A column of words, each converted once; None where nothing is said.

    Args:
        given: text, empty where there is nothing.
        name: of the column.
        convert: a value, or None where it cannot be read.
        path: the table, for its name.
        problems: gets an entry for each value that could not be read.
        notes: gets their number.
        empty: whether a word says that nothing is known.

    Raises:
        DatasetError: most values cannot be read.
    """
    distinct = {value: convert(value) for value in given.unique()}
    read = given.map(distinct).astype(object)
    said = given.map({value: value.lower() not in EMPTY and not empty(value) for value in distinct}).astype(bool)
    _tell(given, said, said & read.isna(), name, f"{name} is unknown there", path, problems, notes)
    return read.where(read.notna(), None)


def read_labels(
    given: pd.Series,
    label: str,
    meanings: Mapping[str, float],
    path: Path,
    problems: list[Problem],
    notes: list[str],
) -> pd.Series:
    """A column of labels: 1.0, 0.0 or NaN.

    Args:
        given: text, empty where there is nothing.
        label: whose they are.
        meanings: what ``-1`` (doubt) and further words become.
        path, problems, notes: as for ``read_words``.

    Raises:
        DatasetError: most values cannot be read.
    """
    distinct = {value: _word(value) for value in given.unique()}
    words = given.map(distinct)
    values: dict[str, float] = {word: meanings.get("-1", float("nan")) for word in _DOUBT}
    values |= dict.fromkeys(_PRESENT, 1.0) | dict.fromkeys(_ABSENT, 0.0) | dict.fromkeys(EMPTY, float("nan"))
    values |= {word: value for word, value in meanings.items() if word != "-1"}
    said = ~words.isin(list(EMPTY))
    unread = ~words.isin(list(values))
    _tell(given, said, unread, label, f"{display_name(label).lower()} is unknown there", path, problems, notes)
    return words.map(values).astype(float)


def _word(value: str) -> str:
    """A cell in lower case and plain letters; 1 where a spreadsheet or Parquet wrote 1.0, 1,0 or 1e0."""
    word = unicodedata.normalize("NFKC", value).replace("\u2212", "-").lower()
    try:
        number = float(word.replace(",", "."))
    except ValueError:
        return word
    return str(int(number)) if number in (-1, 0, 1) else word


def read_splits(given: pd.Series, path: Path) -> pd.Series:
    """A column of splits as train, val, test or empty.

    Raises:
        DatasetError: a word is not known: to divide its rows anew could put test images into training.
    """
    words = given.str.lower().str.replace(r"[\s_-]", "", regex=True)
    read = words.map(_SPLITS)
    unread = read.isna() & ~words.isin(list(EMPTY))
    if unread.any():
        shown = ", ".join(map(repr, dict.fromkeys(given[unread])))[:100]
        raise DatasetError(
            f"{int(unread.sum())} of {len(given)} values of the column split of {path.name} could not be read ({shown}"
            f", first in row {given.index[unread][0]}): write train, val or test, or leave the cell empty."
        )
    return read.fillna("")


def _tell(
    given: pd.Series,
    said: pd.Series,
    unread: pd.Series,
    name: str,
    outcome: str,
    path: Path,
    problems: list[Problem],
    notes: list[str],
) -> None:
    """Count what could not be read, list it, and refuse a column of which most could not."""
    count = int(unread.sum())
    if not count:
        return
    shown = ", ".join(map(repr, list(dict.fromkeys(given[unread]))[:3]))
    sentence = f"{count} of {int(said.sum())} values of the column {name} of {path.name} could not be read"
    if 2 * count > int(said.sum()):
        raise DatasetError(f"{sentence} ({shown}): write them in words that are known, or leave the column out.")
    notes.append(f"{sentence} ({shown}).")
    problems.extend(
        Problem(f"{path.name} row {row}, column {name}", f"{value!r} could not be read; {outcome}.")
        for row, value in given[unread].items()
    )
