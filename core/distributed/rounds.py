"""One round of work on a cluster: workers take partitions until none is left, or nobody who could."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from core.distributed.output import placing

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

PAUSE_S = 10.0
"""Between rounds: a cluster notices only after some seconds that a machine is lost, and gives it work until then."""

Row = dict[str, Any]
Work = Callable[[list[str]], list[Row]]
"""Items to rows: one row for each item, in order."""


class _Round:
    """An actor that lives for one round, and whose end its workers wait for."""

    async def end(self) -> None:
        """Never comes back: with the actor ends the call."""
        import asyncio

        await asyncio.Event().wait()


@contextmanager
def _one_round() -> Iterator[Any]:
    """A round whose workers are gone at its end, also where this machine cannot reach them any more.

    Ray ends an actor once nobody knows it, but what remembers it after an error is not ours to find: a worker that is
    left over keeps its processor, and the next round waits for that for ever.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    one: Any = ray.remote(_Round).options(num_cpus=0, scheduling_strategy=here).remote()
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
        time.sleep(PAUSE_S / 2)  # most are ended by Ray by then
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


def pool_of(resources: Mapping[str, float], *, gpu: bool) -> tuple[int, int]:
    """How many workers there may be, and how many GPUs each has.

    Args:
        resources: ``CPU`` and ``GPU`` of the cluster, as ``connected`` gives them.
        gpu: whether a worker takes a GPU for itself where there are some.
    """
    gpus = int(resources.get("GPU", 0)) if gpu else 0
    return (gpus, 1) if gpus else (max(1, int(resources.get("CPU", 1))), 0)


def work_on(missing: list[dict[str, str]], worker: dict[str, Any], pool: tuple[int, int]) -> Exception | None:
    """Work on partitions once; what kept some of them from being done, if anything did.

    Args:
        missing: ``name`` of each partition's file, and its ``items`` as a JSON list.
        worker: what ``_Worker`` is made with, but for the round.
        pool: as of ``pool_of``.
    """
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
            log.warning("a round on the cluster ended early: %s", said(error))
            return error
    return None


def said(error: Exception | None) -> str:
    """What a worker said: Ray puts its whole traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)
