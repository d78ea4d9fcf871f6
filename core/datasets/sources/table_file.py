"""A table of any common make to cells of text: separators, encodings, compression, Excel's ``sep=`` line."""

import csv
import gzip
import io
import re
import zlib
from pathlib import Path

import pandas as pd

from core.datasets.table import DatasetError, Problem
from core.distributed import read_parts

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".parquet")
_SEPARATORS = ",;\t|"
# Longer than any report, shorter than a file whose quotes do not close.
_LONGEST_CELL = 1_000_000
_LARGEST_FILE = 2 * 2**30
# What is sent as a table and is none, by its first bytes.
_NO_TABLES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
    b"<html": "a web page",
    b"<!doctype": "a web page",
    b"[": "JSON",
    b"{": "JSON",
}
_ENCODINGS = ("cp1252", "cp1250", "cp1251", "gb18030", "big5", "cp932", "cp949")
_NAMES = {"cp1252": "Windows-1252", "cp1250": "Windows-1250", "cp1251": "Windows-1251"}
_GUESSED_FROM = 200_000


def is_table(path: Path) -> bool:
    """Whether the name of a file is that of a table that is read."""
    return path.name.lower().endswith(SUFFIXES)


def read_cells(path: Path, problems: list[Problem], notes: list[str]) -> pd.DataFrame:
    """All cells as text without surrounding spaces, empty where there is nothing.

    Args:
        path: the table, or the folder of its parts.
        problems: gets an entry for each row with more cells than the header.
        notes: gets a sentence where the encoding was a guess.

    Returns:
        One row for each row of the file; the index is its number as a spreadsheet shows it: the first line is row 1,
        and empty and broken rows count. ``attrs["encoding"]`` names the encoding of a table of text.

    Raises:
        DatasetError: the file cannot be read as a table.
    """
    try:
        if path.is_dir() or path.suffix.lower() == ".parquet":
            table = read_parts(str(path)).to_pandas() if path.is_dir() else pd.read_parquet(path)
            table.index = pd.RangeIndex(2, len(table) + 2)
            return table.astype(object).where(table.notna(), "").astype(str).apply(lambda column: column.str.strip())
        text, encoding = _decoded(_content(path), path, notes)
        cells = _cells(text, path, problems)
        cells.attrs["encoding"] = encoding
        return cells
    except (OSError, EOFError, ValueError, zlib.error, csv.Error) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{path} cannot be read as a table ({error}): write it again.") from error


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):  # whatever the file is called
        with gzip.open(io.BytesIO(content)) as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise DatasetError(f"{path} unpacks to over 2 GB: give the table in parts.")
    for start, kind in _NO_TABLES.items():
        if content.lstrip(b"\xef\xbb\xbf \t\r\n")[: len(start)].lower() == start.lower():
            raise DatasetError(f"{path} is no table of text but {kind}: save it as CSV.")
    return content


def _decoded(content: bytes, path: Path, notes: list[str]) -> tuple[str, str]:
    """The text, and the encoding it was read by."""
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return content.decode("utf-32"), "utf-32"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16"), "utf-16"
    head = content[:4000]
    if head.count(0) > len(head) / 4:  # UTF-16 without its mark: every other byte of Latin letters is zero
        encoding = "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
        return content.decode(encoding), encoding
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        pass
    encoding = _guessed(content)
    name = _NAMES.get(encoding, encoding)
    notes.append(f"{path.name} is not UTF-8 and was read as {name}; check letters beyond A to Z in it.")
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError:
        return content.decode("latin-1"), "latin-1"


def _guessed(content: bytes) -> str:
    """The likeliest of the encodings that spreadsheets of the world write; Windows-1252 where none is."""
    import chardet  # few tables need it, and its tables take a moment to load

    foreign = re.findall(rb"[^\n]*[\x80-\xff][^\n]*", content[:_GUESSED_FROM])
    found = chardet.detect(
        b"\n".join(foreign), include_encodings=_ENCODINGS, no_match_encoding="cp1252", compat_names=False
    )
    return found["encoding"] or "cp1252"


def _cells(text: str, path: Path, problems: list[Problem]) -> pd.DataFrame:
    csv.field_size_limit(_LONGEST_CELL)
    first, _, rest = text.partition("\n")
    start = 1
    separator = _separator(first)
    if first.strip().strip('"').lower().startswith("sep=") and len(first.strip().strip('"')) <= 5:
        # strip("\r\n") and not strip(): the separator may be a tab
        separator = first.strip('\r\n"')[4:5] or ","
        text, start = rest, 2
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
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
    if text.count('"') % 2:
        _refuse_open_quote(text, separator, path, start)
    return pd.DataFrame(cells, columns=header, index=pd.Index(numbers, dtype=int), dtype=object)


def _refuse_open_quote(text: str, separator: str, path: Path, start: int) -> None:
    """A quote that is never closed makes one cell of all the rows after it.

    Raises:
        DatasetError: there is one.
    """
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    number = start
    try:
        for _ in rows:
            number += 1
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise DatasetError(
                f'{path.name} opens a quote (") in row {number} that is never closed, so that the rows after it would '
                "be lost: close it."
            ) from error


def _separator(header: str) -> str:
    """The separator that divides the header most, outside of quotes."""
    plain = "".join(header.split('"')[::2])
    return max(_SEPARATORS, key=plain.count)
