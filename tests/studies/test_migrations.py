"""New databases get all tables, those of every earlier version are brought up to date, later ones are refused."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text

from core.studies import database as database_module
from core.studies.database import Database, revisions
from core.studies.errors import DatabaseTooNew
from core.studies.reviews.record import first_fault
from core.studies.reviews.store import ReviewStore
from core.studies.tables import Base, Study

# What ``.dump`` gives of a database that the version before there were revisions made, with one signed study.
PEOPLE = ("tokens", "sessions", "users", "sample_studies")
AFTER_THE_OLDEST = (
    "jobs",
    "exports",
    "audit_log",
    "review_events",
    "study_calls",
    "study_ratings",
    "inquiries",
    "workers",
)
FIRST = Path(__file__).parent / "first_schema.sql"
_TRIGGERS = {
    "sqlite": "SELECT sql AS source FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT pg_get_triggerdef(t.oid) || p.prosrc AS source FROM pg_trigger t "
    "JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal",
}


def test_revisions_lead_to_the_tables_that_the_code_describes(empty_database_url: str) -> None:
    _migrate(empty_database_url, "head")
    database = Database(empty_database_url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_a_new_database_is_made_as_the_revisions_would_leave_it(empty_database_url: str) -> None:
    by_revisions = _schema_once(empty_database_url, database_module._run_migrations)
    at_once = _schema_once(empty_database_url, partial(database_module._create, newest=revisions()[-1]))
    assert set(at_once) == {*Base.metadata.tables, "alembic_version", "triggers", "revision"}
    assert len(at_once["triggers"]) >= 2
    assert at_once == by_revisions


def test_the_first_released_database_keeps_its_studies_reviews_and_signatures(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'first.sqlite3'}"
    engine = create_engine(url)
    connection = engine.raw_connection()
    connection.executescript(FIRST.read_text())
    connection.close()
    engine.dispose()
    database = Database(url)
    with database.session() as session:
        study = session.query(Study).one()
        assert (study.filename, study.status, study.layout) == ("phantom.png", "done", 1)
        assert study.created.isoformat() == "2026-11-29T08:00:00.123456+00:00"
        events = ReviewStore(database).events(study.id)
    assert [event.kind for event in events] == ["draft", "edit", "sign"]
    assert first_fault(events) is None
    with pytest.raises(Exception, match="never changed"), database.engine.begin() as connection:
        connection.execute(text("UPDATE review_events SET author = 'Eve'"))
    database.close()


def test_a_database_with_only_the_oldest_table_gets_the_others(database_url: str) -> None:
    Database(database_url).close()
    engine = create_engine(database_url)
    with engine.begin() as connection:
        for table in (*PEOPLE, *AFTER_THE_OLDEST, "alembic_version"):
            connection.execute(text(f"DROP TABLE {table}"))
        for index in ("owner_id", "owner_group", "upload_key", "created"):
            connection.execute(text(f"DROP INDEX ix_studies_{index}"))
        for column in ("owner_id", "owner_group", "forced", "upload_key", "upload_sha256", "layout"):
            connection.execute(text(f"ALTER TABLE studies DROP COLUMN {column}"))
    engine.dispose()
    Database(database_url).close()
    assert _tables(database_url) == {*Base.metadata.tables, "alembic_version"}


def test_an_empty_table_of_versions_alone_is_a_new_database(empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    engine.dispose()
    Database(empty_database_url).close()
    assert _tables(empty_database_url) == {*Base.metadata.tables, "alembic_version"}


def test_a_later_database_is_refused_with_a_sentence(database_url: str) -> None:
    database = Database(database_url)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(DatabaseTooNew, match=rf"schema 9999, this version knows {revisions()[-1]}.*DATABASE_URL\.$"):
        Database(database_url)


@pytest.mark.parametrize("before", [None, "0005"])
def test_several_processes_that_start_at_once_make_or_upgrade_it_once(
    empty_database_url: str, before: str | None
) -> None:
    start = Barrier(6)

    def open_one(_: int) -> None:
        start.wait()
        Database(empty_database_url).close()

    if before is not None:
        _migrate(empty_database_url, before)
    with ThreadPoolExecutor(6) as processes:
        list(processes.map(open_one, range(6)))
    assert _tables(empty_database_url) == {*Base.metadata.tables, "alembic_version"}


@pytest.mark.parametrize(("before", "step"), [(None, "_create"), ("0005", "_run_migrations")])
def test_a_start_that_was_cut_off_leaves_the_database_as_it_was(
    empty_database_url: str, before: str | None, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_and_end(*given: Any) -> None:
        run(*given)
        raise KeyboardInterrupt

    if before is not None:
        _migrate(empty_database_url, before)
    found = _tables(empty_database_url)
    run = getattr(database_module, step)
    with monkeypatch.context() as cut_off:
        cut_off.setattr(database_module, step, run_and_end)
        with pytest.raises(KeyboardInterrupt):
            Database(empty_database_url)
    assert _tables(empty_database_url) == found
    Database(empty_database_url).close()
    assert _tables(empty_database_url) == {*Base.metadata.tables, "alembic_version"}


def _migrate(url: str, revision: str) -> None:
    """Bring a database to a revision as the version of that time did."""
    engine = create_engine(url)
    with engine.connect() as connection, database_module._alone(connection):
        database_module._run_migrations(connection, revision)
    engine.dispose()


def _schema_once(url: str, make: Callable[[Connection], None]) -> dict[str, Any]:
    """What is made of an empty database, which is empty again afterwards; but for defaults of old rows' new columns."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "SELECT 1")
        make(connection)
        reader = inspect(connection)
        schema: dict[str, Any] = {
            table: {
                "columns": {of["name"]: (str(of["type"]), of["nullable"]) for of in reader.get_columns(table)},
                "key": reader.get_pk_constraint(table)["constrained_columns"],
                "references": sorted(map(_reference, reader.get_foreign_keys(table)), key=str),
                "unique": sorted(reader.get_unique_constraints(table), key=str),
                "indexes": sorted(reader.get_indexes(table), key=str),
            }
            for table in reader.get_table_names()
        }
        schema["triggers"] = sorted(
            " ".join(row.source.split()) for row in connection.execute(text(_TRIGGERS[reader.dialect.name]))
        )
        schema["revision"] = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        connection.rollback()
        assert inspect(connection).get_table_names() == []
    engine.dispose()
    return schema


def _reference(found: Any) -> dict[str, Any]:
    # The names that PostgreSQL gives by itself count those of tables that are gone.
    return {**found, "name": re.sub(r"_fkey\d+$", "_fkey", found["name"] or "")}


def _tables(url: str) -> set[str]:
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found
