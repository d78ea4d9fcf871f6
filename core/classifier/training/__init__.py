"""Training: settings, images, optimisation, the loop, and what a run leaves behind."""

from core.classifier.training.config import read_config
from core.classifier.training.failures import TrainingError
from core.classifier.training.loop import train
from core.classifier.training.options import TrainingInputs, add_training_options, read_inputs
from core.classifier.training.settings import TrainingSettings

__all__ = [
    "TrainingError",
    "TrainingInputs",
    "TrainingSettings",
    "add_training_options",
    "read_config",
    "read_inputs",
    "train",
]
