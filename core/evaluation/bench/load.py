"""The server under load: many clients who each upload, wait for their result, and upload again."""

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests

from core.evaluation.bench.server import finished_study, memory_of, running_server
from core.imaging.phantom import phantom_png

CLIENTS = (1, 2, 5, 10, 20, 50)
WORKERS = (1, 2)
_STUDIES_A_CLIENT = 2


@dataclass(frozen=True)
class Load:
    """What clients met.

    Attributes:
        clients: how many there were at the same time.
        workers: processes that analysed.
        seconds: from the start of an upload to its result, of each study that finished.
        errors: studies that did not.
        wall: seconds until the last client was done.
    """

    clients: int
    seconds: tuple[float, ...]
    errors: int
    wall: float
    workers: int = 1

    def to_json(self) -> dict[str, Any]:
        """All figures; times are None where nothing finished."""
        done = self.seconds
        return {
            "clients": self.clients,
            "workers": self.workers,
            "studies": len(done),
            "errors": self.errors,
            "studies_per_s": len(done) / self.wall,
            "median_s": statistics.median(done) if done else None,
            "p95_s": float(np.percentile(done, 95)) if done else None,
        }

    def __str__(self) -> str:
        """A line for people."""
        figures = self.to_json()
        waited = (
            f"upload to result median {figures['median_s']:.2f} s, 95th percentile {figures['p95_s']:.2f} s"
            if self.seconds
            else "nothing finished"
        )
        crew = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return (
            f"{crew}, {self.clients} clients: {figures['studies_per_s']:.2f} studies/s, {waited}, {self.errors} errors"
        )


def measure_load(
    checkpoint: Path, *, clients: tuple[int, ...] = CLIENTS, workers: tuple[int, ...] = WORKERS
) -> Iterator[Load | str]:
    """Let more and more clients use one server, with one worker and with several, and yield what they met.

    Raises:
        OSError: the server did not start, or its first study failed.
    """
    picture = phantom_png(size=1024)
    for crew in workers:
        with running_server(checkpoint, workers=crew) as (base, pid, _):
            # Starts the decoders; a further worker loads its libraries meanwhile.
            _load(base, picture, 2 * crew, crew)
            for number in clients:
                yield _load(base, picture, number, crew)
            yield f"memory after all, with {crew} workers: {memory_of(pid)}"


def _load(base: str, picture: bytes, clients: int, workers: int) -> Load:
    def use(_: int) -> list[float | None]:
        taken: list[float | None] = []
        for _ in range(_STUDIES_A_CLIENT):
            started = time.monotonic()
            try:
                # Those who come together wait for each other.
                finished_study(base, picture, timeout=60.0 * clients)
            except (OSError, requests.RequestException):
                taken.append(None)
            else:
                taken.append(time.monotonic() - started)
        return taken

    started = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        taken = [one for each in pool.map(use, range(clients)) for one in each]
    finished = tuple(one for one in taken if one is not None)
    return Load(clients, finished, len(taken) - len(finished), time.monotonic() - started, workers)
