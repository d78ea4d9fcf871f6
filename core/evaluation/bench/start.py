"""How long ``app.py`` takes to start, what memory it holds then, and what each library costs it."""

import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from core.evaluation.bench.server import memory_of, running_server
from core.evaluation.errors import EvaluationError
from core.settings import ROOT

_SHOWN = 8


def measure_start(checkpoint: Path, *, rounds: int) -> Iterator[str]:
    """Start servers one after another, the first of which only warms the machine's caches; yield lines of figures.

    Raises:
        EvaluationError: the server did not start.
    """
    seconds, peaks = [], []
    for _ in range(rounds + 1):
        with running_server(checkpoint) as (_, pid, ready):
            seconds.append(ready)
            peaks.append(memory_of(pid))
    yield (
        f"start until the first answer, {rounds} starts: median {statistics.median(seconds[1:]):.2f} s "
        f"({min(seconds[1:]):.2f} to {max(seconds[1:]):.2f} s); the first of all {seconds[0]:.2f} s"
    )
    yield f"memory after the start: {peaks[-1]}"
    costs = Counter(import_costs("app"))
    total = sum(costs.values())
    named = ", ".join(f"{name} {cost:.2f} s" for name, cost in costs.most_common(_SHOWN))
    yield f"imports of app.py: {total:.2f} s, of which {named}"


def import_costs(module: str) -> dict[str, float]:
    """Seconds that the packages which ``import module`` loads take, each by itself, as Python's importtime tells.

    Raises:
        EvaluationError: the module cannot be imported.
    """
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EvaluationError(f"{module} cannot be imported: {done.stderr.strip().splitlines()[-1]}")
    costs: Counter[str] = Counter()
    for own, name in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", done.stderr, re.MULTILINE):
        costs[name.partition(".")[0]] += int(own)
    return {name: microseconds / 1e6 for name, microseconds in costs.items()}
