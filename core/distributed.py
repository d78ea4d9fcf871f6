"""Work on very many items on a Ray cluster (``pip install -r requirements-ray.txt``).

Items are divided into partitions. Workers that keep their state (Ray Data with a pool of actors, one model each) take
one partition at a time and write it as one Parquet file, whole or not at all, so that a partition that is done twice
because a machine was lost leaves the same file once. The same call goes on with the partitions that are missing.
"""

import argparse
import asyncio
import hashlib
import json
import logging
import os
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from core.errors import ChestLensError
from core.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

ABOUT = "_about.json"
"""File of an output that says what it hangs on."""
_PARTITION = 256
log = logging.getLogger(__name__)

_TABLES = (".csv", ".jsonl", ".parquet")
_REACHED_WITHIN_S = 20.0
# Rounds without a finished partition after which it is given up. A cluster notices only after some seconds that a
# machine is lost, and gives it work until then.
_ROUNDS = 3
_PAUSE_S = 10.0

Row = dict[str, Any]
Work = Callable[[list[str]], list[Row]]
"""Items to rows: one row for each item, in order."""


class DistributionError(ChestLensError):
    """The work cannot be done on a cluster; the message says why."""


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
                cause = _work_on(missing, worker, _pool(resources, gpu=gpu))
                left = _missing(files, root, parts)
                fruitless = fruitless + 1 if len(left) == len(missing) else 0
                if fruitless == _ROUNDS:
                    raise DistributionError(f"No partition could be finished: {_said(cause)}") from cause
                if left:
                    time.sleep(_PAUSE_S)
                missing = left
    return _counted(read_parts(run.output, ["error"]), len(items), partitions=len(parts), kept=kept)


def holds_parts(path: Path) -> bool:
    """Whether a path is a folder into which ``distribute`` wrote."""
    return (path / ABOUT).is_file() and any(path.glob("part-*.parquet"))


def read_parts(output: str, columns: list[str] | None = None) -> "pa.Table":
    """The rows that ``distribute`` wrote, in order.

    Args:
        output: of the run.
        columns: names, or None for all.
    """
    import pyarrow as pa
    from pyarrow import parquet

    files, root = fsspec.core.url_to_fs(output)
    files.invalidate_cache()
    tables = []
    for part in sorted(files.glob(f"{root}/part-*.parquet")):
        with files.open(part, "rb") as stream:
            tables.append(parquet.read_table(stream, columns=columns))
    return pa.concat_tables(tables)


@contextmanager
def placing(output: str, name: str) -> "Iterator[Path]":
    """Give the path of a file to write, which then lies below an output, whole or not at all.

    What was there under the name is replaced, and gone where nothing was written. The file's folder must be there.

    Args:
        output: folder, or an address that fsspec knows.
        name: of the file, from there.
    """
    files, root = fsspec.core.url_to_fs(output)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / Path(name).name
        yield made
        if not made.exists():
            if files.exists(f"{root}/{name}"):
                files.rm_file(f"{root}/{name}")
            return
        # Under a name of its own until it is whole; two that write the same file do not meet.
        draft = f"{root}/.{uuid.uuid4().hex}"
        files.put_file(str(made), draft)
        files.mv(draft, f"{root}/{name}")


def _missing(files: Any, root: str, parts: dict[str, list[str]]) -> list[dict[str, str]]:
    files.invalidate_cache()
    there = {place.rpartition("/")[2] for place in files.ls(root, detail=False)}
    return [{"name": name, "items": json.dumps(part)} for name, part in parts.items() if name not in there]


class _Round:
    """An actor that lives for one round, and whose end its workers wait for."""

    async def end(self) -> None:
        """Never comes back: with the actor ends the call."""
        await asyncio.Event().wait()


