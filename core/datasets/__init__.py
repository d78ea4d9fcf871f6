"""Folders on disk to one table of studies: sources, splits, augmentation."""

from core.datasets.nih import DatasetError, load_nih
from core.datasets.splits import assign_splits

__all__ = ["DatasetError", "assign_splits", "load_nih"]
