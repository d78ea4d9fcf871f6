"""Manifests of studies to write, CSV or JSON lines, and of what was written, which ``evaluate`` reads."""

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.atomic import publish, replacing
from core.datasets.table import DatasetError

# Names that tables of this program and of others have for the same thing.
_ALIASES = {
    "reference_findings": ("reference_findings", "report_findings"),
    "reference_impression": ("reference_impression", "report_impression", "impression"),
    "reference_icd": ("reference_icd", "icd_codes"),
    "ehr": ("ehr", "patient_data"),
    "id": ("id", "study_id"),
    "patient_id": ("patient_id", "subject_id"),
    "view": ("view",),
}
_REFERENCES = ("reference_findings", "reference_impression")
_KEPT = ("patient_id", "view", *_REFERENCES, "reference_icd")
_FORMATS = (".csv", ".jsonl")


@dataclass(frozen=True)
class Wanted:
    """One study to write.

    Attributes:
        id: its own, or the file's name.
        image_path: as the manifest has it; empty where it names none.
        path: where that is: beside the manifest unless it is absolute; an address that fsspec knows is text.
        ehr: the record as JSON text, mapping or file, or None.
        kept: what else ``evaluate`` needs of it: references, patient, view.
        problem: why nothing is known of it but its place in the manifest; empty for most.
    """

    id: str
    image_path: str
    path: Path | str
    ehr: str | Path | Mapping[str, Any] | None
    kept: dict[str, str]
    problem: str = ""


def read_wanted(path: Path) -> list[Wanted]:
    """Read a manifest of studies to write. A line that is broken is one of them, with its ``problem``.

    Args:
        path: ``.csv`` or ``.jsonl`` with ``image_path``, and any of ``id``, ``ehr`` or ``patient_data``,
            ``patient_id``, ``view``, ``reference_findings``, ``reference_impression``, ``reference_icd``.

    Raises:
        DatasetError: it is missing, of another format, no table, or without the column or a row.
    """
    if not path.is_file():
        raise DatasetError(f"There is no manifest {path}.")
    if path.suffix not in _FORMATS:
        raise DatasetError(f"A manifest is a .csv or .jsonl file, not {path.name!r}.")
    rows = list(enumerate(_csv_rows(path), 2) if path.suffix == ".csv" else _json_rows(path))
    if not any(isinstance(row, dict) and "image_path" in row for _, row in rows):
        broken = next((row for _, row in rows if isinstance(row, str)), None)
        raise DatasetError(broken or f"{path} needs the column image_path and at least one row.")
    return [
        _broken(number, row, path.parent) if isinstance(row, str) else _wanted(row, path.parent) for number, row in rows
    ]


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines.

    Raises:
        DatasetError: a line is none.
    """
    for _, row in _json_rows(path):
        if isinstance(row, str):
            raise DatasetError(row)
        yield row


def write_all_wanted(
    wanted: Iterable[Wanted], output: Path, write: Callable[[Wanted], dict[str, Any]], *, key: object
) -> Iterator[dict[str, Any]]:
    """Write each study, one line at a time, and go on behind the lines that a stopped run left.

    Args:
        wanted: studies, in order.
        output: ``.csv`` or ``.jsonl``; it appears when all are written.
        write: one study to its line.
        key: what the result depends on; a run with another key does not go on with this one's lines.

    Yields:
        All lines, also those that were there.

    Raises:
        DatasetError: the output is of another format.
    """
    if output.suffix not in _FORMATS:
        raise DatasetError(f"Reports are written to a .csv or .jsonl file, not {output.name!r}.")
    digest = hashlib.sha256(json.dumps(key, default=str).encode()).hexdigest()[:8]
    partial = output.with_name(f"{output.name}.{digest}.partial")
    done = _finished_lines(partial)
    lines = [json.loads(line) for line in done]
    yield from lines
    with partial.open("a", encoding="utf-8") as file:
        file.truncate(len("".join(done).encode()))
        for one in list(wanted)[len(done) :]:
            line = write(one)
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            lines.append(line)
            yield line
    if output.suffix == ".csv":
        # The lines stay until the table is there: a run that is stopped here, too, goes on.
        with replacing(output) as table:
            _to_csv(lines, table)
        partial.unlink()
    else:
        publish(partial, output)


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Number of each line that is not empty, and its object, or the sentence that says what is wrong with it."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:  # other encodings than Unicode's included
                yield number, f"{path} line {number} is not JSON."
                continue
            yield number, row if isinstance(row, dict) else f"{path} line {number} is not a JSON object."


def _broken(number: int, problem: str, folder: Path) -> Wanted:
    return Wanted(f"line {number}", "", folder, None, dict.fromkeys(_REFERENCES, ""), problem)


def _wanted(row: Mapping[str, Any], folder: Path) -> Wanted:
    named = str(row.get("image_path") or "").strip()
    given = {name: _first(row, aliases) for name, aliases in _ALIASES.items()}
    patient = row.get("patient_data")
    if not given["patient_id"] and isinstance(patient, Mapping):
        given["patient_id"] = patient.get("subject_id")
    path = Path(named)
    return Wanted(
        id=str(given["id"] or path.stem),
        image_path=named,
        path=named if "://" in named else folder / path,
        ehr=_record(given["ehr"], folder),
        # ``evaluate`` wants both references, empty where there is none: many collections have impressions only.
        kept=dict.fromkeys(_REFERENCES, "")
        | {name: _text(given[name]) for name in _KEPT if given[name] not in (None, "")},
    )


def _record(value: Any, folder: Path) -> str | Path | Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return value
    text = str(value or "").strip()
    if not text:
        return None
    # A name, not JSON, is a file beside the manifest.
    return text if text.startswith(("{", "[")) else folder / text


def _first(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(map(str, value))
    return str(value).replace("|", ";") if "|" in str(value) and " " not in str(value) else str(value)


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from csv.DictReader(file)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as CSV: {error}.") from None


def _to_csv(lines: list[dict[str, Any]], path: Path) -> None:
    columns = list(dict.fromkeys(name for line in lines for name in line))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for line in lines:
            writer.writerow(
                {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in line.items()}
            )


def _finished_lines(partial: Path) -> list[str]:
    """What an interrupted run wrote, without a line that was cut off."""
    if not partial.exists():
        return []
    return [line for line in partial.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
