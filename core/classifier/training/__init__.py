"""Training: settings, images, optimisation, the loop, and what a run leaves behind.

The loop is imported when ``train`` is asked for: with PyTorch and its companions it takes seconds, which the help of a
command and a mistake in its options need not wait for.
"""

from typing import TYPE_CHECKING, Any

from core.classifier.errors import TrainingError
from core.classifier.training.config import read_config
from core.classifier.training.options import TrainingInputs, add_training_options, read_inputs
from core.classifier.training.settings import TrainingSettings

if TYPE_CHECKING:
    from core.classifier.training.loop import train

__all__ = [
    "TrainingError",
    "TrainingInputs",
    "TrainingSettings",
    "add_training_options",
    "read_config",
    "read_inputs",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "train":
        from core.classifier.training.loop import train

        return train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
