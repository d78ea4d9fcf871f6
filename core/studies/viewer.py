"""Who asks for studies. ``core.studies.visibility`` makes of it what is there to be found."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Viewer:
    """Somebody who asks for studies.

    Attributes:
        user_id: number of the account.
        group: whose studies are seen, too; None for nobody's.
        sees_all: whether all studies are seen, those from before there were accounts included.
    """

    user_id: int
    group: str | None
    sees_all: bool = False

    @property
    def audience(self) -> str:
        """Names the people who see what this one uploads: all who share it see the same studies."""
        return f"group {self.group}" if self.group else f"user {self.user_id}"


_viewer: ContextVar[Viewer | None] = ContextVar("viewer", default=None)


@contextmanager
def seen_by(viewer: Viewer | None) -> Iterator[None]:
    """See studies as somebody does, until the block ends; None sees all."""
    before = _viewer.set(viewer)
    try:
        yield
    finally:
        _viewer.reset(before)


def current_viewer() -> Viewer | None:
    """Who asks; None for ChestLens itself, and where there are no accounts."""
    return _viewer.get()


def owner_id() -> int | None:
    """Owner of a study that is made now."""
    viewer = _viewer.get()
    return viewer.user_id if viewer else None


def owner_group() -> str | None:
    """Group of a study that is made now."""
    viewer = _viewer.get()
    return viewer.group if viewer else None


def audience() -> str:
    """Who sees a study that is made now; empty where there are no accounts."""
    viewer = _viewer.get()
    return viewer.audience if viewer else ""
