"""Training: settings, images, optimisation, the loop, and what a run leaves behind."""

from core.classifier.training.config import explain_settings, read_config
from core.classifier.training.failures import TrainingError
from core.classifier.training.loop import train
from core.classifier.training.settings import TrainingSettings

__all__ = ["TrainingError", "TrainingSettings", "explain_settings", "read_config", "train"]
