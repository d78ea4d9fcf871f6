"""What goes wrong with studies on purpose, each as one sentence for people."""

from core.errors import Busy, ChestLensError


class Unavailable(Busy):
    """Database, storage or queue cannot be used at the moment; the same request may succeed later."""

    code = "unavailable"


class QueueFull(Busy):
    """Too many studies are waiting."""


class DatabaseTooNew(ChestLensError):
    """The database was made by a later version of ChestLens."""


class NoSuchStudy(ChestLensError):
    """There is no study of this id, or none that this person may see."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such study; it may have been deleted.")


class NotFailed(ChestLensError):
    """A study is to be analysed again that cannot be."""

    code = "not_failed"

    def __init__(self) -> None:
        super().__init__("Only a study whose analysis failed is analysed again; upload the file once more.")


class NoSuchExport(ChestLensError):
    """There is no export of this id, or none that this person asked for."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such export; exports are kept for a day, make it again.")


class NoSuchInquiry(ChestLensError):
    """There is no question or comparison of this number in the study."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such question or comparison; it was deleted.")


class KeyReused(ChestLensError):
    """An ``Idempotency-Key`` came a second time with another file."""

    code = "key_reused"


class Gone(Exception):
    """A file of a study is not there, mostly because the study was deleted meanwhile."""


class BadSetting(ChestLensError):
    """A setting names a database, a queue or a place for files that cannot be used."""


class RewritingFailed(ChestLensError):
    """The writer cannot be used."""
