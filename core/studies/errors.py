"""What goes wrong with studies on purpose, each as one sentence for people."""

from core.errors import ChestLensError


class Unavailable(RuntimeError):
    """Database, storage or queue cannot be used at the moment; the same request may succeed later."""


class DatabaseTooNew(ChestLensError):
    """The database was made by a later version of ChestLens."""


class NoSuchStudy(LookupError):
    """There is no study of this id, or none that this person may see."""

    def __init__(self) -> None:
        super().__init__("There is no such study; it may have been deleted.")
