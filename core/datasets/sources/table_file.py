"""A table of any common make to cells of text: separators, encodings, compression, Excel's ``sep=`` line."""

import csv
import gzip
import io
import zlib
from pathlib import Path

import pandas as pd

from core.datasets.table import DatasetError, Problem

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".parquet")
_SEPARATORS = ",;\t|"
# Longer than any report, shorter than a file whose quotes do not close.
_LONGEST_CELL = 1_000_000
_LARGEST_FILE = 2 * 2**30


def is_table(path: Path) -> bool:
    """Whether the name of a file is that of a table that is read."""
    return path.name.lower().endswith(SUFFIXES)


def read_cells(path: Path, problems: list[Problem], notes: list[str]) -> pd.DataFrame:
    """All cells as text without surrounding spaces, empty where there is nothing.

    Args:
        path: the table.
        problems: gets an entry for each row with more cells than the header.
        notes: gets a sentence where the encoding was a guess.

    Returns:
        One row for each row of the file; the index is its number as a spreadsheet shows it: the first line is row 1,
        and empty and broken rows count.

    Raises:
        DatasetError: the file cannot be read as a table.
    """
    try:
        if path.suffix.lower() == ".parquet":
            table = pd.read_parquet(path)
            table.index = pd.RangeIndex(2, len(table) + 2)
            return table.astype(object).where(table.notna(), "").astype(str).apply(lambda column: column.str.strip())
        text = _decoded(_content(path), path, notes)
        return _cells(text, path, problems)
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path} cannot be read as a table ({error}): write it again.") from error


def _content(path: Path) -> bytes:
    if path.suffix.lower() != ".gz":
        return path.read_bytes()
    with gzip.open(path) as file:
        content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise DatasetError(f"{path} unpacks to over 2 GB: give the table in parts.")
    return content


def _decoded(content: bytes, path: Path, notes: list[str]) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    head = content[:4000]
    if head.count(0) > len(head) / 4:  # UTF-16 without its mark: every other byte of Latin letters is zero
        return content.decode("utf-16-le" if head[1:2] == b"\0" else "utf-16-be")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    notes.append(f"{path.name} is not UTF-8 and was read as Windows-1252; check accented letters in it.")
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _cells(text: str, path: Path, problems: list[Problem]) -> pd.DataFrame:
    csv.field_size_limit(_LONGEST_CELL)
    first, _, rest = text.partition("\n")
    start = 1
    separator = _separator(first)
    if first.strip().strip('"').lower().startswith("sep=") and len(first.strip().strip('"')) <= 5:
        # strip("\r\n") and not strip(): the separator may be a tab
        separator = first.strip('\r\n"')[4:5] or ","
        text, start = rest, 2
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    header: list[str] | None = None
    cells: list[list[str]] = []
    numbers: list[int] = []
    for number, row in enumerate(rows, start):
        if not any(cell.strip() for cell in row):
            continue
        if header is None:
            header = [cell.strip() for cell in row]
            while header and not header[-1]:
                header.pop()
            continue
        if any(cell.strip() for cell in row[len(header) :]):
            reason = "It has more cells than the header and was left out; quote text that holds the separator."
            problems.append(Problem(f"{path.name} row {number}", reason))
            continue
        cells.append([cell.strip() for cell in row[: len(header)]] + [""] * (len(header) - len(row)))
        numbers.append(number)
    if header is None:
        raise DatasetError(f"{path} cannot be read as a table (it is empty): write it again.")
    return pd.DataFrame(cells, columns=header, index=pd.Index(numbers, dtype=int), dtype=object)


def _separator(header: str) -> str:
    """The separator that divides the header most, outside of quotes."""
    plain = "".join(header.split('"')[::2])
    return max(_SEPARATORS, key=plain.count)
