"""Work on many files in several processes; a process that dies takes its own file with it and nothing else."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from typing import TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm.auto import tqdm

from core.datasets.table import DatasetError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Handing over one file at a time would cost more than a small file's work; long parts would make a bar that jumps.
_PART = 16


def in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    doing: str = "working",
    quiet: bool | None = None,
) -> Iterator[tuple[Item, Result | None]]:
    """Do ``work`` on each item, in any order, with a progress bar.

    Args:
        work: a function that processes can import; its module should import nothing heavy. What it raises ends the
            run, so it returns what concerns one item only.
        items: what to work on.
        workers: number of processes, None for one a processor.
        doing: what the progress bar says.
        quiet: True for no bar, None for one on terminals only.

    Yields:
        Each item with its result, or with None where the process died over it, alone, a second time.

    Raises:
        DatasetError: ``workers`` is below 1, or processes do not start here.
    """
    if workers is not None and workers < 1:
        raise DatasetError(f"The number of processes must be 1 or more, not {workers}.")
    count = min(workers or os.cpu_count() or 1, max(1, -(-len(items) // _PART)))
    parts = deque(list(items[start : start + _PART]) for start in range(0, len(items), _PART))
    with tqdm(total=len(items), desc=doing, unit="img", disable=quiet) as bar:
        while parts:
            flying: dict[Future[list[Result]], list[Item]] = {}
            executor = _start(count)
            try:
                while parts or flying:
                    while parts and len(flying) < 2 * count:
                        flying[executor.submit(_each, work, parts[0])] = parts[0]
                        parts.popleft()
                    for future in wait(flying, return_when=FIRST_COMPLETED).done:
                        results = future.result()
                        part = flying.pop(future)
                        bar.update(len(part))
                        yield from zip(part, results, strict=True)
            except BrokenProcessPool:
                suspects = [item for part in flying.values() for item in part]
            else:
                return
            finally:
                executor.shutdown(cancel_futures=True)
            for pair in _alone(work, suspects):
                bar.update()
                yield pair


def _alone(work: Callable[[Item], Result], suspects: list[Item]) -> Iterator[tuple[Item, Result | None]]:
    """One item at a time: what was short of memory beside others gets through, and a crash is pinned to its item."""
    executor = _start(1)
    try:
        for item in suspects:
            try:
                result = executor.submit(work, item).result()
            except BrokenProcessPool:
                executor.shutdown()
                executor = _start(1)
                yield item, None
            else:
                yield item, result
    finally:
        executor.shutdown(cancel_futures=True)


def _each(work: Callable[[Item], Result], part: list[Item]) -> list[Result]:
    return [work(item) for item in part]


def _start(count: int) -> ProcessPoolExecutor:
    executor = ProcessPoolExecutor(count, mp_context=_context(), initializer=_settle_in)
    try:
        executor.submit(os.getpid).result()
    except BrokenProcessPool:
        raise DatasetError(
            "Worker processes cannot be started: call this from a script's main part, or free memory."
        ) from None
    return executor


def _context() -> BaseContext:
    """Fresh processes, never copies of this one, which may hold a network and threads."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["core.datasets.preparation.copies", "core.datasets.quality.files"])
    return context


def _settle_in() -> None:
    """Leave Ctrl-C to the parent, compute in one thread as there are as many processes, and end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
