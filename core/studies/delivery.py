"""How work reaches the workers: queues of Huey, in a file of SQLite or in Redis.

A message is the number of a job and nothing else. The job's row says whether there is anything to do, so that a message
that is lost, doubled or late changes nothing.
"""

import logging
import os
import time
from pathlib import Path
from threading import Event
from typing import get_args

from huey.storage import BaseStorage, PriorityRedisStorage, SqliteStorage

from core.studies.errors import BadSetting, Unavailable
from core.studies.tables import JobKind

log = logging.getLogger(__name__)

KINDS: tuple[JobKind, ...] = get_args(JobKind)
# A new message is seen in the file's time stamp, which costs nothing to look at; should one be missed, the queue itself
# is asked.
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
        self._watched = None if redis_url else (file, file.with_name(f"{file.name}-wal"))
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
        before = self._stamp()
        found = self._take(kind)
        if found is None and self._watched:
            end = time.monotonic() + _ASK_SECONDS
            while self._stamp() == before and time.monotonic() < end and not stop.wait(_LOOK_SECONDS):
                pass
            found = self._take(kind)
        return found

    def is_empty(self, kind: str) -> bool:
        """Whether no message waits.

        Raises:
            Unavailable: the queue cannot be reached.
        """
        try:
            return not self._queues[kind].queue_size()
        except Exception as error:
            raise Unavailable("The queue cannot be reached; try again in a moment.") from error

    def close(self) -> None:
        """Release what the queues hold open."""
        for queue in self._queues.values():
            queue.close()

    def _take(self, kind: str) -> int | None:
        try:
            message = self._queues[kind].dequeue()
        except Exception as error:
            raise Unavailable("The queue cannot be reached; try again in a moment.") from error
        text = bytes(message or b"").decode(errors="replace")
        return int(text) if text.isdecimal() else None

    def _stamp(self) -> tuple[int, ...]:
        found = []
        for path in self._watched or ():
            try:
                status = os.stat(path)
            except OSError:
                continue
            found += [status.st_mtime_ns, status.st_size]
        return tuple(found)
