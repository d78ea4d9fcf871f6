"""Networks that were made elsewhere as ChestLens checkpoints: of torchxrayvision, transformers and timm."""

from core.classifier.importing.serving import CHECKPOINT_HELP, checkpoint_folder

__all__ = ["CHECKPOINT_HELP", "checkpoint_folder"]
