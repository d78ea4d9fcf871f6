"""What goes wrong with classifiers on purpose, each as one sentence for people."""

from core.errors import ChestLensError


class ClassifierError(ChestLensError):
    """What was asked of a classifier cannot be done."""


class CheckpointError(ClassifierError):
    """A checkpoint cannot be used; the message says why and what to do."""


class TrainingError(ClassifierError):
    """Training cannot begin or go on; the message says which flag to change."""
