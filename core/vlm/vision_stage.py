"""The first stage of training: the vision encoder learns the 14 findings, through a head that is thrown away."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import EvalPrediction, PreTrainedModel, ProcessorMixin, Trainer

from core.datasets.table import DatasetError
from core.evaluation.ranking import auroc_per_label, macro
from core.findings import LABELS
from core.vlm.training import StageSettings, arguments, load_model, parts_of, picture, run, towers


class LabelledImages(Dataset[dict[str, Any]]):
    """Images and labels of one split.

    Args:
        table: as ``load_table`` returns it.
        split: train or val.
        limit: rows at most; 0 for all.

    Raises:
        DatasetError: the split has no image.
    """

    def __init__(self, table: pd.DataFrame, split: str, *, limit: int = 0) -> None:
        rows = table[(table["split"] == split) & table["image_path"].notna()]
        rows = rows[:limit] if limit else rows
        if rows.empty:
            raise DatasetError(f"The table has no image in the {split} split.")
        self._paths = rows["image_path"].tolist()
        self._labels = rows[list(LABELS)].to_numpy(dtype=np.float32)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": self._paths[index], "labels": self._labels[index]}


class TowerWithHead(nn.Module):
    """The vision encoder under a linear layer.

    Args:
        model: whose encoder it is.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        parts_of(model, "vision")
        self.tower = towers(model)[0]
        self.head = nn.Linear(model.config.vision_config.hidden_size, len(LABELS))

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Loss over the labels that are known, and logits (B, 14)."""
        features = self.tower(pixel_values).last_hidden_state
        # Feature maps (B, C, h, w) of convolutional encoders, patches (B, N, C) of transformers.
        pooled = features.mean(dim=(2, 3)) if features.ndim == 4 else features.mean(dim=1)
        logits = self.head(pooled)
        known = ~labels.isnan()
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
        return {"loss": (losses * known).sum() / known.sum().clamp(min=1), "logits": logits}


def train_vision(
    model_folder: Path, table: pd.DataFrame, output_dir: Path, settings: StageSettings
) -> dict[str, float]:
    """Train the vision encoder on labelled images; goes on where an earlier run was stopped.

    Args:
        model_folder: model to start from.
        table: as ``load_table`` returns it.
        output_dir: gets the model's folder ``model``, TensorBoard's records and ``settings.json``.
        settings: how.

    Returns:
        Macro AUROC on the validation images.

    Raises:
        WriterTrainingError, DatasetError: something is missing; the message says what to do.
    """
    data = {
        split: LabelledImages(table, split, limit=settings.max_records if split == "train" else 0)
        for split in ("train", "val")
    }
    model, processor = load_model(model_folder)
    trainer = Trainer(
        model=TowerWithHead(model),
        args=arguments(output_dir, settings, by_length=False),
        train_dataset=data["train"],
        eval_dataset=data["val"],
        data_collator=lambda records: _batch(processor, records),
        compute_metrics=_macro_auroc,
    )
    run(trainer, "vision", model_folder, output_dir, settings)
    figures = trainer.evaluate()
    model.save_pretrained(output_dir / "model")
    processor.save_pretrained(output_dir / "model")
    return {"macro AUROC": float(figures["eval_macro_auroc"])}


def _batch(processor: ProcessorMixin, records: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    pictures = [picture(record["image"]) for record in records]
    return {
        "pixel_values": processor.image_processor(pictures, return_tensors="pt")["pixel_values"],
        "labels": torch.from_numpy(np.stack([record["labels"] for record in records])),
    }


def _macro_auroc(found: EvalPrediction) -> dict[str, float]:
    return {"macro_auroc": float(macro(auroc_per_label(np.asarray(found.label_ids), np.asarray(found.predictions))))}
