"""The one way into the database: its engine, its sessions, and its upgrades."""

import errno
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import socket as Socket
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Dialect,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm import Session

from core.studies.errors import BadSetting, DatabaseTooNew, Unavailable
from core.studies.tables import Base, Study
from core.studies.visibility import ViewersSession

_MIGRATIONS = Path(__file__).parent / "migrations"
# For so long a request waits for another one's writing.
_LOCK_SECONDS = 5
# And a start for another process that upgrades.
_UPGRADE_SECONDS = 600
_UPGRADE_LOCK = 4_837_201
_AWAY = "The database cannot be reached; try again in a moment."
# SQLSTATE classes of what passes (PostgreSQL, appendix A): no connection, no resources, an operator's intervention,
# a system error, a deadlock.
_PASSING_CLASSES = ("08", "53", "57", "58", "40")


class Database:
    """The database of one server.

    Args:
        url: SQLAlchemy URL.

    Raises:
        BadSetting: the URL is none, or needs a package.
        DatabaseTooNew: a later version of ChestLens made it.
        Unavailable: it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        try:
            sqlite = make_url(url).get_backend_name() == "sqlite"
            options: dict[str, Any] = (
                {"connect_args": {"timeout": _LOCK_SECONDS}} if sqlite else {"pool_pre_ping": True}
            )
            # Parameters hold file names and reports, which no log may.
            self.engine = create_engine(url, hide_parameters=True, **options)
        except (ArgumentError, ImportError):
            # What SQLAlchemy says would repeat the URL, which may hold a password.
            raise BadSetting(
                "DATABASE_URL is no address of a database, or its driver is not installed; it looks like "
                "postgresql+pg8000://user@host/name (pip install pg8000) or sqlite:////folder/file."
            ) from None
        event.listen(self.engine, "do_connect", _Connecting())
        if sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "handle_error", _give_up_read_only)
        try:
            self._upgrade()
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session whose rows may be read after it; what is to be kept must be committed.

        Of studies it has only those that ``core.studies.viewer`` may see.

        Raises:
            Unavailable: the database is away, locked, full or read-only.
        """
        with telling_what_passes(), ViewersSession(self.engine, expire_on_commit=False) as session:
            yield session

    @property
    def one_moment(self) -> dict[str, Any]:
        """Options of a connection whose reads all see the database as it was at the first one."""
        # SQLite sees one moment in every transaction.
        return {} if self.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}

    def restart_numbers(self, session: Session) -> None:
        """Have numbered rows go on after the largest number, once rows were added with their numbers."""
        if self.engine.dialect.name != "postgresql":
            return  # SQLite looks at the rows
        for table in Base.metadata.sorted_tables:
            if "id" in table.c and isinstance(table.c.id.type, Integer):
                largest = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
                session.execute(text(largest))

    def forget_deleted(self) -> None:
        """Take what was deleted out of the log that SQLite writes ahead, too, if nobody is reading it just now."""
        if self.engine.dialect.name == "sqlite":
            with telling_what_passes(), self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA busy_timeout = 0")
                try:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()
                finally:
                    connection.exec_driver_sql(f"PRAGMA busy_timeout = {1000 * _LOCK_SECONDS}")

    def close(self) -> None:
        """Release all connections."""
        self.engine.dispose()

    def _upgrade(self) -> None:
        known = revisions()
        with telling_what_passes(), self.engine.connect() as connection:
            if _revision(connection) == known[-1]:
                return
            connection.rollback()
            with _alone(connection):
                found = _revision(connection)
                if found is not None and found not in known:
                    raise DatabaseTooNew(
                        f"The database was made by a later version of ChestLens (schema {found}, this version knows "
                        f"{known[-1]}); install that version, or name another database in DATABASE_URL."
                    )
                if found is None and not inspect(connection).has_table(Study.__tablename__):
                    _create(connection, known[-1])
                elif found != known[-1]:
                    _run_migrations(connection)


