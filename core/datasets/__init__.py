"""Folders on disk to one table of studies: sources, splits, augmentation."""

from core.datasets.nih import DatasetError, load_nih
from core.datasets.predictions import load_predictions
from core.datasets.splits import assign_splits, restore_validation

__all__ = ["DatasetError", "assign_splits", "load_nih", "load_predictions", "restore_validation"]
