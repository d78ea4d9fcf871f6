"""A server whose disk is full or read-only, or whose database is locked, says so, deletes all the same, and goes on."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from deployments import Deployment, files_in, rows_of, wait_until
from sqlalchemy import select

from core.settings import ServerSettings
from core.studies.studies import Studies, Upload
from core.studies.tables import Job
from core.studies.worker import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts as Linux does")


def _mount(*arguments: object) -> None:
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this system lets nobody mount a small disk: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    _mount("-t", "tmpfs", "-o", "size=24m", "tmpfs", place)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def deployment(disk: Path, settings: ServerSettings) -> Iterator[Deployment]:
    """One command, all of whose files lie on the small disk."""
    deployment = Deployment(_on(disk, settings), log=disk.parent / "server.log")
    yield deployment
    deployment.abandon()


def _on(disk: Path, settings: ServerSettings) -> ServerSettings:
    instance = disk / "instance"
    url = f"sqlite:///{instance / 'chestlens.sqlite3'}"
    return replace(settings, instance=instance, storage=str(instance / "studies"), database_url=url)


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0
    return ballast


def _is_passing(answer: requests.Response) -> bool:
    error = answer.json()["error"]
    return (answer.status_code, error["code"]) == (503, "unavailable") and int(answer.headers["Retry-After"]) > 0


def test_on_a_full_disk_uploads_are_put_off_and_studies_deleted(
    deployment: Deployment, disk: Path, phantom_png_bytes: bytes
) -> None:
    kept, deleted = (deployment.upload(name, phantom_png_bytes).json()["id"] for name in ("a.png", "b.png"))
    deployment.wait_for_all()
    before = set(Path(deployment.settings.storage).rglob("*"))
    ballast = _fill(disk)
    for _ in range(3):
        answer = deployment.upload("c.png", phantom_png_bytes)
        assert _is_passing(answer), answer.text
        assert "full" in answer.json()["error"]["message"] or "No space left" in answer.json()["error"]["message"]
    assert set(Path(deployment.settings.storage).rglob("*")) == before
    assert len(deployment.get("/api/studies").json()["studies"]) == 2
    assert deployment.get("/healthz").status_code == 200
    assert deployment.get("/readyz").json()["failing"].keys() >= {"storage"}
    assert deployment.get(f"/api/studies/{kept}").json()["status"] == "done"
    assert deployment.get(f"/studies/{kept}").status_code == 200

    text = {"revision": 0, "text": {"findings": "A mass.", "impression": "A mass."}, "name": "Ada"}
    review = f"{deployment.addresses[0]}/api/studies/{kept}/review"
    assert _is_passing(requests.post(f"{review}/sign", json=text, timeout=60))

    answer = deployment.delete(deleted)
    assert answer.status_code == 204, answer.text
    assert files_in(deployment.settings) == {kept}
    assert set(rows_of(deployment.settings)) == {kept}

    ballast.unlink()
    wait_until(lambda: deployment.get("/readyz").status_code == 200)
    assert requests.post(f"{review}/sign", json=text, timeout=60).json()["state"] == "signed"
    added = deployment.upload("c.png", phantom_png_bytes).json()["id"]
    deployment.wait_for_all()
    assert rows_of(deployment.settings) == {kept: "done", added: "done"}


def test_a_study_that_finds_the_disk_full_is_analysed_once_there_is_room(
    settings: ServerSettings, disk: Path, phantom_png_bytes: bytes
) -> None:
    studies = Studies(_on(disk, settings))
    study = studies.receive(Upload("a.png", phantom_png_bytes))
    ballast = _fill(disk)
    # Room for rows, and none for heatmaps.
    os.truncate(ballast, ballast.stat().st_size - 150_000)
    worker = Worker(studies)
    worker.start()

    def is_put_off() -> bool:
        with studies.database.session() as session:
            return session.scalars(select(Job)).one().error_code == "unavailable"

    wait_until(is_put_off)
    assert studies.find(study.id).status == "queued"
    ballast.unlink()
    wait_until(lambda: studies.find(study.id).status == "done")
    worker.stop()
    studies.close()


def test_in_a_read_only_folder_everything_is_put_off(
    deployment: Deployment, disk: Path, phantom_png_bytes: bytes
) -> None:
    study_id = deployment.upload("a.png", phantom_png_bytes).json()["id"]
    deployment.wait_for_all()
    _mount("--bind", disk, disk)
    try:
        _mount("-o", "remount,bind,ro", disk)
        for answer in (deployment.upload("b.png", phantom_png_bytes), deployment.delete(study_id)):
            assert _is_passing(answer), answer.text
            assert "ead-only" in answer.json()["error"]["message"]
        assert deployment.get(f"/api/studies/{study_id}").json()["status"] == "done"
        assert deployment.get("/healthz").status_code == 200
        assert deployment.get("/readyz").status_code == 503
    finally:
        # What was opened meanwhile stays read-only, as on a disk that is mounted anew.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    assert deployment.get(f"/api/studies/{study_id}").json()["status"] == "done"
    wait_until(lambda: deployment.delete(study_id).status_code == 204)
    wait_until(lambda: deployment.upload("b.png", phantom_png_bytes).status_code == 201)
    # What was begun and could not be removed goes, too.
    wait_until(lambda: list(rows_of(deployment.settings).values()) == ["done"], 30)
    assert files_in(deployment.settings) == set(rows_of(deployment.settings))


def test_while_the_database_is_locked_everything_is_put_off(deployment: Deployment, phantom_png_bytes: bytes) -> None:
    study_id = deployment.upload("a.png", phantom_png_bytes).json()["id"]
    other = sqlite3.connect(deployment.settings.instance / "chestlens.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # a study is analysed at this moment
    try:
        for answer in (deployment.upload("b.png", phantom_png_bytes), deployment.delete(study_id)):
            assert _is_passing(answer), answer.text
            assert "locked" in answer.json()["error"]["message"]
        assert deployment.get("/healthz").status_code == 200
    finally:
        other.close()
    assert files_in(deployment.settings) <= {study_id}
    answer = deployment.upload("b.png", phantom_png_bytes)
    assert answer.status_code == 201
    deployment.wait_for_all()
    assert rows_of(deployment.settings)[answer.json()["id"]] == "done"
