"""What goes wrong with evaluations on purpose."""

from core.errors import ChestLensError


class EvaluationError(ChestLensError):
    """The figures cannot be had from these data; the message says what is needed."""
