"""What is accepted ends, and what is deleted is gone, whatever happens to the processes."""

import gc
import itertools
import os
import random
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from deployments import files_in, rows_in, wait_until
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from core.settings import ServerSettings
from core.studies.errors import KeyReused, NoSuchStudy, Unavailable
from core.studies.jobs import Jobs
from core.studies.studies import Studies, Upload
from core.studies.tables import Job
from core.studies.viewer import Viewer, seen_by
from core.studies.worker import Worker

DELETIONS = int(os.environ.get("CHESTLENS_TEST_DELETIONS", "10"))


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
        wait_until(lambda: files_in(settings) == set(), 20)
    worker.stop()
    assert (files_in(settings), rows_in(studies.database)) == (set(), {})
    with studies.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
    studies.close()


def test_everything_that_is_kept_is_for_the_servers_user_alone(settings: ServerSettings) -> None:
    (settings.instance / "chestlens.sqlite3").chmod(0o644)  # as somebody copied it there
    studies = Studies(settings)
    studies.receive(Upload("chest.png", b"bytes"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (settings.instance, *settings.instance.rglob("*"))}
    assert modes["upload"] == modes["chestlens.sqlite3"] == modes["secret_key"] == 0o600
    assert set(modes.values()) == {0o600, 0o700}
    studies.close()


def test_a_stopped_worker_lets_go_of_its_networks_at_once(settings: ServerSettings) -> None:
    studies = Studies(settings)
    worker = Worker(studies)
    networks = weakref.ref(worker._tasks["analyse"]._classifier)  # type: ignore[attr-defined]
    worker.start()
    gc.disable()
    try:
        worker.stop()
        assert networks() is None
    finally:
        gc.enable()
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

    for _ in range(2):  # pressed twice
        again = studies.analyse_again(study.id)
        assert (again.status, again.error_code) == ("queued", None)
    claim = studies.jobs.claim(job_id)
    assert (claim and claim.attempts) == 1
    assert studies.analyse_again(study.id).status == "running"


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
    assert (files_in(settings), rows_in(studies.database)) == (set(), {})

    with monkeypatch.context() as cut_off:
        cut_off.setattr(studies, "remove", full)
        cut_off.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(Unavailable):
            studies.receive(Upload("chest.png", b"bytes"))
    (study_id,) = rows_in(studies.database)
    with pytest.raises(NoSuchStudy):
        studies.find(study_id)
    with studies.database.session() as session:
        session.execute(text("UPDATE jobs SET claimed_by = :gone"), {"gone": _of_a_process_that_ended()})
        session.commit()
    (settings.instance / "studies" / ("f" * 32)).mkdir()  # as an earlier version left it
    studies.sweep()
    assert (files_in(settings), rows_in(studies.database)) == (set(), {})


def test_a_sweep_keeps_what_has_a_row_however_many_studies_there_are(
    studies: Studies, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.studies.studies._SWEPT_AT_ONCE", 2)
    kept = {studies.receive(Upload(f"{number}.png", b"bytes")).id for number in range(5)}
    for digit in "0123456":
        (settings.instance / "studies" / (digit * 32)).mkdir()
    studies.sweep()
    assert files_in(settings) == set(rows_in(studies.database)) == kept


def test_an_upload_that_was_cut_off_is_in_nobodys_way_once_database_and_disk_are_back(
    studies: Studies, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as cut_off:
        cut_off.setattr(studies, "remove", away)
        cut_off.setattr("pathlib.Path.write_bytes", away)
        with pytest.raises(Unavailable):
            studies.receive(Upload("chest.png", b"bytes", key="first"))
    assert list(rows_in(studies.database).values()) == ["arriving"]
    assert studies.known("first", b"bytes") is None
    study = studies.receive(Upload("chest.png", b"bytes", key="first"))
    assert (rows_in(studies.database), files_in(settings)) == ({study.id: "queued"}, {study.id})


def test_an_upload_stays_of_which_only_the_databases_last_answer_was_lost(
    studies: Studies, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, commits = Session.commit, itertools.count(1)

    def commit_and_lose_the_answer(session: Session) -> None:
        commit(session)
        if next(commits) == 2:
            raise OperationalError("COMMIT", None, OSError("network error"))

    def away(*_: Any) -> None:
        raise Unavailable("The database cannot be reached.")

    with monkeypatch.context() as losing:
        losing.setattr(Session, "commit", commit_and_lose_the_answer)
        losing.setattr(studies, "remove", away)
        with pytest.raises(Unavailable):
            studies.receive(Upload("chest.png", b"bytes", key="first"))
    (study_id,) = rows_in(studies.database)
    known = studies.known("first", b"bytes")
    assert known is not None
    assert (known.id, known.status, files_in(settings)) == (study_id, "queued", {study_id})


def test_whoever_comes_next_frees_the_key_of_somebody_else(
    studies: Studies, settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    with seen_by(Viewer(1, None)), monkeypatch.context() as cut_off:
        cut_off.setattr(studies, "remove", away)
        cut_off.setattr("pathlib.Path.write_bytes", away)
        with pytest.raises(Unavailable):
            studies.receive(Upload("chest.png", b"bytes", key="first"))
    with seen_by(Viewer(2, None)):
        assert studies.known("first", b"bytes") is None
    assert (rows_in(studies.database), files_in(settings)) == ({}, set())


def _of_a_process_that_ended() -> str:
    from core.studies.jobs import me

    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    machine, _, started = me().rsplit("/", 2)
    return f"{machine}/{ended.stdout.strip()}/{started}"


def test_a_deletion_that_was_cut_off_is_brought_to_its_end(studies: Studies, settings: ServerSettings) -> None:
    study = studies.receive(Upload("chest.png", b"bytes"))
    studies.storage.condemn(study.id)  # and then the process ended
    studies.sweep()
    assert (files_in(settings), rows_in(studies.database)) == (set(), {})


def test_a_retried_upload_is_one_study(studies: Studies) -> None:
    first = studies.receive(Upload("chest.png", b"bytes", key="k"))
    assert studies.receive(Upload("chest.png", b"bytes", key="k")).id == first.id
    with pytest.raises(KeyReused):
        studies.receive(Upload("chest.png", b"others", key="k"))
    assert len(rows_in(studies.database)) == 1


def test_an_upload_that_is_sent_again_while_it_is_received_is_one_study(studies: Studies) -> None:
    answers: list[str] = []

    def send() -> None:
        try:
            answers.append(studies.receive(Upload("chest.png", b"bytes" * 100_000, key="k")).id)
        except Unavailable:
            answers.append("later")

    senders = [threading.Thread(target=send) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    (study_id,) = rows_in(studies.database)
    assert len(answers) == 8
    assert set(answers) <= {study_id, "later"}


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
    assert list(rows_in(studies.database)) == [new]
    assert files_in(settings) == {new}
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


def test_a_server_is_ready_once_a_worker_with_its_models_is_there(settings: ServerSettings) -> None:
    studies = Studies(settings)
    check = studies.checks()["models"]
    with pytest.raises(Unavailable, match="No worker is at work"):
        check()
    worker = Worker(studies)
    worker.start()
    wait_until(lambda: _passes(check))
    with studies.database.session() as session:  # it is silent for a while
        session.execute(text("UPDATE workers SET seen = '2020-01-01'"))
        session.commit()
    assert not _passes(check)
    studies.jobs._shown = None
    wait_until(lambda: _passes(check))
    worker.stop()
    assert not _passes(check)
    studies.close()


def _passes(check: Callable[[], object]) -> bool:
    try:
        check()
    except Unavailable:
        return False
    return True
