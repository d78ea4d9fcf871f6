"""The first stage of training: the vision encoder learns the 14 findings, through a head that is thrown away."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import EvalPrediction, ProcessorMixin, Trainer

from core.datasets.table import DatasetError
from core.evaluation.ranking import auroc_per_label, macro
from core.findings import LABELS
from core.vlm.batches import picture
from core.vlm.models import WriterTrainingError
from core.vlm.parts import VisionReader
from core.vlm.training import arguments, load_base, run, save_trained
from core.vlm.training_settings import StageSettings


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
    """The vision encoder under a linear layer that reads what the model's projector reads.

    Only weights that this depends on learn: LLaVA, for one, never reads its encoder's last layer.

    Args:
        reader: of the model.
        example: images of any batch, to see what the reader depends on and how wide it is.
    """

    def __init__(self, reader: VisionReader, example: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.reader = reader
        for parameter in reader.parameters():
            parameter.requires_grad_(False)
        for parameter in reader.read_parameters(example):
            parameter.requires_grad_(True)
        with torch.no_grad():
            width = reader(**example).shape[-1]
        self.head = nn.Linear(width, len(LABELS))

    def forward(self, labels: torch.Tensor, **images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Loss over the labels that are known, and logits (B, 14)."""
        logits = self.head(self.reader(**images).to(self.head.weight.dtype))
        known = ~labels.isnan()
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
        return {"loss": (losses * known).sum() / known.sum().clamp(min=1), "logits": logits}


def train_vision(
    model_folder: str | Path, table: pd.DataFrame, output_dir: Path, settings: StageSettings
) -> dict[str, float]:
    """Train the vision encoder on labelled images; goes on where an earlier run was stopped.

    Args:
        model_folder: model to start from, or ``hf:OWNER/MODEL``.
        table: as ``load_table`` returns it.
        output_dir: gets the model's folder ``model``, TensorBoard's records and ``settings.json``.
        settings: how.

    Returns:
        Macro AUROC on the validation images.

    Raises:
        WriterTrainingError, WriterError, PartError, DatasetError: something is missing; the message says what to do.
    """
    if settings.preset != "full":
        raise WriterTrainingError("The vision stage trains the encoder's own weights: leave the preset out.")
    data = {
        split: LabelledImages(table, split, limit=settings.max_records if split == "train" else 0)
        for split in ("train", "val")
    }
    model, processor = load_base(model_folder)
    model.requires_grad_(False)
    reader = VisionReader(model)
    example = _batch(processor, [data["train"][0]])
    del example["labels"]
    torch.manual_seed(settings.seed)
    trainer = Trainer(
        model=TowerWithHead(reader, example),
        args=arguments(output_dir, settings, by_length=False),
        train_dataset=data["train"],
        eval_dataset=data["val"],
        data_collator=lambda records: _batch(processor, records),
        compute_metrics=_macro_auroc,
    )
    run(trainer, "vision", model_folder, output_dir, settings)
    figures = trainer.evaluate()
    reader.close()
    if trainer.is_world_process_zero():
        save_trained(model, processor, model_folder, output_dir / "model")
    return {"macro AUROC": float(figures["eval_macro_auroc"])}


def _batch(processor: ProcessorMixin, records: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    # A list for each image: classes that take several to a text batch them so.
    pictures = [[picture(record["image"])] for record in records]
    made = processor.image_processor(pictures, return_tensors="pt")
    images = {name: value for name, value in made.items() if isinstance(value, torch.Tensor)}
    return images | {"labels": torch.from_numpy(np.stack([record["labels"] for record in records]))}


def _macro_auroc(found: EvalPrediction) -> dict[str, float]:
    return {"macro_auroc": float(macro(auroc_per_label(np.asarray(found.label_ids), np.asarray(found.predictions))))}
