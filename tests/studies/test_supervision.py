import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployments import wait_until

from core.settings import ServerSettings
from core.studies.supervision import WorkerFailed, WorkerProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes by /proc")


def _children() -> Iterator[int]:
    for path in Path("/proc/self/task").glob("*/children"):
        yield from (int(number) for number in path.read_text().split())


def _workers() -> set[int]:
    return {number for number in _children() if b"worker" in Path(f"/proc/{number}/cmdline").read_bytes()}


def test_a_worker_that_is_killed_while_it_starts_is_started_again(settings: ServerSettings) -> None:
    with WorkerProcess(settings) as worker:
        wait_until(_workers)  # a child is a copy of its parent first
        (first,) = _workers()
        os.kill(first, signal.SIGKILL)
        worker.wait_until_ready()
        (second,) = _workers()
        assert second != first
    assert not _workers()


def test_a_worker_that_cannot_start_says_why(settings: ServerSettings, tmp_path: Path) -> None:
    missing = ServerSettings.from_environment(
        {"CHESTLENS_INSTANCE": str(settings.instance), "CHESTLENS_CHECKPOINT": str(tmp_path / "none")}
    )
    with WorkerProcess(missing) as worker, pytest.raises(WorkerFailed, match="none"):
        worker.wait_until_ready()
