"""Resized copies of all images of a table, made once instead of in every epoch."""

import csv
import errno
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from core.atomic import replacing, write_json, write_text
from core.datasets.parallel import in_processes
from core.datasets.preparation.pixels import padded, png, read_grey, resized
from core.datasets.table import Collection, DatasetError, Problem, write_table
from core.distributed import ABOUT
from core.imaging import ImagingError
from core.plain_text import csv_cell

LARGEST_SIDE = 1024
SETTINGS = "settings.json"
"""File of a folder of copies that were made without a cluster."""
_FINISHED = ("copy", "source_bytes", "source_mtime_ns", "copy_bytes", "note")
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Task(NamedTuple):
    """An image to copy: its path, and the path of its copy from the output folder on."""

    source: str
    copy: str


class Copied(NamedTuple):
    """What became of a task: either a problem, or facts about the image and its copy.

    Attributes:
        problem: why there is no copy, or empty.
        source_bytes, source_mtime_ns: size of the image, and when it was changed.
        copy_bytes: size of the copy.
        note: that the picture was turned or inverted, or empty.
    """

    problem: str = ""
    source_bytes: int = 0
    source_mtime_ns: int = 0
    copy_bytes: int = 0
    note: str = ""


DIED = Copied("Reading the image ended its process, perhaps for want of memory.")


def prepare_images(
    table: pd.DataFrame,
    output_dir: str | Path,
    *,
    image_size: int,
    bits: int = 8,
    square: bool = False,
    workers: int | None = None,
) -> Collection:
    """Write a resized grey PNG of each image, and a table of the copies.

    The folder holds ``images/<source>/<name>-<hash>.png``, ``table.csv`` with paths that start at the folder, so that
    it can be moved, ``problems.csv``, ``settings.json``, and ``finished.csv``, by which the next run skips copies that
    are done. A copy is done again where its source has another size or time of change.

    Args:
        table: as a reader's ``Collection`` holds it; no index or order is needed.
        output_dir: folder to write; made if there is none.
        image_size: longest side of the copies in pixels, 1 to 1024. Smaller images are enlarged.
        bits: 8 or 16 a grey value.
        square: pad the shorter side with black on both sides.
        workers: number of processes, None for one a processor.

    Returns:
        The table of the copies with absolute paths, without the rows whose image could not be copied, and the images
        that were left out or inverted as problems.

    Raises:
        DatasetError: a setting is out of range, the folder was made with other settings, no image could be copied, or
            the disk is full.
    """
    check_settings(image_size, bits)
    folder = Path(output_dir).absolute()
    with _plain_about_disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _claim(folder, {"image_size": image_size, "bits": bits, "square": square})
        tasks = copying_tasks(table)
        problems = _copy_all(
            tasks,
            folder,
            partial(copy_image, place=partial(_place, folder), bits=bits, square=square, image_size=image_size),
            workers,
        )
        return _describe(table, folder, tasks, problems)


def check_settings(image_size: int, bits: int) -> None:
    """Refuse settings out of range.

    Raises:
        DatasetError: one is.
    """
    if not 1 <= image_size <= LARGEST_SIDE:
        raise DatasetError(f"The image size must be from 1 to {LARGEST_SIDE} pixels, not {image_size}.")
    if bits not in (8, 16):
        raise DatasetError(f"Copies have 8 or 16 bits a grey value, not {bits}.")


@contextmanager
def _plain_about_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DatasetError(
            f"The disk of {folder} is full: free some space and run this again; finished copies are kept."
        ) from None


def _claim(folder: Path, settings: dict[str, Any]) -> None:
    """Note the settings in a new folder, compare them in an old one."""
    if (folder / ABOUT).exists():
        raise DatasetError(f"{folder} holds copies that were made with --ray: choose another folder, or use it again.")
    path = folder / SETTINGS
    if path.is_file():
        with suppress(json.JSONDecodeError):
            found = json.loads(path.read_text())
            if found != settings:
                shown = ", ".join(f"{name} {value}" for name, value in found.items())
                raise DatasetError(f"{folder} holds copies with other settings ({shown}): choose another folder.")
            return
    write_json(path, settings, indent=2)


def copying_tasks(table: pd.DataFrame) -> dict[str, Task]:
    """One task an image of a table, by its path. The name is the same in every run, whatever else the table holds."""
    tasks = {}
    for source, path in zip(table["source"].astype(str), table["image_path"], strict=True):
        name = str(path)
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        tasks[name] = Task(name, f"images/{_safe(source)}/{_safe(Path(name).stem)}-{digest}.png")
    return tasks


def _safe(name: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:100].strip(".") or "_"