@contextmanager
def _one_round() -> "Iterator[Any]":
    """A round whose workers are gone at its end, also where this machine cannot reach them any more.

    Ray ends an actor once nobody knows it, but what remembers it after an error is not ours to find: a worker that is
    left over keeps its processor, and the next round waits for that for ever.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    one = ray.remote(_Round).options(num_cpus=0, scheduling_strategy=here).remote()
    try:
        yield one
    finally:
        ray.kill(one)


def _end_with(one: Any) -> None:
    """Let this process end with a round."""
    import ray

    def wait() -> None:
        with suppress(Exception):  # of whatever kind Ray tells of the end
            ray.get(one.end.remote())
        time.sleep(_PAUSE_S / 2)  # most are ended by Ray by then
        os._exit(0)

    threading.Thread(target=wait, name="end of the round", daemon=True).start()


class _Worker:
    """An actor: works on partitions and writes them."""

    def __init__(
        self,
        one: Any,
        make_work: Callable[[], Work],
        output: str,
        schema: "pa.Schema",
        identify: Callable[[str], Row],
    ) -> None:
        _end_with(one)
        self._work = make_work()
        self._output = output
        self._schema = schema
        self._identify = identify

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Work on the partitions of a batch; what is returned says which."""
        import pyarrow as pa
        from pyarrow import parquet

        for name, given in zip(batch["name"], batch["items"], strict=True):
            rows = [
                {column: _storable(value) for column, value in row.items()} for row in self._rows(json.loads(given))
            ]
            with placing(self._output, str(name)) as path:
                parquet.write_table(pa.Table.from_pylist(rows, schema=self._schema), path)
        return {"name": batch["name"]}

    def _rows(self, items: list[str]) -> list[Row]:
        """One row for each item; one over which the work fails costs its own row and no other."""
        try:
            return self._work(items)
        except Exception as error:  # whatever it is, it is told of in the row
            if len(items) == 1:
                log.exception("the work failed over an item")
                return [self._identify(items[0]) | {"error": f"The work failed over it ({error!r})."}]
        return [row for item in items for row in self._rows([item])]


def _storable(value: Any) -> Any:
    # A name on disk may be no text, which Parquet cannot hold.
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def _pool(resources: Mapping[str, float], *, gpu: bool) -> tuple[int, int]:
    """How many workers there may be, and how many GPUs each has."""
    gpus = int(resources.get("GPU", 0)) if gpu else 0
    return (gpus, 1) if gpus else (max(1, int(resources.get("CPU", 1))), 0)


def _work_on(missing: list[dict[str, str]], worker: dict[str, Any], pool: tuple[int, int]) -> Exception | None:
    """Work on partitions once; what kept some of them from being done, if anything did."""
    import ray.data
    from tqdm.auto import tqdm

    workers, gpus = pool
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # A partition whose worker is lost is left to the next round. Ray's own way, to start that worker again, waits for
    # ever where the machines that are left have no processor to spare.
    context.max_errored_blocks = -1
    with _one_round() as one:
        done = ray.data.from_items(missing, override_num_blocks=len(missing)).map_batches(
            _Worker,
            fn_constructor_kwargs={"one": one, **worker},
            batch_size=1,
            num_cpus=1,
            num_gpus=gpus,
            max_restarts=0,
            max_task_retries=0,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(workers, len(missing))),
        )
        try:
            for _ in tqdm(done.iter_rows(), total=len(missing), desc="working", unit="partition", disable=None):
                pass
        except Exception as error:  # of Ray, of a library or of a worker: what came of it is seen by what lies there
            log.warning("a round on the cluster ended early: %s", _said(error))
            return error
    return None


def _said(error: Exception | None) -> str:
    """What a worker said: Ray puts its whole traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)


@contextmanager
def connected(address: str) -> "Iterator[dict[str, float]]":
    """Connect to a cluster, and give what it has of ``CPU`` and ``GPU``; a connection that stands is used.

    Args:
        address: of the cluster, or ``auto``.

    Raises:
        DistributionError: Ray is not installed, or there is no such cluster.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise DistributionError("Ray is not installed: pip install -r requirements-ray.txt.") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to the makers of Ray
    _check_reachable(address)
    if ray.is_initialized():
        yield ray.cluster_resources()
        return
    # Functions are found on the nodes by their names.
    settings: dict[str, Any] = {
        "runtime_env": {"env_vars": {"PYTHONPATH": str(ROOT)}},
        "log_to_driver": False,
        "logging_level": "warning",
    }
    try:
        try:
            ray.init(address=address, **settings)
        except ConnectionError:
            if address != "auto":
                raise
            ray.init(**settings)
    except (ConnectionError, ValueError) as error:
        raise DistributionError(f"There is no Ray cluster at {address}: {error}.") from error
    try:
        yield ray.cluster_resources()
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Whether anybody listens at ``[ray://]HOST:PORT``: Ray itself tries for minutes and then ends the process.

    Raises:
        DistributionError: nobody does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_REACHED_WITHIN_S).close()
    except OSError as error:
        raise DistributionError(f"There is no Ray cluster at {address}: {error.strerror or error}.") from error


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
