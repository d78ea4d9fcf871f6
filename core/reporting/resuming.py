"""A table of predictions that goes on where a killed run left it.

Rows lie in ``OUTPUT.partial`` until all are there, and ``OUTPUT.partial.json`` says by what they were judged. The same
command keeps the rows that are still true: whole lines, in the order of the files, of files that have not changed.
"""

import csv
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from core import atomic

# How a name on disk that is no text goes into the table and out of it again.
_ENCODING, _ERRORS = "utf-8", "surrogateescape"


class PartialTable:
    """The unfinished table beside ``output``.

    Args:
        output: the table to be.
        columns: its header.
        judged_by: what the rows hang on, as JSON; rows that hang on something else are thrown away.
    """

    def __init__(self, output: Path, columns: Sequence[str], judged_by: dict[str, Any]) -> None:
        self._output, self._columns, self._judged_by = output, tuple(columns), judged_by
        self._rows = output.with_name(output.name + ".partial")
        self._about = output.with_name(output.name + ".partial.json")

    def resume(self, files: Sequence[Path], shown: Callable[[Path], str]) -> tuple[int, int]:
        """Keep the rows of the first of the files, as many as are there and still true.

        Args:
            files: in the order of the rows.
            shown: what stands in the column ``path`` for a file.

        Returns:
            How many rows were kept, and how many of them tell of an error.

        Raises:
            OSError: the partial table cannot be written.
        """
        began = self._began()
        kept = failed = end = 0
        if began is not None:
            for (row, end_of_row), file in zip(self._whole_rows(), files, strict=False):
                if row["path"] != shown(file) or _changed_since(file, began):
                    break
                kept, failed, end = kept + 1, failed + bool(row["error"]), end_of_row
        if end:
            os.truncate(self._rows, end)
        else:
            atomic.write_json(self._about, {"judged_by": self._judged_by, "began": time.time()})
            with self._rows.open("w", encoding=_ENCODING, errors=_ERRORS, newline="") as table:
                csv.writer(table, lineterminator="\n").writerow(self._columns)
        return kept, failed

    def append(self) -> IO[str]:
        """The partial table, opened for further rows."""
        return self._rows.open("a", encoding=_ENCODING, errors=_ERRORS, newline="")

    def finish(self) -> None:
        """Give the table its name."""
        atomic.publish(self._rows, self._output)
        self._about.unlink(missing_ok=True)

    def _began(self) -> float | None:
        """When the rows were begun; None where there are none, or none that hang on the same."""
        try:
            about = json.loads(self._about.read_text(encoding="utf-8"))
            return float(about["began"]) if about["judged_by"] == self._judged_by else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _whole_rows(self) -> Iterator[tuple[dict[str, str], int]]:
        """Rows, each with the place where it ends; a line that a kill tore is none."""
        try:
            file = self._rows.open("rb")
        except OSError:
            return
        with file:
            place = 0

            def lines() -> Iterator[str]:
                nonlocal place
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    place += len(line)
                    yield line.decode(_ENCODING, _ERRORS)

            reader = csv.reader(lines())
            if tuple(next(reader, ())) != self._columns:
                return
            for cells in reader:
                if len(cells) != len(self._columns):
                    return
                yield dict(zip(self._columns, cells, strict=True)), place


def _changed_since(file: Path, began: float) -> bool:
    try:
        return file.stat().st_mtime > began
    except OSError:
        return True
