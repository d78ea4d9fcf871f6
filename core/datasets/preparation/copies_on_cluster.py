"""Resized copies of very many images, made on a Ray cluster."""

import json
from collections.abc import Sequence
from functools import partial

import fsspec
import pandas as pd
import pyarrow as pa

from core.datasets.parallel import in_processes
from core.datasets.preparation.copies import (
    DIED,
    SETTINGS,
    Copied,
    Task,
    check_settings,
    copy_image,
    copying_tasks,
    with_copies,
)
from core.datasets.table import DatasetError, Problem, write_problems, write_table
from core.distributed import ClusterRun, Outcome, Row, Work, distribute, placing, read_parts

SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("image_path", "copy")),
        *((name, pa.int64()) for name in ("image_bytes", "copy_bytes")),
        *((name, pa.string()) for name in ("note", "error")),
    ]
)
"""Columns of the rows, one for each image: its path, that of its copy from the output on, and their sizes in bytes;
``note`` says that the picture was turned or inverted, ``error`` why there is no copy."""


def prepare_on_cluster(
    table: pd.DataFrame, problems: Sequence[Problem], run: ClusterRun, *, image_size: int, bits: int, square: bool
) -> Outcome:
    """Write the copies, ``table.csv`` and ``problems.csv`` of ``prepare_images``, and rows that tell of each image.

    Args:
        table: as of ``prepare_images``; every node can read its images.
        problems: what was left out of it, for ``problems.csv``.
        run: where.
        image_size, bits, square: as of ``prepare_images``.

    Raises:
        DatasetError: a setting is out of range, or no image could be copied.
        DistributionError: as of ``distribute``.
    """
    check_settings(image_size, bits)
    files, root = fsspec.core.url_to_fs(run.output)
    if files.exists(f"{root}/{SETTINGS}"):
        raise DatasetError(f"{run.output} holds copies that were made without --ray: choose another folder.")
    tasks = copying_tasks(table)
    for folder in {task.copy.rpartition("/")[0] for task in tasks.values()}:
        files.makedirs(f"{root}/{folder}", exist_ok=True)
    outcome = distribute(
        [json.dumps(task) for task in tasks.values()],
        partial(_copying, run.output, image_size, bits, square),
        run,
        schema=SCHEMA,
        identify=_identify,
        depends_on={"image_size": image_size, "bits": bits, "square": square},
    )
    rows = read_parts(run.output).to_pylist()
    failed = [Problem(row["image_path"], row["error"]) for row in rows if row["error"]]
    noted = [Problem(row["image_path"], row["note"]) for row in rows if row["note"]]
    with placing(run.output, "problems.csv") as path:
        write_problems([*problems, *failed, *noted], path)
    made = {row["copy"] for row in rows if not row["error"]}
    kept = with_copies(table, tasks, made, told_in=f"{run.output}/problems.csv")
    with placing(run.output, "table.csv") as path:
        write_table(kept, path)
    return outcome


def _copying(output: str, image_size: int, bits: int, square: bool) -> Work:
    copy = partial(copy_image, place=partial(_place, output), image_size=image_size, bits=bits, square=square)

    def work(items: list[str]) -> list[Row]:
        tasks = [Task(*json.loads(item)) for item in items]
        # In a process beside the worker: a file that ends it costs its own row, not the partition.
        made = dict(in_processes(copy, tasks, workers=1, quiet=True))
        return [_row(task, made[task] or DIED) for task in tasks]

    return work


def _place(output: str, name: str, data: bytes) -> None:
    with placing(output, name) as path:
        path.write_bytes(data)


def _row(task: Task, copied: Copied) -> Row:
    row: Row = {"image_path": task.source, "copy": task.copy}
    if copied.problem:
        return row | {"error": copied.problem}
    return row | {
        "image_bytes": copied.source_bytes,
        "copy_bytes": copied.copy_bytes,
        "note": copied.note or None,
    }


def _identify(item: str) -> Row:
    task = Task(*json.loads(item))
    return {"image_path": task.source, "copy": task.copy}
