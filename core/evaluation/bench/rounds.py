"""Works timed in alternating rounds, so that what else the machine does strikes all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ROUNDS = 5


@dataclass(frozen=True)
class Timed:
    """Seconds that a work took in each round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle round, in seconds."""
        return statistics.median(self.seconds)

    def to_json(self) -> dict[str, float]:
        """Median and spread, in seconds."""
        return {"median_s": self.median, "lowest_s": min(self.seconds), "highest_s": max(self.seconds)}


@dataclass(frozen=True)
class Row:
    """Two works side by side.

    Attributes:
        name: what is compared.
        ours, theirs: names of the works.
        works: what each of them took; in every round both were done.
    """

    name: str
    ours: str
    theirs: str
    works: Mapping[str, Timed]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times as long as ours theirs took, in each round."""
        pairs = zip(self.works[self.ours].seconds, self.works[self.theirs].seconds, strict=True)
        return tuple(theirs / ours for ours, theirs in pairs)

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "name": self.name,
            "rounds": len(self.ratios),
            "works": {name: timed.to_json() for name, timed in self.works.items()},
            "ratio": {
                "of": f"{self.theirs} / {self.ours}",
                "median": statistics.median(self.ratios),
                "lowest": min(self.ratios),
                "highest": max(self.ratios),
            },
        }

    def __str__(self) -> str:
        """A line for people."""
        taken = ", ".join(f"{name} {timed.median:.3g} s" for name, timed in self.works.items())
        return (
            f"{self.name}: {taken}; {self.theirs} takes {statistics.median(self.ratios):.2f} times as long as "
            f"{self.ours} ({min(self.ratios):.2f} to {max(self.ratios):.2f} in {len(self.ratios)} rounds)"
        )


def in_turn(
    name: str,
    works: Mapping[str, Callable[[], object]],
    *,
    rounds: int = ROUNDS,
    scales: Mapping[str, float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Row:
    """Time works in turn.

    Each is done once before the clock counts. Every round begins with another one.

    Args:
        name: what is compared.
        works: ours first, then theirs, then any others.
        rounds: how often each is done, 1 or more.
        scales: of a work that does only a part of what the others do, how many such parts there are.
        clock: gives seconds.

    Raises:
        ValueError: ``rounds`` is below 1, or there are fewer than two works.
    """
    if rounds < 1 or len(works) < 2:
        raise ValueError("A comparison needs two works and one round or more.")
    names = list(works)
    seconds: dict[str, list[float]] = {one: [] for one in names}
    for number in range(-1, rounds):
        first = max(number, 0) % len(names)
        for one in names[first:] + names[:first]:
            started = clock()
            works[one]()
            if number >= 0:
                seconds[one].append((clock() - started) * (scales or {}).get(one, 1))
    return Row(name, names[0], names[1], {one: Timed(tuple(taken)) for one, taken in seconds.items()})
