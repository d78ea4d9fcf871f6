"""Work on very many items on a Ray cluster (``pip install -r requirements-ray.txt``).

Items are divided into partitions. Workers that keep their state (Ray Data with a pool of actors, one model each) take
one partition at a time and write it as one Parquet file, whole or not at all, so that a partition that is done twice
because a machine was lost leaves the same file once. The same call goes on with the partitions that are missing.
"""

import hashlib
import json
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fsspec

from core.errors import ChestLensError
from core.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

PARTITION = 256
log = logging.getLogger(__name__)

_ABOUT = "_about.json"
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


def distribute(
    items: Sequence[str],
    make_work: Callable[[], Work],
    output: str,
    *,
    schema: "pa.Schema",
    depends_on: dict[str, Any],
    address: str,
    partition: int = PARTITION,
) -> Outcome:
    """Turn items into rows of Parquet files ``part-NNNNNN.parquet`` below ``output``, in order.

    Args:
        items: such as paths; every node must be able to read them.
        make_work: makes a worker's function, on the worker; ChestLens lies in the same folder on every node.
        output: folder that every node can write, or an address that fsspec knows, such as ``s3://bucket/folder``.
        schema: of the rows; ``error`` is one of its columns.
        depends_on: what the rows hang on, as JSON; an output that hangs on something else is refused.
        address: of the cluster; ``auto`` is the one of this machine, or a new one on it.
        partition: items of one file.

    Raises:
        DistributionError: Ray is not installed, the output belongs to other items, or rows are missing in the end.
    """
    if partition < 1:
        raise DistributionError(f"A partition has 1 item or more, not {partition}.")
    files, root = fsspec.core.url_to_fs(output)
    digest = hashlib.sha256("\n".join(items).encode("utf-8", "surrogateescape")).hexdigest()
    _claim(files, root, {"depends_on": depends_on, "items": digest, "partition": partition})
    parts = {
        f"{root}/part-{number:06d}.parquet": list(items[start : start + partition])
        for number, start in enumerate(range(0, len(items), partition))
    }
    missing = _missing(files, root, parts)
    kept = len(parts) - len(missing)
    if missing:
        with _cluster(address) as workers:
            fruitless = 0
            while missing:
                # What was lost with a machine is missing still, and done by those that are left.
                cause = _work_on(missing, make_work, output, schema, workers)
                left = _missing(files, root, parts)
                fruitless = fruitless + 1 if len(left) == len(missing) else 0
                if fruitless == _ROUNDS:
                    raise DistributionError(f"No partition could be finished: {cause}") from cause
                if left:
                    time.sleep(_PAUSE_S)
                missing = left
    return _counted(files, list(parts), len(items), kept=kept)


def _missing(files: Any, root: str, parts: dict[str, list[str]]) -> list[dict[str, str]]:
    files.invalidate_cache()
    there = set(files.ls(root, detail=False))
    return [{"file": file, "items": json.dumps(part)} for file, part in parts.items() if file not in there]


class _Worker:
    """An actor: works on partitions and writes them."""

    def __init__(self, make_work: Callable[[], Work], output: str, schema: "pa.Schema") -> None:
        self._work = make_work()
        self._schema = schema
        self._files, self._root = fsspec.core.url_to_fs(output)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Work on the partitions of a batch; what is returned says which."""
        import pyarrow as pa
        from pyarrow import parquet

        for file, given in zip(batch["file"], batch["items"], strict=True):
            rows = self._work(json.loads(given))
            # Under a name of its own until it is whole; two that do the same partition do not meet.
            draft = f"{self._root}/.{uuid.uuid4().hex}"
            with self._files.open(draft, "wb") as stream:
                parquet.write_table(pa.Table.from_pylist(rows, schema=self._schema), stream)
            self._files.mv(draft, str(file))
        return {"file": batch["file"]}


def _work_on(
    missing: list[dict[str, str]], make_work: Callable[[], Work], output: str, schema: "pa.Schema", workers: int
) -> Exception | None:
    """Work on partitions once; what kept some of them from being done, if anything did."""
    import ray.data
    from tqdm.auto import tqdm

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # A partition whose worker is lost is left to the next round. Ray's own way, to start that worker again, waits for
    # ever where the machines that are left have no processor to spare.
    context.max_errored_blocks = -1
    done = ray.data.from_items(missing, override_num_blocks=len(missing)).map_batches(
        _Worker,
        fn_constructor_args=(make_work, output, schema),
        batch_size=1,
        num_cpus=1,
        max_restarts=0,
        max_task_retries=0,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(workers, len(missing))),
    )
    try:
        for _ in tqdm(done.iter_rows(), total=len(missing), desc="working", unit="partition", disable=None):
            pass
    except Exception as error:  # of Ray, of a library or of a worker: what came of it is seen by what lies there
        log.warning("a round on the cluster ended early: %s", error)
        return error
    return None


@contextmanager
def _cluster(address: str) -> "Iterator[int]":
    """Connect to a cluster; the number of its processors."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise DistributionError("Ray is not installed: pip install -r requirements-ray.txt.") from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to the makers of Ray
    _check_reachable(address)
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
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
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
    place = f"{root}/{_ABOUT}"
    files.makedirs(root, exist_ok=True)
    if files.exists(place):
        if json.loads(files.cat_file(place)) != json.loads(json.dumps(about)):
            raise DistributionError(f"{root} holds the results of other files or settings; name another --output.")
    else:
        files.pipe_file(place, json.dumps(about).encode())


def _counted(files: Any, parts: list[str], items: int, *, kept: int) -> Outcome:
    from pyarrow import parquet

    rows = errors = 0
    for part in parts:
        with files.open(part, "rb") as stream:
            column = parquet.read_table(stream, columns=["error"])["error"]
        rows += len(column)
        errors += len(column) - column.null_count
    if rows != items:
        raise DistributionError(f"{rows:,} rows were written for {items:,} items; run the same command again.")
    return Outcome(rows, errors, len(parts), kept)
