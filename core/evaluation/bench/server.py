"""Time and memory of the server, measured on a really running one."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from core.evaluation.errors import EvaluationError
from core.imaging.phantom import phantom_png
from core.settings import ROOT

_START_TIMEOUT_S = 120
_STUDY_TIMEOUT_S = 60
# Jobs in hand are finished first.
_STOP_TIMEOUT_S = 60


def measure_server(*, repeats: int, checkpoint: Path) -> Iterator[str]:
    """Start a server, upload a 1024 x 1024 PNG ``repeats`` times, and yield lines of figures.

    A study counts from the start of its upload until its state is done, with the image and the 14 heatmaps fetched.

    Raises:
        EvaluationError: the server did not start, or a study did not finish.
    """
    with running_server(checkpoint) as (base, pid, ready):
        yield f"start: {ready:.1f} s"
        picture = phantom_png(size=1024)
        results, complete = [], []
        for _ in range(repeats + 1):
            done, fetched = _one_study(base, picture)
            results.append(done)
            complete.append(fetched)
        # The first study also starts the decoder; users feel it once, so it is told apart.
        yield f"first upload to result: {results[0]:.2f} s"
        yield (
            f"upload to result, 1024 x 1024 PNG, {repeats} uploads: median {statistics.median(results[1:]):.2f} s, "
            f"slowest {max(results[1:]):.2f} s; with image and 14 heatmaps fetched: "
            f"median {statistics.median(complete[1:]):.2f} s"
        )
        yield memory_of(pid)


@contextmanager
def running_server(checkpoint: Path, *, workers: int = 1) -> Iterator[tuple[str, int, float]]:
    """A server of its own process and instance folder: its address, its process and the seconds until it answered.

    Args:
        checkpoint: to judge with.
        workers: one is the server's own; all others are started beside it, as on further machines.

    Raises:
        EvaluationError: the server did not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as instance:
        command = [sys.executable, str(ROOT / "app.py"), "--port", str(port), "--checkpoint", str(checkpoint)]
        environment = os.environ | {"CHESTLENS_INSTANCE": instance}
        environment.pop("DATABASE_URL", None)
        # Where the environment forbids it, each start would compile our modules anew; elsewhere the first one does.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started = [server]
        try:
            base = f"http://127.0.0.1:{port}"
            ready = _wait_until_ready(base, server)
            for _ in range(workers - 1):
                started.append(_further_worker(environment | {"CHESTLENS_CHECKPOINT": str(checkpoint)}))
            yield base, server.pid, ready
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait(timeout=_STOP_TIMEOUT_S)


def _further_worker(environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "core", "worker"]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_until_ready(base: str, server: subprocess.Popen[bytes]) -> float:
    started = time.monotonic()
    while time.monotonic() - started < _START_TIMEOUT_S and server.poll() is None:
        try:
            requests.get(f"{base}/healthz", timeout=5).raise_for_status()
            return time.monotonic() - started
        except requests.ConnectionError:
            time.sleep(0.1)
    raise EvaluationError("The server did not start; run python app.py to see why.")


def _one_study(base: str, picture: bytes) -> tuple[float, float]:
    """Seconds until the study is done, and until its pictures are fetched too."""
    started = time.monotonic()
    study = finished_study(base, picture)
    done = time.monotonic() - started
    for url in (study["image"]["url"], *study["heatmaps"].values()):
        requests.get(base + url, timeout=30).raise_for_status()
    return done, time.monotonic() - started


def finished_study(base: str, picture: bytes, *, timeout: float = _STUDY_TIMEOUT_S) -> dict[str, Any]:
    """Upload a PNG and wait for its result, ``timeout`` seconds at most.

    Raises:
        EvaluationError: the study failed or did not finish.
    """
    started = time.monotonic()
    answer = requests.post(f"{base}/api/studies", files={"file": ("phantom.png", picture)}, timeout=timeout)
    answer.raise_for_status()
    address = base + answer.json()["links"]["self"]
    while time.monotonic() - started < timeout:
        study = requests.get(address, timeout=timeout).json()
        if study["status"] == "failed":
            raise EvaluationError(f"The study failed: {study['error']['message']}")
        if study["status"] == "done":
            return dict(study)
        time.sleep(0.02)
    raise EvaluationError(f"The study did not finish within {timeout:.0f} s.")


def memory_of(pid: int) -> str:
    """Peak resident memory of the server, and of its worker and decoder processes; Linux tells it in ``/proc``."""
    try:
        # Decoders are children of whichever thread started them.
        lists = Path(f"/proc/{pid}/task").glob("*/children")
        children = [process for path in lists for process in path.read_text().split()]
        peaks = [_peak_mib(process) for process in (str(pid), *children)]
    except OSError:
        return "memory: only measured on Linux"
    return f"peak memory: server {peaks[0]:.0f} MiB, worker and decoder processes {sum(peaks[1:]):.0f} MiB"


def _peak_mib(process: str) -> float:
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
