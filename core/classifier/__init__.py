"""Network, training, calibration, prediction and heatmaps."""

from core.classifier.checkpoint import SHIPPED, CheckpointError, load_checkpoint, load_config
from core.classifier.prediction import Classifier, Prediction, model_identity

__all__ = [
    "SHIPPED",
    "CheckpointError",
    "Classifier",
    "Prediction",
    "load_checkpoint",
    "load_config",
    "model_identity",
]
