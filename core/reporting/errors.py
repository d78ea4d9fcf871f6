"""What goes wrong with reports on purpose, each as one sentence for people."""

from core.errors import ChestLensError


class ReportingError(ChestLensError):
    """The report cannot be made as asked."""


class DraftError(ReportingError):
    """A draft that is to be judged, or its evidence, is not as it should be."""

    code = "bad_draft"
