"""The worker beside the web server of one command: a process of its own, started again when it ends.

What an image or a library does to the worker does nothing to the server. The worker ends with the server, however that
ends, because it sees its standard input close.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Self

from core.errors import ChestLensError
from core.settings import ROOT, ServerSettings

log = logging.getLogger(__name__)

READY = "ready"
_START_SECONDS = 120.0
_STOP_SECONDS = 30.0
_KILLED_AT_MOST = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0
# A worker that ran so long was well, so that the next one is started at once.
_WELL_SECONDS = 60.0


class WorkerFailed(ChestLensError):
    """The worker cannot start; the message says why."""


class WorkerProcess:
    """A worker process that is there until the block ends.

    Args:
        settings: that the worker has, too.
        wanted: False for none, because workers run elsewhere.
    """

    def __init__(self, settings: ServerSettings, *, wanted: bool = True) -> None:
        self._environment = os.environ | settings.as_environment() | {"PYTHONPATH": str(ROOT)}
        self._stopping = threading.Event()
        self._process = self._start() if wanted else None
        self._thread = threading.Thread(target=self._watch, name="worker", daemon=True)

    def wait_until_ready(self) -> None:
        """Wait for the worker's first word.

        Raises:
            WorkerFailed: it cannot start.
        """
        if self._process is None:
            return
        end = time.monotonic() + _START_SECONDS
        for _ in range(_KILLED_AT_MOST):
            said = self._first_word(self._process)
            if said == READY:
                break
            if said or self._process.wait() >= 0 or time.monotonic() > end:
                raise WorkerFailed(said or "The worker ended while it started; its log says why.")
            # Whoever killed it knew no better moment; nothing is wrong with it.
            log.error("the worker process was killed while it started; it is started again")
            self._close(self._process)
            self._process = self._start()
        else:
            raise WorkerFailed("The worker is killed whenever it starts; there may be too little memory for it.")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        process = self._process
        if process is None:
            return
        if self._thread.ident is None:
            process.kill()  # it never became ready, and has nothing in hand
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _start(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "core", "worker", "--attached"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def _close(process: "subprocess.Popen[str]") -> None:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    @staticmethod
    def _first_word(process: "subprocess.Popen[str]") -> str:
        timer = threading.Timer(_START_SECONDS, process.kill)
        timer.daemon = True
        timer.start()
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        timer.cancel()
        return said

    def _watch(self) -> None:
        pause, process = _FIRST_PAUSE, self._process
        while process is not None:
            started = time.monotonic()
            process.wait()
            if self._stopping.is_set():
                return
            log.error("the worker process ended (%s); it is started again", process.returncode)
            pause = _FIRST_PAUSE if time.monotonic() - started > _WELL_SECONDS else min(2 * pause, _LONGEST_PAUSE)
            if self._stopping.wait(pause):
                return
            self._close(process)
            self._process = process = self._start()
            if (said := self._first_word(process)) != READY:
                log.error("the worker cannot start: %s", said)
