"""A CSV file of reports to a CSV file of labels."""

import csv
from collections.abc import Iterator
from pathlib import Path

from tqdm.auto import tqdm

from core.atomic import replacing
from core.datasets.table import DatasetError, Problem, require_columns
from core.findings import LABELS
from core.labeler import CHEXPERT, chexpert_values, label_values, presences
from core.plain_text import csv_cell

# Longer than any report, shorter than a file whose quotes do not close.
_LONGEST_FIELD = 1_000_000


def label_file(source: str | Path, target: str | Path, *, chexpert: bool = False) -> tuple[int, list[Problem]]:
    """Label each report of a CSV file.

    Args:
        source: CSV with a column ``text``, or ``findings`` and ``impression`` (or one of the two); other columns are
            carried over.
        target: CSV to write: the columns of the source and the 14 labels (1 present, 0 said to be absent, -1
            uncertain, empty not mentioned).
        chexpert: add the CheXpert-14 labels as well, as ``CheXpert <name>``.

    Returns:
        The number of rows written, and the rows that are broken or have no text; those have empty labels.

    Raises:
        DatasetError: the file is missing or lacks the columns.
    """
    path = Path(source)
    if not path.is_file():
        raise DatasetError(f"There is no file {source} with reports.")
    csv.field_size_limit(_LONGEST_FIELD)
    problems: list[Problem] = []
    written = 0
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or ())
        text_columns = ["text"] if "text" in columns else [n for n in ("findings", "impression") if n in columns]
        if not text_columns:
            require_columns(columns, ["text"], file=path, hint="give id,text or id,findings,impression.")
        names = [*LABELS, *(f"CheXpert {name}" for name in CHEXPERT if chexpert)]
        if repeated := [name for name in names if name in columns]:
            raise DatasetError(f"{path} already has a column {repeated[0]!r}: rename or remove it first.")
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as partial, partial.open("w", newline="", encoding="utf-8") as output:
            writer = csv.writer(output, lineterminator="\n")
            writer.writerow([*columns, *names])
            rows = tqdm(_rows(reader, problems), desc="labelling", unit=" reports", disable=None)
            for number, row in rows:
                text = "\n\n".join(part for name in text_columns if (part := (row[name] or "").strip()))
                if not text:
                    problems.append(Problem(f"{path.name} row {number}", "The row has no report text."))
                found = presences(text)
                values = [label_values(found)[name] for name in LABELS]
                if chexpert:
                    values += (chexpert_values(found) if text else dict.fromkeys(CHEXPERT)).values()
                writer.writerow([*(csv_cell(row[name] or "") for name in columns), *values])
                written += 1
    return written, problems


def _rows(reader: "csv.DictReader[str]", problems: list[Problem]) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and fields of each row; a row that cannot be read is listed, not fatal."""
    number = 1
    while True:
        number += 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(Problem(f"row {number}", f"The row is not CSV: {error}."))
            continue
        if None in row:  # more fields than the header has
            problems.append(Problem(f"row {number}", "The row has more fields than the header; quote its text."))
            row.pop(None)
        yield number, row
