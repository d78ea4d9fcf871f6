"""What a training is for: calibrated weights that tell how they were made."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from core.classifier.calibration import choose_operating_point, fit_calibration
from core.classifier.checkpoint import CheckpointConfig, save_checkpoint
from core.classifier.preprocessing import Preprocessing
from core.classifier.training.settings import TrainingSettings
from core.datasets import patient_keys
from core.findings import LABELS


def save_calibrated(
    folder: Path,
    network: nn.Module,
    preprocessing: Preprocessing,
    logits: np.ndarray,
    labels: np.ndarray,
    *,
    architecture: str,
    provenance: dict[str, Any],
) -> None:
    """Choose calibration and operating points on validation images, and write the checkpoint.

    Args:
        folder: the checkpoint folder.
        logits, labels: (N, 14) of the validation images; labels are 0, 1 or NaN.
        provenance: as ``describe`` gives it.
    """
    calibration = fit_calibration(logits, labels)
    probabilities = calibration(logits)
    points = {
        label: choose_operating_point(probabilities[:, column], labels[:, column])
        for column, label in enumerate(LABELS)
    }
    save_checkpoint(folder, network, CheckpointConfig(architecture, preprocessing, calibration, points, provenance))


def describe(
    rows: dict[str, pd.DataFrame], settings: TrainingSettings, data_settings: dict[str, Any], epoch: dict[str, Any]
) -> dict[str, Any]:
    """What a checkpoint tells of its making.

    Args:
        rows: the training and validation images.
        epoch: figures of the epoch whose weights are kept.
    """
    auroc = epoch["val_macro_auroc"]
    return {
        "training": asdict(settings),
        "data": data_settings,
        # evaluate.py must find the same validation images, whatever becomes of the rule that chose them.
        "validation_studies": sorted(rows["val"]["study_id"]),
        # A successor that learns from further folders must not meet the same patients there.
        "validation_patients": sorted(patient_keys(rows["val"]).unique()),
        "images": {split: len(part) for split, part in rows.items()},
        "patients": {split: int(patient_keys(part).nunique()) for split, part in rows.items()},
        "positives": {split: {label: int(part[label].sum()) for label in LABELS} for split, part in rows.items()},
        "epoch": epoch["epoch"],
        "val_macro_auroc": None if math.isnan(auroc) else auroc,
    }
