"""Errors of work on a cluster."""

from core.errors import ChestLensError


class DistributionError(ChestLensError):
    """The work cannot be done on a cluster; the message says why."""