def revisions() -> list[str]:
    """Names of all revisions of the schema, oldest first: files are called ``0001_what_it_does.py``."""
    return sorted(path.name[:4] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


@contextmanager
def telling_what_passes() -> Iterator[None]:
    """Turn the errors of a database that cannot be used at the moment into ``Unavailable``."""
    try:
        yield
    except TimeoutError:
        raise Unavailable("The database is busy; try again in a moment.") from None
    except ConnectionError as error:
        # Some drivers let what the system says of a broken connection through.
        raise Unavailable(_AWAY) from error
    except DBAPIError as error:
        if (sentence := _passing(error)) is None:
            raise
        raise Unavailable(sentence) from error


def _passing(error: DBAPIError) -> str | None:
    """What is wrong with the database, if it may pass by itself or by the hand of an operator; else None."""
    said = str(error.orig).lower()
    if "locked" in said or "busy" in said:
        return "The database is locked by another program; try again in a moment."
    if "full" in said or os.strerror(errno.ENOSPC).lower() in said:
        return "The disk of the database is full; make room and try again."
    if "readonly" in said or "read-only" in said:
        return "The database is read-only; make it writable and try again."
    state = _sqlstate(error)
    if state is None and ("not a database" in said or "malformed" in said):
        return "The database is damaged, or is none; restore it from a backup, or name another one in DATABASE_URL."
    away = error.connection_invalidated or isinstance(error, InterfaceError)
    away = away or (state or "").startswith(_PASSING_CLASSES)
    # SQLite calls a missing table operational as well, which is a fault of ours.
    operational = isinstance(error, OperationalError) and "no such" not in said and state is None
    return _AWAY if away or operational else None


def _sqlstate(error: DBAPIError) -> str | None:
    found = getattr(error.orig, "sqlstate", None)
    if found is None and error.orig is not None and error.orig.args and isinstance(error.orig.args[0], dict):
        found = error.orig.args[0].get("C")  # as pg8000 gives it
    return found


class _Connecting:
    """Connects. Where the other side ends in the middle of it, drivers let the system's own error through.

    pg8000 encrypts where the server does so, without looking at certificates, but reads all of the system's first,
    which takes longer than all the rest. So what the server does is asked once, and again where that fails.
    """

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def __call__(self, dialect: Dialect, _: object, arguments: Sequence[Any], options: dict[str, Any]) -> Any:
        try:
            if dialect.driver != "pg8000" or "ssl_context" in options:
                return dialect.connect(*arguments, **options)
            if self._known:
                try:
                    return dialect.connect(*arguments, **options, **self._known)
                except Exception as error:
                    if isinstance(error.__cause__, OSError):
                        raise  # nobody is there
            connection = dialect.connect(*arguments, **options)
            self._known = _as_on(getattr(connection, "_usock", None))
            return connection
        except OSError as error:
            raise Unavailable(_AWAY) from error


def _as_on(socket: object) -> dict[str, Any]:
    """Options that ask for what the server did on this socket; none where that cannot be told.

    The database itself would not know: between the two may be a proxy that encrypts on one side alone.
    """
    if isinstance(socket, ssl.SSLSocket):
        return {"ssl_context": _unverified()}
    return {"ssl_context": False} if isinstance(socket, Socket) else {}


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _give_up_read_only(context: ExceptionContext) -> None:
    """Connect anew after a disk was read-only: what SQLite opened meanwhile stays so for as long as it is open."""
    if "readonly" in str(context.original_exception):
        context.is_disconnect = True


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Set up a connection.

    What refers to a deleted study goes with it, deleted text does not stay in free pages, readers do not wait for a
    writer, and case is ignored beyond ASCII, as PostgreSQL does.
    """
    for pragma in ("foreign_keys = ON", "secure_delete = ON", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("lower", 1, lambda text: text.lower() if isinstance(text, str) else text)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """One transaction for the whole upgrade, while which no other process upgrades.

    A rollback inside the block would let the others in.
    """
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {1000 * _UPGRADE_SECONDS}")
        # A table that is built anew must not take with it what refers to it; the pragma has no effect in a transaction.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _UPGRADE_LOCK})
    try:
        yield
        connection.commit()
    finally:
        connection.rollback()
        if sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {1000 * _LOCK_SECONDS}")
            connection.commit()


def _create(connection: Connection, newest: str) -> None:
    """Make all tables of a new database as the revisions would leave them, in a fraction of their time."""
    Base.metadata.create_all(connection)
    # As Alembic makes it.
    versions = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False))
    versions.append_constraint(PrimaryKeyConstraint("version_num", name="alembic_version_pkc"))
    versions.create(connection, checkfirst=True)
    connection.execute(versions.insert().values(version_num=newest))


def _run_migrations(connection: Connection, target: str = "head") -> None:
    # Only an older database needs Alembic, whose import takes longer than the revisions.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
