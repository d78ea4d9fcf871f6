"""How many workers a number of studies a day needs: measured service times, queueing formulae, and a simulation.

The formulae are those of a queue with several servers: Erlang's C for exponential service, and the correction of Allen
and Cunneen for service that varies less. The simulation (simpy) has neither assumption; it draws the measured times.
"""

import io
import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.anatomy import admit
from core.classifier import Classifier
from core.imaging import render_phantom
from core.imaging.reader import read_radiograph
from core.reporting.assessment import assess

DAY_S = 86_400.0
# Radiology departments do most of their work in the day: the busiest hour has this many times the mean.
PEAK = 2.0
# A result should not wait longer than this in the busiest hour, in all but one of twenty cases.
TARGET_S = 10.0
_SIDE = 1024


@dataclass(frozen=True)
class Waiting:
    """What studies wait for a free worker, in seconds.

    Attributes:
        workers: how many there are.
        mean: by the formula.
        simulated_mean, simulated_p95: of the simulation.
        busy: share of the workers' time that is work.
    """

    workers: int
    mean: float
    simulated_mean: float
    simulated_p95: float
    busy: float

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return self.__dict__ | {}

    def __str__(self) -> str:
        """A line for people."""
        return (
            f"{self.workers} workers, {self.busy:.0%} busy in the busiest hour: waiting {self.mean:.2f} s in the mean "
            f"by formula, {self.simulated_mean:.2f} s simulated, 95th percentile {self.simulated_p95:.2f} s"
        )


def erlang_c(load: float, workers: int) -> float:
    """Probability that a study finds all workers busy (Erlang's C; Cooper, Introduction to Queueing Theory, 1981).

    Args:
        load: arrivals a second times seconds of service.
        workers: more than ``load``.

    Raises:
        ValueError: the workers cannot keep up.
    """
    if workers <= load:
        raise ValueError(f"{workers} workers cannot keep up with a load of {load:.2f}.")
    lost = 1.0  # Erlang's B by its recurrence, which overflows for no number of workers
    for number in range(1, workers + 1):
        lost = load * lost / (number + load * lost)
    return lost / (1 - load / workers * (1 - lost))


def mean_wait(rate: float, services: Sequence[float], workers: int) -> float:
    """Mean seconds of waiting (Allen and Cunneen's approximation for any kind of service).

    Args:
        rate: arrivals a second, independent of each other.
        services: measured seconds of service.
        workers: how many there are.

    Raises:
        ValueError: the workers cannot keep up.
    """
    mean, spread = float(np.mean(services)), float(np.std(services))
    load = rate * mean
    return erlang_c(load, workers) * mean / (workers - load) * (1 + (spread / mean) ** 2) / 2


def simulate(rate: float, services: Sequence[float], workers: int, *, studies: int, seed: int = 0) -> np.ndarray:
    """Seconds that each of some studies waited, in a queue that is served in order; the first tenth is left out.

    Args:
        rate: arrivals a second, independent of each other.
        services: measured seconds, drawn again and again.
        workers: how many there are.
        studies: how many arrive.
        seed: of the draws.
    """
    import simpy

    generator = np.random.default_rng(seed)
    gaps, taken = generator.exponential(1 / rate, studies), generator.choice(np.asarray(services, dtype=float), studies)
    environment = simpy.Environment()
    crew = simpy.Resource(environment, capacity=workers)
    waited = np.zeros(studies)

    def one(number: int) -> Generator[Any, Any, None]:
        arrived = environment.now
        with crew.request() as free:
            yield free
            waited[number] = environment.now - arrived
            yield environment.timeout(taken[number])

    def all_of_them() -> Generator[Any, Any, None]:
        for number in range(studies):
            yield environment.timeout(gaps[number])
            environment.process(one(number))

    environment.process(all_of_them())
    environment.run()
    return waited[studies // 10 :]


def plan(
    rate: float, services: Sequence[float], *, studies: int = 20_000, target: float = TARGET_S
) -> Iterator[Waiting]:
    """The fewest workers that keep up, and more, until the 95th percentile of the waiting is below the target."""
    workers = math.floor(rate * float(np.mean(services))) + 1
    while True:
        waited = simulate(rate, services, workers, studies=studies)
        p95 = float(np.percentile(waited, 95))
        busy = rate * float(np.mean(services)) / workers
        yield Waiting(workers, mean_wait(rate, services, workers), float(waited.mean()), p95, busy)
        if p95 <= target:
            return
        workers += max(1, workers // 50)


def measure_capacity(checkpoint: Path, *, studies_a_day: int, repeats: int) -> Iterator[str | Waiting]:
    """Measure what one study takes of one core here, and yield the workers that so many a day need.

    Args:
        checkpoint: to judge with.
        studies_a_day: spread over the day with a busiest hour of ``PEAK`` times the mean.
        repeats: studies that are measured.
    """
    classifier = Classifier(checkpoint)
    file = io.BytesIO()
    Image.fromarray(np.round(render_phantom(size=_SIDE) * 255).astype(np.uint8)).save(file, "PNG")
    services = []
    for number in range(repeats + 2):
        # Of the processor and not of the clock: what else the machine does is not the study's.
        began = time.process_time()
        assess(admit(read_radiograph(file.getvalue())), classifier)
        if number >= 2:
            services.append(time.process_time() - began)
    rate = PEAK * studies_a_day / DAY_S
    yield (
        f"one study takes {np.mean(services):.3f} s of a core ({min(services):.3f} to {max(services):.3f}); "
        f"{studies_a_day:,} a day are {rate:.1f} a second in the busiest hour, a load of "
        f"{rate * np.mean(services):.1f} cores"
    )
    yield from plan(rate, services)
