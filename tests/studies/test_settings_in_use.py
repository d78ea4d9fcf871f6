"""Settings that name a database, a queue or a place for files that cannot be used."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from core.settings import ServerSettings
from core.studies.cipher import Cipher
from core.studies.database import Database
from core.studies.delivery import Delivery
from core.studies.errors import BadSetting, Unavailable
from core.studies.storage import open_storage


@pytest.mark.parametrize(
    ("use", "named"),
    [
        (lambda: Database("foo://somebody:hidden@x"), "DATABASE_URL"),
        (lambda: Database("no address, hidden"), "DATABASE_URL"),
        (lambda: Database("postgresql+nodriver://somebody:hidden@x/y"), "DATABASE_URL"),
        (lambda: Delivery(Path("unused"), "hidden"), "REDIS_URL"),
        (lambda: open_storage("foo://x", Cipher("k" * 32)), "CHESTLENS_STORAGE"),
    ],
)
def test_a_wrong_address_is_one_sentence_that_repeats_no_password(use: Callable[[], object], named: str) -> None:
    with pytest.raises(BadSetting, match=f"^{named} ") as told:
        use()
    assert "hidden" not in str(told.value)


def test_a_file_that_is_no_database_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "test.sqlite3").write_bytes(bytes(range(256)) * 40)
    with pytest.raises(Unavailable, match="damaged, or is none"):
        Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"-")
    with pytest.raises(Unavailable, match=f"^The folder {tmp_path / 'file'} for studies cannot be made"):
        open_storage(str(tmp_path / "file"), Cipher("k" * 32))


def test_a_database_that_ends_while_it_is_connected_to_is_told_as_what_passes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.sqlite3'}")
    database.close()

    def reset(*_: object, **__: object) -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(database.engine.dialect, "connect", reset)
    with pytest.raises(Unavailable, match="cannot be reached"), database.session() as session:
        session.execute(text("SELECT 1"))


@pytest.mark.parametrize("said", [ConnectionResetError, BrokenPipeError])
def test_a_connection_that_breaks_in_the_middle_of_a_query_is_told_as_what_passes(
    settings: ServerSettings, said: type[OSError]
) -> None:
    database = Database(settings.database_url)

    def break_off(*arguments: object) -> None:
        raise said  # as pg8000 does, which leaves it as it is

    event.listen(database.engine, "before_cursor_execute", break_off)
    with pytest.raises(Unavailable, match="cannot be reached"), database.session() as session:
        session.execute(text("SELECT 1"))
    event.remove(database.engine, "before_cursor_execute", break_off)
    with database.session() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_a_connection_that_was_opened_while_the_disk_was_read_only_is_given_up(
    settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(settings.database_url)
    database.close()
    plain = database.engine.dialect.connect

    def read_only(*_: object, **__: object) -> Any:
        return sqlite3.connect(f"file:{settings.instance / 'chestlens.sqlite3'}?mode=ro", uri=True)

    def write() -> None:
        with database.session() as session:
            session.execute(text("DELETE FROM sessions"))
            session.commit()

    monkeypatch.setattr(database.engine.dialect, "connect", read_only)
    with pytest.raises(Unavailable, match="read-only"):
        write()
    monkeypatch.setattr(database.engine.dialect, "connect", plain)
    write()
    database.close()
