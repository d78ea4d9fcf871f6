"""Very many items to rows of Parquet files, in rounds, and the options of the commands that do so."""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from core.distributed.connection import connected
from core.distributed.errors import DistributionError
from core.distributed.output import ABOUT, read_parts
from core.distributed.rounds import PAUSE_S, Row, Work, pool_of, said, work_on

if TYPE_CHECKING:
    import pyarrow as pa

_PARTITION = 256
_TABLES = (".csv", ".jsonl", ".parquet")
# Rounds without a finished partition after which it is given up.
_ROUNDS = 3


@dataclass(frozen=True)
class ClusterRun:
    """Where work is done and where its rows go.

    Attributes:
        address: of the cluster; ``auto`` is the one of this machine, or a new one on it.
        output: folder that every node can write, or an address that fsspec knows, such as ``s3://bucket/folder``.
        partition: items of one file.
    """

    address: str
    output: str
    partition: int = _PARTITION


@dataclass(frozen=True)
class Outcome:
    """What lies in the output now.

    Attributes:
        rows: one for each item.
        errors: rows whose column ``error`` is not empty.
        partitions: Parquet files.
        kept: how many of them were there before.
    """

    rows: int
    errors: int
    partitions: int
    kept: int

    @property
    def status(self) -> int:
        """Exit status of a command: 1 if not one item went well."""
        return 1 if self.errors == self.rows else 0

    def sentence(self, output: str, *, items: str, failed: str) -> str:
        """What a command says in the end.

        Args:
            output: where the rows lie.
            items: what was worked on, such as ``files``.
            failed: what is the matter with those that have an error, such as ``could not be read``.
        """
        kept = f", {self.kept:,} of them there before" if self.kept else ""
        return (
            f"{self.rows:,} {items}, {self.errors:,} of which {failed}, in {self.partitions:,} Parquet files{kept}: "
            f"{output}"
        )


def add_cluster_options(parser: argparse.ArgumentParser, *, items: str) -> None:
    """Add ``--ray`` and ``--partition`` to a command that has ``--output``.

    Args:
        parser: of the command.
        items: what is worked on, such as ``files``.
    """
    group = parser.add_argument_group("on a cluster")
    group.add_argument(
        "--ray",
        metavar="auto|ADDRESS",
        help="work on a Ray cluster (auto: that of this machine, or a new one on it); --output is then a folder, or an "
        "address of one that fsspec knows, such as s3://bucket/folder, for Parquet files with a row for each of the "
        f"{items}; the same command goes on with the files that are missing",
    )
    group.add_argument("--partition", type=int, help=f"{items} of a Parquet file [{_PARTITION}]")


def cluster_run(options: argparse.Namespace, *unusable: str) -> ClusterRun | None:
    """What the options of ``add_cluster_options`` ask for; None without ``--ray``.

    Args:
        options: of the command.
        unusable: names of options that mean nothing on a cluster.

    Raises:
        DistributionError: options were given that do not go together.
    """
    if not options.ray:
        if options.partition is not None:
            raise DistributionError("--partition divides the work of a cluster: name one with --ray.")
        return None
    for name in unusable:
        if getattr(options, name) not in (None, False):
            raise DistributionError(f"--{name} cannot be used together with --ray.")
    if not options.output:
        raise DistributionError("--ray needs --output, the folder for the Parquet files.")
    output = str(options.output)
    if Path(output).suffix in _TABLES:
        raise DistributionError(f"With --ray, --output is a folder for Parquet files, not a file {output!r}.")
    return ClusterRun(options.ray, output, _PARTITION if options.partition is None else options.partition)


def distribute(
    items: Sequence[str],
    make_work: Callable[[], Work],
    run: ClusterRun,
    *,
    schema: "pa.Schema",
    identify: Callable[[str], Row],
    depends_on: Mapping[str, Any],
    gpu: bool = False,
) -> Outcome:
    """Turn items into rows of Parquet files ``part-NNNNNN.parquet`` below the output, in order.

    Args:
        items: one or more, such as paths; every node must be able to read them.
        make_work: makes a worker's function, on the worker; ChestLens lies in the same folder on every node.
        run: where.
        schema: of the rows; ``error`` is one of its columns.
        identify: the columns that say which item it was, for the row of one over which the work fails.
        depends_on: what the rows hang on, as JSON; an output that hangs on something else is refused.
        gpu: whether a worker takes a GPU for itself where the cluster has some.

    Raises:
        DistributionError: Ray is not installed, the output belongs to other items, or rows are missing in the end.
    """
    if run.partition < 1:
        raise DistributionError(f"A partition has 1 item or more, not {run.partition}.")
    files, root = fsspec.core.url_to_fs(run.output)
    digest = hashlib.sha256("\0".join(items).encode("utf-8", "surrogateescape")).hexdigest()
    _claim(files, root, {"depends_on": depends_on, "items": digest, "partition": run.partition})
    parts = {
        f"part-{number:06d}.parquet": list(items[start : start + run.partition])
        for number, start in enumerate(range(0, len(items), run.partition))
    }
    missing = _missing(files, root, parts)
    kept = len(parts) - len(missing)
    if missing:
        with connected(run.address) as resources:
            worker = {"make_work": make_work, "output": run.output, "schema": schema, "identify": identify}
            fruitless = 0
            while missing:
                # What was lost with a machine is missing still, and done by those that are left.
                cause = work_on(missing, worker, pool_of(resources, gpu=gpu))
                left = _missing(files, root, parts)
                fruitless = fruitless + 1 if len(left) == len(missing) else 0
                if fruitless == _ROUNDS:
                    raise DistributionError(f"No partition could be finished: {said(cause)}") from cause
                if left:
                    time.sleep(PAUSE_S)
                missing = left
    return _counted(read_parts(run.output, ["error"]), len(items), partitions=len(parts), kept=kept)


def _missing(files: Any, root: str, parts: dict[str, list[str]]) -> list[dict[str, str]]:
    files.invalidate_cache()
    there = {place.rpartition("/")[2] for place in files.ls(root, detail=False)}
    return [{"name": name, "items": json.dumps(part)} for name, part in parts.items() if name not in there]


def _claim(files: Any, root: str, about: dict[str, Any]) -> None:
    """Write what an output hangs on, or see that it hangs on the same.

    Raises:
        DistributionError: it hangs on something else.
    """
    place = f"{root}/{ABOUT}"
    files.makedirs(root, exist_ok=True)
    if files.exists(place):
        if json.loads(files.cat_file(place)) != json.loads(json.dumps(about)):
            raise DistributionError(f"{root} holds the results of other files or settings; name another --output.")
    else:
        files.pipe_file(place, json.dumps(about).encode())


def _counted(rows: "pa.Table", items: int, *, partitions: int, kept: int) -> Outcome:
    if len(rows) != items:
        raise DistributionError(f"{len(rows):,} rows were written for {items:,} items; run the same command again.")
    return Outcome(len(rows), len(rows) - rows["error"].null_count, partitions, kept)
