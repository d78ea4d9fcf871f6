"""Networks that were made elsewhere as ChestLens checkpoints: of torchxrayvision, transformers and timm."""

from core.classifier.importing.serving import checkpoint_folder

__all__ = ["checkpoint_folder"]
