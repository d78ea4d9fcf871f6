"""What is accepted ends, and what is deleted is gone, whatever happens to the processes."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select, text

from core.settings import ROOT, ServerSettings
from core.studies.database import Database
from core.studies.errors import KeyReused, NoSuchStudy, Unavailable
from core.studies.jobs import Jobs
from core.studies.studies import Studies, Upload
from core.studies.tables import Job, Study
from core.studies.worker import Worker

KILLS = int(os.environ.get("CHESTLENS_TEST_KILLS", "3"))
DELETIONS = int(os.environ.get("CHESTLENS_TEST_DELETIONS", "10"))


def _files(settings: ServerSettings) -> set[str]:
    folders = settings.instance / "studies"
    return {path.name for path in folders.iterdir() if path.name != ".deleted"} | {
        path.name for path in (folders / ".deleted").iterdir() if not path.name.startswith(".")
    }


def _rows(database: Database) -> dict[str, str]:
    with database.session() as session:
        return dict(session.execute(select(Study.id, Study.status)).tuples().all())


def _wait(reached: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.05)


class Server:
    """``app.py`` in a process of its own, which is started again after each kill."""

    def __init__(self, instance: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = os.environ | {"CHESTLENS_INSTANCE": str(instance), "CHESTLENS_WRITER": "off"}
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(ROOT / "app.py"), "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, env=self._environment, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        assert b"ready" in self.process.stdout.readline()

    def kill(self, part: str) -> None:
        """Kill the web server, after which it is started again, or its worker, which it starts again itself."""
        if part == "worker":
            for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
                with suppress(OSError):
                    if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                        os.kill(int(child), signal.SIGKILL)
        else:
            self.end(signal.SIGKILL)
            self.start()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def server(settings: ServerSettings) -> Iterator[Server]:
    server = Server(settings.instance)
    yield server
    if server.process.poll() is None:
        server.end()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker process by /proc")
def test_whatever_is_killed_each_accepted_upload_ends_once(
    server: Server, settings: ServerSettings, phantom_png_bytes: bytes
) -> None:
    accepted: list[str] = []
    chance = random.Random(0)
    for number in range(2 * KILLS):
        key = {"Idempotency-Key": f"upload {number}"}

        def send(key: dict[str, str] = key, number: int = number) -> str | None:
            file = {"file": (f"{number}.png", phantom_png_bytes)}
            try:
                answer = requests.post(f"{server.address}/api/studies", files=file, headers=key, timeout=60)
            except requests.RequestException:
                return None
            return answer.json()["id"] if answer.status_code == 201 else None

        if number % 2:
            killer = threading.Timer(chance.random() * 0.3, server.kill, ["web" if number % 4 == 1 else "worker"])
            killer.start()
        study_id = send()
        if number % 2:
            killer.join()
        while study_id is None:  # as a careful sender does it
            study_id = send()
        accepted.append(study_id)
    assert len(set(accepted)) == 2 * KILLS

    def ended() -> bool:
        with suppress(requests.RequestException):
            found = requests.get(f"{server.address}/api/studies?limit=200", timeout=60).json()["studies"]
            return all(study["status"] in ("done", "failed") for study in found)
        return False

    _wait(ended, 300)
    assert server.end() == 0
    database = Database(settings.database_url)
    rows = _rows(database)
    database.close()
    assert set(accepted) == set(rows) == _files(settings)
    assert set(rows.values()) <= {"done", "failed"}
    # One kill is nobody's fault; a study fails only where it met two.
    assert list(rows.values()).count("failed") <= KILLS // 2


def test_deleting_during_the_analysis_leaves_nothing(settings: ServerSettings, phantom_png_bytes: bytes) -> None:
    studies = Studies(settings)
    worker = Worker(studies)
    worker.start()
    chance = random.Random(0)
    for _ in range(DELETIONS):
        study = studies.receive(Upload("chest.png", phantom_png_bytes))
        time.sleep(chance.random() * 0.3)
        studies.delete(study.id)
        # A worker that still writes finds the study gone, and marks it for deletion once more, for a moment.
        _wait(lambda: _files(settings) == set(), 20)
    worker.stop()
    assert (_files(settings), _rows(studies.database)) == (set(), {})
    with studies.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
    studies.close()


def test_a_job_that_ends_its_process_twice_is_set_aside(studies: Studies, monkeypatch: pytest.MonkeyPatch) -> None:
    study = studies.receive(Upload("chest.png", b"bytes"))
    with studies.database.session() as session:
        job_id = session.scalars(select(Job.id)).one()
    for status in ("queued", "failed"):
        ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
        name = Jobs.__module__
        with monkeypatch.context() as as_another:
            as_another.setattr(f"{name}.os.getpid", lambda: int(ended.stdout))  # noqa: B023
            as_another.setattr(f"{name}._status", lambda number: ("S", "1"))
            assert studies.jobs.claim(job_id) is not None
            assert studies.jobs.claim(job_id) is None
        assert studies.find(study.id).status == "running"
        studies.recover()
        assert studies.find(study.id).status == status
    assert studies.find(study.id).error_code == "stopped"


def test_what_passes_is_tried_again_after_growing_pauses(studies: Studies) -> None:
    study = studies.receive(Upload("chest.png", b"bytes"))
    pauses = []
    for _ in range(3):
        with studies.database.session() as session:
            job = session.scalars(select(Job)).one()
            job.not_before = job.created
            session.commit()
        claim = studies.jobs.claim(job.id)
        assert claim is not None
        studies.jobs.put_off(claim, "The disk is full.")
        with studies.database.session() as session:
            job = session.scalars(select(Job)).one()
            pauses.append((job.not_before - job.created).total_seconds())
        assert studies.find(study.id).status == "queued"
        assert studies.jobs.claim(job.id) is None
    assert pauses[0] < pauses[1] < pauses[2]


def test_an_upload_that_was_cut_off_is_removed_and_one_that_failed_leaves_nothing(
    studies: Studies, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as with_full_disk:
        with_full_disk.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(Unavailable, match="No space left"):
            studies.receive(Upload("chest.png", b"bytes"))
    assert (_files(settings), _rows(studies.database)) == (set(), {})

    with monkeypatch.context() as cut_off:
        cut_off.setattr(studies, "remove", full)
        cut_off.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(Unavailable):
            studies.receive(Upload("chest.png", b"bytes"))
    (study_id,) = _rows(studies.database)
    with pytest.raises(NoSuchStudy):
        studies.find(study_id)
    with studies.database.session() as session:
        session.execute(text("UPDATE jobs SET claimed_by = :gone"), {"gone": _of_a_process_that_ended()})
        session.commit()
    (settings.instance / "studies" / ("f" * 32)).mkdir()  # as an earlier version left it
    studies.sweep()
    assert (_files(settings), _rows(studies.database)) == (set(), {})


def _of_a_process_that_ended() -> str:
    from core.studies.jobs import me

    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    machine, _, started = me().rsplit("/", 2)
    return f"{machine}/{ended.stdout.strip()}/{started}"


def test_a_deletion_that_was_cut_off_is_brought_to_its_end(studies: Studies, settings: ServerSettings) -> None:
    study = studies.receive(Upload("chest.png", b"bytes"))
    studies.storage.condemn(study.id)  # and then the process ended
    studies.sweep()
    assert (_files(settings), _rows(studies.database)) == (set(), {})


def test_a_retried_upload_is_one_study(studies: Studies) -> None:
    first = studies.receive(Upload("chest.png", b"bytes", key="k"))
    assert studies.receive(Upload("chest.png", b"bytes", key="k")).id == first.id
    with pytest.raises(KeyReused):
        studies.receive(Upload("chest.png", b"others", key="k"))
    assert len(_rows(studies.database)) == 1


def test_a_lost_message_is_sent_again_and_a_doubled_one_changes_nothing(studies: Studies) -> None:
    study = studies.receive(Upload("chest.png", b"bytes"))
    stop = threading.Event()
    job_id = studies.delivery.next("analyse", stop)
    assert job_id is not None
    assert studies.delivery.next("analyse", stop) is None  # it is lost
    studies.jobs.announce_due()
    studies.jobs.announce_due()
    assert studies.delivery.next("analyse", stop) == job_id
    assert studies.jobs.claim(job_id) is not None
    assert studies.jobs.claim(job_id) is None
    assert studies.find(study.id).status == "running"


def test_studies_older_than_they_may_be_are_deleted(settings: ServerSettings) -> None:
    from dataclasses import replace

    studies = Studies(replace(settings, retention_days=30))
    old, new = (studies.receive(Upload(f"{name}.png", b"bytes")).id for name in "ab")
    with studies.database.session() as session:
        session.execute(text("UPDATE studies SET created = '2020-01-01' WHERE id = :id"), {"id": old})
        session.commit()
    studies.sweep()
    assert list(_rows(studies.database)) == [new]
    assert _files(settings) == {new}
    studies.close()


def test_a_locked_database_is_told_as_what_passes(settings: ServerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.studies.database._LOCK_SECONDS", 0.2)
    studies, other = Studies(settings), Studies(settings)
    with other.database.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            studies.receive(Upload("chest.png", b"bytes"))
        connection.rollback()
    assert studies.receive(Upload("chest.png", b"bytes")).status == "queued"
    studies.close()
    other.close()
