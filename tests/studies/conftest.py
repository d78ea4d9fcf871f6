"""A database of each kind that studies can be kept in."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from deployments import Deployment, Services, shared_by_all
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from core.settings import ServerSettings
from core.studies.studies import Studies

POSTGRESQL = "postgresql+pg8000://postgres@127.0.0.1:5432/test"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.sqlite3'}"
        return
    pytest.importorskip("pg8000", reason="the PostgreSQL driver pg8000 is not installed")
    server = create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT", connect_args={"timeout": 60})
    name = f"chestlens_{uuid.uuid4().hex}"
    try:
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except SQLAlchemyError:
        server.dispose()
        pytest.skip("no PostgreSQL at 127.0.0.1:5432 lets 'postgres' in")
    yield POSTGRESQL.rsplit("/", 1)[0] + f"/{name}"
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def database_url(empty_database_url: str, new_database: Path) -> str:
    """A database whose schema is made already where that is quicker."""
    if file := empty_database_url.partition("sqlite:///")[2]:
        shutil.copy(new_database, file)
    return empty_database_url


@pytest.fixture
def studies(database_url: str, settings: ServerSettings) -> Iterator[Studies]:
    """Studies that nobody works on."""
    studies = Studies(replace(settings, database_url=database_url))
    yield studies
    studies.close()


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """PostgreSQL and Redis that tests may stop, and start again."""
    pytest.importorskip("pg8000", reason="the PostgreSQL driver pg8000 is not installed")
    try:
        services = Services()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    yield services
    services.close()


@pytest.fixture(params=["one command", "two of each"])
def deployment(request: pytest.FixtureRequest, settings: ServerSettings) -> Iterator[Deployment]:
    """``app.py`` with SQLite, and two web processes and two workers on PostgreSQL and Redis."""
    several = request.param == "two of each"
    deployment = Deployment(shared_by_all(settings, request.getfixturevalue("services")), 2) if several else None
    deployment = deployment or Deployment(settings)
    yield deployment
    deployment.abandon()