def _copy_all(tasks: dict[str, Task], folder: Path, copy: partial[Copied], workers: int | None) -> list[Problem]:
    """Make the copies that are not there yet; returns what is to be said of all of them."""
    for parent in {Path(task.copy).parent for task in tasks.values()}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    sizes = _sizes(folder)
    finished = {
        name: outcome
        for name, outcome in _read_finished(folder / "finished.csv").items()
        if sizes.get(name) == outcome.copy_bytes
    }
    pending = [task for task in tasks.values() if not _is_fresh(task, finished.get(task.copy))]
    problems = []
    record = io.StringIO()
    csv.writer(record).writerows([_FINISHED, *((name, *outcome[1:]) for name, outcome in finished.items())])
    write_text(folder / "finished.csv", record.getvalue())
    with (folder / "finished.csv").open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for task, outcome in in_processes(copy, pending, workers=workers, doing="preparing"):
            outcome = outcome or DIED
            if outcome.problem:
                finished.pop(task.copy, None)
                (folder / task.copy).unlink(missing_ok=True)
                problems.append(Problem(task.source, outcome.problem))
                continue
            finished[task.copy] = outcome
            writer.writerow((task.copy, *outcome[1:]))
            file.flush()
    return problems + [
        Problem(task.source, finished[task.copy].note)
        for task in tasks.values()
        if task.copy in finished and finished[task.copy].note
    ]


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each copy that is there; what a killed run left half written is removed."""
    sizes = {}
    for source in (folder / "images").iterdir() if (folder / "images").is_dir() else ():
        for entry in os.scandir(source):
            if ".partial" in entry.name:
                os.unlink(entry.path)
            else:
                sizes[f"images/{source.name}/{entry.name}"] = entry.stat().st_size
    return sizes


def _read_finished(path: Path) -> dict[str, Copied]:
    """The record of earlier runs; a line that a killed run left torn counts as not written."""
    finished = {}
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            for line in csv.reader(file):
                with suppress(ValueError):
                    name, size, changed, copied, note = line
                    finished[name] = Copied("", int(size), int(changed), int(copied), note)
    return finished


def _is_fresh(task: Task, finished: Copied | None) -> bool:
    if finished is None:
        return False
    try:
        state = os.stat(task.source)
    except OSError:
        return False
    return (state.st_size, state.st_mtime_ns) == (finished.source_bytes, finished.source_mtime_ns)


def copy_image(task: Task, *, place: Callable[[str, bytes], None], image_size: int, bits: int, square: bool) -> Copied:
    """Make one copy, in a worker process. Only what concerns the output is raised.

    Args:
        task: the image.
        place: writes the copy under its name.
        image_size, bits, square: as of ``prepare_images``.
    """
    try:
        with open(task.source, "rb") as file:
            state = os.fstat(file.fileno())
            data = file.read()
        pixels, note = resized(read_grey(data), image_size)
    except FileNotFoundError:
        return Copied(problem="There is no such file.")
    except OSError as error:
        return Copied(problem=f"The file cannot be read: {error.strerror}.")
    except ImagingError as error:
        return Copied(problem=str(error))
    except MemoryError:
        return Copied(problem="There was not enough memory to read the image.")
    encoded = png(padded(pixels) if square else pixels, bits=bits)
    place(task.copy, encoded)
    return Copied("", state.st_size, state.st_mtime_ns, len(encoded), note)


def _place(folder: Path, name: str, data: bytes) -> None:
    with replacing(folder / name, durable=False) as half:
        half.write_bytes(data)


def _describe(table: pd.DataFrame, folder: Path, tasks: dict[str, Task], problems: list[Problem]) -> Collection:
    """Write ``table.csv`` and ``problems.csv``."""
    rows = [(csv_cell(item.item), csv_cell(item.reason)) for item in problems]
    write_text(folder / "problems.csv", pd.DataFrame(rows, columns=["item", "reason"]).to_csv(index=False))
    kept = with_copies(table, tasks, set(_sizes(folder)), told_in=str(folder / "problems.csv"))
    write_table(kept, folder / "table.csv")
    left_out = len(table) - len(kept)
    notes = (f"{left_out} of {len(table)} images could not be copied and were left out.",) if left_out else ()
    return Collection(
        kept.assign(image_path=[str(folder / name) for name in kept["image_path"]]), tuple(problems), notes
    )


def with_copies(table: pd.DataFrame, tasks: dict[str, Task], made: set[str], *, told_in: str) -> pd.DataFrame:
    """The rows of a table whose image was copied, with the copies' paths from the output on.

    Args:
        table: of the images.
        tasks: of ``copying_tasks``.
        made: names of the copies that there are.
        told_in: where the reasons for the others stand.

    Raises:
        DatasetError: there is none.
    """
    copies = pd.Series([tasks[str(path)].copy for path in table["image_path"]], index=table.index, dtype=object)
    present = copies.isin(made)
    if not present.any():
        raise DatasetError(f"None of the {len(table)} images could be copied; {told_in} says why.")
    return table[present].assign(image_path=copies[present]).reset_index(drop=True)
