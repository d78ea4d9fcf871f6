"""What a training is for: calibrated weights that tell how they were made."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from core.classifier.checkpoint import CheckpointConfig, save_checkpoint
from core.classifier.choosing import decide
from core.classifier.preprocessing import Preprocessing
from core.classifier.training.settings import TrainingSettings
from core.datasets import patient_keys
from core.findings import LABELS


def save_calibrated(
    folder: Path,
    network: nn.Module,
    preprocessing: Preprocessing,
    logits: np.ndarray,
    rows: pd.DataFrame,
    *,
    architecture: str,
    provenance: dict[str, Any],
) -> None:
    """Choose calibration and policies on validation images, and write the checkpoint.

    Args:
        folder: the checkpoint folder.
        logits: (N, 14) of the validation images.
        rows: the table of these images.
        provenance: as ``describe`` gives it.
    """
    labels = rows[list(LABELS)].to_numpy(dtype=np.float32)
    decisions = decide(logits, labels, patient_keys(rows).to_numpy())
    config = CheckpointConfig(
        architecture,
        preprocessing,
        decisions.calibration,
        policies=decisions.policies,
        abnormal=decisions.abnormal,
        provenance=provenance | {"decisions": decisions.record},
    )
    save_checkpoint(folder, network, config)


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
