"""The base of all errors that are meant for people; anything else that is raised is a bug. Imports nothing."""

from typing import ClassVar


class ChestLensError(ValueError):
    """What cannot be done as asked; the message is one plain sentence that says what to do.

    Each package derives its own from it. It is a ``ValueError`` because what was handed over is at
    fault, not ChestLens.

    Attributes:
        code: names the kind for programs.
    """

    code: str = "error"


class Busy(ChestLensError):
    """What cannot be done just now, but will be possible if it is asked again.

    Attributes:
        retry_after_s: seconds after which asking again makes sense.
    """

    code = "busy"
    retry_after_s: ClassVar[int] = 10


def sentence(error: BaseException) -> str:
    """What a person is told of an error that is no bug: its own sentence, or what the system says of a file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    return str(error)
