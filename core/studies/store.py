"""Studies on the server: a row in the database for the state, a folder for the files."""

import shutil
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.plain_text import clean_name
from core.studies.database import Database
from core.studies.tables import Study, now

# Its presence in a study's folder says that somebody insisted.
_FORCED = "forced"


class Store:
    """All studies of one server.

    Args:
        database_url: SQLAlchemy URL.
        folder: holds one folder a study.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.database = Database(database_url)

    def add(self, filename: str, upload: bytes, *, forced: bool = False) -> Study:
        """Make a queued study; its row appears only once the file is safe on disk.

        Args:
            filename: as the uploader calls it.
            upload: the file.
            forced: somebody insists that it be judged, whatever it shows.
        """
        study = Study(id=uuid.uuid4().hex, filename=clean_name(filename), created=now(), status="queued", summary={})
        self.path(study.id).mkdir()
        self.upload(study.id).write_bytes(upload)
        if forced:
            (self.path(study.id) / _FORCED).touch()
        with self.database.session() as session:
            session.add(study)
            session.commit()
        return study

    def get(self, study_id: str) -> Study | None:
        """The study, or None if there is none of that id."""
        with self.database.session() as session:
            return session.get(Study, study_id)

    def unfinished(self) -> list[str]:
        """Ids of studies that were queued or running, oldest first; to go on with after a restart."""
        with self.database.session() as session:
            rows = select(Study.id).where(Study.status.in_(("queued", "running"))).order_by(Study.created)
            return list(session.scalars(rows))

    def latest_done(self, limit: int) -> list[str]:
        """Ids of the studies that were finished last, oldest of them first."""
        with self.database.session() as session:
            rows = select(Study.id).where(Study.status == "done").order_by(Study.created.desc()).limit(limit)
            return list(session.scalars(rows))[::-1]

    def update(self, study_id: str, **values: Any) -> None:
        """Set columns of a study; does nothing if it was deleted meanwhile."""
        with self.database.session() as session:
            study = session.get(Study, study_id)
            if study is not None:
                for name, value in values.items():
                    setattr(study, name, value)
                session.commit()

    def delete(self, study_id: str) -> bool:
        """Remove the study and every file of it; False if there was none."""
        with self.database.session() as session:
            study = session.get(Study, study_id)
            if study is None:
                return False
            session.delete(study)
            session.commit()
        shutil.rmtree(self.path(study_id), ignore_errors=True)
        return True

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
        self.database.close()
