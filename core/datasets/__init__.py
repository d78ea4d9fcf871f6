"""Folders on disk to one table of studies: sources, splits, preparation, quality, augmentation."""

from core.datasets.adjudicated import ADJUDICATED, load_adjudicated
from core.datasets.boxes import EDGES, load_boxes
from core.datasets.images import of_images
from core.datasets.loading import SOURCES, ReportReading, label_from_reports, load_table
from core.datasets.predictions import load_predictions
from core.datasets.sources import load_nih
from core.datasets.splits import FRACTIONS, assign_splits, restore_validation, split_table, validating_rows
from core.datasets.table import (
    COLUMNS,
    Collection,
    DatasetError,
    Problem,
    patient_keys,
    read_table,
    smaller_originals,
    write_problems,
    write_table,
)

__all__ = [
    "ADJUDICATED",
    "COLUMNS",
    "EDGES",
    "FRACTIONS",
    "SOURCES",
    "Collection",
    "DatasetError",
    "Problem",
    "ReportReading",
    "assign_splits",
    "label_from_reports",
    "load_adjudicated",
    "load_boxes",
    "load_nih",
    "load_predictions",
    "load_table",
    "of_images",
    "patient_keys",
    "read_table",
    "restore_validation",
    "smaller_originals",
    "split_table",
    "validating_rows",
    "write_problems",
    "write_table",
]
