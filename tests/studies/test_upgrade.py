"""Folders of studies that an earlier version wrote are brought to the present layout, whatever cuts that off."""

import gzip
import io
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

from core.findings import LABELS
from core.settings import ServerSettings
from core.studies.reviews.record import START, first_fault
from core.studies.reviews.store import ReviewStore
from core.studies.storage import Storage
from core.studies.studies import Studies
from core.studies.tables import Event
from core.studies.worklist import Query, find

STUDIES = int(os.environ.get("CHESTLENS_TEST_STUDIES", "3"))
# ``evidence.json`` and ``result.json`` as that version wrote them for a rendered chest of 512 x 512 pixels.
FIRST = Path(__file__).parent / "first_layout"
SCHEMA = Path(__file__).parent / "first_schema.sql"
STUDY = f"{1:032x}"
FILES = {"evidence.json", "result.json", "upload", "image.png", "pixels.gz", "heatmaps.npz"}


@pytest.fixture
def earlier(settings: ServerSettings, phantom_png_bytes: bytes) -> ServerSettings:
    """Settings of a server whose database and one folder the first released version wrote."""
    folder = settings.instance / "studies" / STUDY
    shutil.rmtree(settings.instance, ignore_errors=True)
    shutil.copytree(FIRST, folder)
    connection = sqlite3.connect(settings.instance / "chestlens.sqlite3")
    connection.executescript(SCHEMA.read_text())
    connection.close()
    (folder / "upload").write_bytes(phantom_png_bytes)
    (folder / "image.png").write_bytes(phantom_png_bytes)
    with Image.open(io.BytesIO(phantom_png_bytes)) as picture:
        (folder / "pixels.gz").write_bytes(gzip.compress(picture.tobytes()))
    np.savez(folder / "heatmaps.npz", **{label: np.full((8, 8), 51, dtype=np.uint8) for label in LABELS})
    assert {path.name for path in folder.iterdir()} == FILES
    return settings


def _assert_kept(settings: ServerSettings, upload: bytes) -> None:
    evidence, shown = (json.loads((FIRST / f"{name}.json").read_text()) for name in ("evidence", "result"))
    studies = Studies(settings)
    study, result = studies.find(STUDY), studies.result(STUDY)
    assert (study.status, study.filename) == ("done", "phantom.png")
    told = result.as_object()
    for one, before in zip(told["findings"], shown["findings"], strict=True):
        assert {name: one[name] for name in ("name", "probability", "decision")} == {
            name: before[name] for name in ("name", "probability", "decision")
        }
    assert [one.text for one in result.report.sentences] == [one["text"] for one in evidence["report"]["sentences"]]
    assert studies.read(STUDY, "upload") == upload
    assert upload not in (settings.instance / "studies" / STUDY / "upload").read_bytes()
    reported = studies.reported(study, None)
    assert reported.radiograph.pixels.shape == (512, 512)
    assert reported.prediction.heatmaps == pytest.approx(0.2)
    events = ReviewStore(studies.database).events(STUDY)
    assert [event.kind for event in events] == ["draft", "edit", "sign"]
    assert first_fault(events) is None
    assert not {"evidence.json", "forced"} & set(studies.storage.names(STUDY))
    assert (settings.instance / "studies" / STUDY).stat().st_mode & 0o777 == 0o700
    studies.close()


def test_a_study_of_the_first_released_version_keeps_all_that_was_found(
    earlier: ServerSettings, phantom_png_bytes: bytes
) -> None:
    for _ in range(2):  # the second start finds nothing to do
        _assert_kept(earlier, phantom_png_bytes)


def test_many_studies_of_the_first_released_version_are_all_kept(
    earlier: ServerSettings, phantom_png_bytes: bytes
) -> None:
    others = [f"{number:032x}" for number in range(2, STUDIES + 1)]
    _multiply(earlier, others)
    studies = Studies(earlier)
    reviews = ReviewStore(studies.database)
    ids = [STUDY, *others]
    page = find(studies.database, Query())
    assert (page.total, page.unfinished) == (len(ids), 0)
    told = studies.result(STUDY).as_object()
    for study_id in ids:
        assert studies.result(study_id).as_object() == told
        assert studies.read(study_id, "upload") == phantom_png_bytes
        events = reviews.events(study_id)
        assert ([event.kind for event in events], first_fault(events)) == (["draft", "edit", "sign"], None)
    studies.close()


def _multiply(settings: ServerSettings, ids: list[str]) -> None:
    """Add studies like the one that is there, each with a signed record of its own."""
    engine = create_engine(settings.database_url)
    with Session(engine) as session:
        for study_id in ids:
            shutil.copytree(settings.instance / "studies" / STUDY, settings.instance / "studies" / study_id)
            copied = text(
                "INSERT INTO studies SELECT :id, filename, created, status, progress, error_code, error_message, "
                "summary, total_ms FROM studies WHERE id = :first"
            )
            session.execute(copied, {"id": study_id, "first": STUDY})
            previous = START
            for event in session.scalars(select(Event).where(Event.study_id == STUDY).order_by(Event.number)).all():
                values = {column.name: getattr(event, column.name) for column in Event.__table__.columns}
                added = Event(**values | {"study_id": study_id})
                added.seal(previous)
                previous = added.digest
                session.add(added)
        session.commit()
    engine.dispose()


def test_an_upgrade_of_files_that_was_cut_off_anywhere_is_brought_to_its_end(
    earlier: ServerSettings, phantom_png_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, cuts = Storage.write, 0
    while True:
        written = 0

        def write_or_end(self: Storage, *arguments: Any, **options: Any) -> None:
            nonlocal written
            if written == cuts:  # noqa: B023
                raise KeyboardInterrupt
            written += 1
            write(self, *arguments, **options)

        with monkeypatch.context() as cut_off:
            cut_off.setattr(Storage, "write", write_or_end)
            try:
                Studies(earlier).close()
            except KeyboardInterrupt:
                cuts += 1
            else:
                break
    assert cuts >= 2
    _assert_kept(earlier, phantom_png_bytes)
