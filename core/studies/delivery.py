"""How work reaches the workers: queues of Huey, in a file of SQLite or in Redis.

A message is the number of a job and nothing else. The job's row says whether there is anything to do, so that a message
that is lost, doubled or late changes nothing.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from typing import get_args

from huey.storage import BaseStorage, PriorityRedisStorage, SqliteStorage

from core.studies.errors import BadSetting, Unavailable
from core.studies.tables import JobKind

log = logging.getLogger(__name__)

KINDS: tuple[JobKind, ...] = get_args(JobKind)
# SQLite tells at next to no cost whether another connection has committed anything.
_LOOK_SECONDS, _ASK_SECONDS = 0.01, 0.5


class Delivery:
    """One queue for each kind of job.

    Args:
        file: of SQLite; used where there is no Redis.
        redis_url: of a Redis that all processes share.

    Raises:
        BadSetting: the URL is none.
    """

    def __init__(self, file: Path, redis_url: str | None = None) -> None:
        self._file = None if redis_url else file
        self._queues: dict[str, BaseStorage] = {}
        for kind in KINDS:
            name = f"chestlens{kind}"
            if redis_url:
                try:
                    self._queues[kind] = PriorityRedisStorage(name, url=redis_url, read_timeout=1)
                except ValueError:
                    raise BadSetting("REDIS_URL is no address of Redis; it looks like redis://host:6379/0.") from None
            else:
                self._queues[kind] = SqliteStorage(name, filename=str(file))

    def send(self, kind: str, job_id: int, priority: int = 0) -> None:
        """Tell the workers of a job. Where that is not possible, they find it by themselves a little later."""
        try:
            self._queues[kind].enqueue(str(job_id).encode(), priority)
        except Exception as error:
            log.warning("job %s could not be announced: %s", job_id, type(error).__name__)

    def next(self, kind: str, stop: Event) -> int | None:
        """The next job that was announced; None after a moment without one.

        Raises:
            Unavailable: the queue cannot be reached.
        """
        if self._file is None:
            return self._take(kind)  # Redis itself waits for a message
        with _telling_of_the_queue(), closing(sqlite3.connect(self._file)) as watching:
            # Asked before the queue is, so that what comes in between is not missed. The time stamp of the file would
            # not do: it changes before the message can be read.
            before = _version(watching)
            if (found := self._take(kind)) is not None:
                return found
            end = time.monotonic() + _ASK_SECONDS
            while _version(watching) == before and time.monotonic() < end and not stop.wait(_LOOK_SECONDS):
                pass
        return self._take(kind)

    def is_empty(self, kind: str) -> bool:
        """Whether no message waits.

        Raises:
            Unavailable: the queue cannot be reached.
        """
        with _telling_of_the_queue():
            return not self._queues[kind].queue_size()

    def close(self) -> None:
        """Release what the queues hold open."""
        for queue in self._queues.values():
            queue.close()

    def _take(self, kind: str) -> int | None:
        with _telling_of_the_queue():
            message = self._queues[kind].dequeue()
        text = bytes(message or b"").decode(errors="replace")
        return int(text) if text.isdecimal() else None


def _version(connection: sqlite3.Connection) -> int:
    """A number that is another one after each commit of another connection (SQLite, PRAGMA data_version)."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


@contextmanager
def _telling_of_the_queue() -> Iterator[None]:
    """Turn whatever SQLite or Redis refuses into ``Unavailable``."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        raise Unavailable("The queue cannot be reached; try again in a moment.") from error
