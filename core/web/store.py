"""Studies on the server: a row in the database for the state, a folder for the files."""

import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import JSON, DateTime, Engine, String, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from core.plain_text import clean_name

# Its presence in a study's folder says that somebody insisted.
_FORCED = "forced"

Status = Literal["queued", "running", "done", "failed"]


class Base(DeclarativeBase):
    """All tables of the server, so that they are made together."""


class Study(Base):
    """One uploaded file and what became of it.

    Attributes:
        id: unguessable, in the URL.
        filename: as the uploader called it, for display only.
        status: queued, running, done or failed.
        progress: share of the work done, in [0, 1].
        error_code, error_message: why it failed.
        summary: names of the findings called present and possible, for the list.
        total_ms: milliseconds from upload to result.
    """

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    filename: Mapped[str] = mapped_column(String(255))
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    status: Mapped[str] = mapped_column(String(8), index=True)
    progress: Mapped[float] = mapped_column(default=0.0)
    error_code: Mapped[str | None] = mapped_column(String(32), default=None)
    error_message: Mapped[str | None] = mapped_column(String(500), default=None)
    summary: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict)
    total_ms: Mapped[int | None] = mapped_column(default=None)


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Have SQLite delete what refers to a deleted study, and ignore case beyond ASCII, as PostgreSQL does."""
    connection.execute("PRAGMA foreign_keys = ON")
    connection.create_function("lower", 1, lambda text: text.lower() if isinstance(text, str) else text)


class Store:
    """All studies of one server.

    Args:
        database_url: SQLAlchemy URL.
        folder: holds one folder a study.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._engine = create_engine(database_url)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _prepare_sqlite)
        Base.metadata.create_all(self._engine)

    def add(self, filename: str, upload: bytes, *, forced: bool = False) -> Study:
        """Make a queued study; its row appears only once the file is safe on disk.

        Args:
            filename: as the uploader calls it.
            upload: the file.
            forced: somebody insists that it be judged, whatever it shows.
        """
        study = Study(
            id=uuid.uuid4().hex, filename=clean_name(filename), created=datetime.now(UTC), status="queued", summary={}
        )
        self.path(study.id).mkdir()
        self.upload(study.id).write_bytes(upload)
        if forced:
            (self.path(study.id) / _FORCED).touch()
        with self._session() as session:
            session.add(study)
            session.commit()
        return study

    def get(self, study_id: str) -> Study | None:
        """The study, or None if there is none of that id."""
        with self._session() as session:
            return session.get(Study, study_id)

    def unfinished(self) -> list[str]:
        """Ids of studies that were queued or running, oldest first; to go on with after a restart."""
        with self._session() as session:
            rows = select(Study.id).where(Study.status.in_(("queued", "running"))).order_by(Study.created)
            return list(session.scalars(rows))

    def latest_done(self, limit: int) -> list[str]:
        """Ids of the studies that were finished last, oldest of them first."""
        with self._session() as session:
            rows = select(Study.id).where(Study.status == "done").order_by(Study.created.desc()).limit(limit)
            return list(session.scalars(rows))[::-1]

    def update(self, study_id: str, **values: Any) -> None:
        """Set columns of a study; does nothing if it was deleted meanwhile."""
        with self._session() as session:
            study = session.get(Study, study_id)
            if study is not None:
                for name, value in values.items():
                    setattr(study, name, value)
                session.commit()

    def delete(self, study_id: str) -> bool:
        """Remove the study and every file of it; False if there was none."""
        with self._session() as session:
            study = session.get(Study, study_id)
            if study is None:
                return False
            session.delete(study)
            session.commit()
        shutil.rmtree(self.path(study_id), ignore_errors=True)
        return True

    @property
    def engine(self) -> Engine:
        """The database, for the tables of other modules; their rows go with the study that they refer to."""
        return self._engine

    def path(self, study_id: str) -> Path:
        """Folder of a study's files. Ids come from ``add``; others name no folder that exists."""
        return self._folder / study_id

    def upload(self, study_id: str) -> Path:
        """The file as it was sent."""
        return self.path(study_id) / "upload"

    def forced(self, study_id: str) -> bool:
        """Whether somebody insisted that the study be judged."""
        return (self.path(study_id) / _FORCED).is_file()

    def close(self) -> None:
        """Release the database connections."""
        self.engine.dispose()

    def _session(self) -> Session:
        # Rows are read after their session is closed.
        return Session(self.engine, expire_on_commit=False)
