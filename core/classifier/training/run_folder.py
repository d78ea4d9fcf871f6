"""What a run leaves behind beside its checkpoint: resolved settings, ``summary.csv``, TensorBoard."""

import csv
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import yaml
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve
from torch.utils.tensorboard import SummaryWriter

from core.atomic import replacing, write_text
from core.classifier.errors import TrainingError
from core.findings import LABELS, display_name

matplotlib.use("Agg")
_LABELS_A_FIGURE = 7


def keep_settings(path: Path, settings: dict[str, Any], *, resume: bool) -> None:
    """Record the settings of a new run as YAML; refuse to resume one that was started with others.

    Raises:
        TrainingError: ``path`` holds other settings and ``resume`` is set.
    """
    text = yaml.safe_dump(settings, sort_keys=False)
    if resume and path.is_file() and path.read_text() != text:
        raise TrainingError(f"{path.parent} holds a run with other settings: give another --output_dir or --no_resume.")
    write_text(path, text)


def write_summary(path: Path, history: list[dict[str, Any]]) -> None:
    """One row an epoch; never a torn file."""
    with replacing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[0]))
        writer.writeheader()
        writer.writerows(history)


class Board:
    """TensorBoard records of a run, in ``tensorboard/`` of its folder."""

    def __init__(self, folder: Path, *, purge_from: int) -> None:
        self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=purge_from)

    def epoch(self, row: dict[str, Any], aurocs: dict[str, float], accuracy: float) -> None:
        """Scalars of an epoch."""
        number = row["epoch"]
        self.writer.add_scalar("loss/train", row["train_loss"], number)
        self.writer.add_scalar("loss/val", row["val_loss"], number)
        self.writer.add_scalar("auroc/macro", row["val_macro_auroc"], number)
        self.writer.add_scalar("label_accuracy/val", accuracy, number)
        self.writer.add_scalar("learning_rate", row["learning_rate"], number)
        for label, value in aurocs.items():
            self.writer.add_scalar(f"auroc/{label}", value, number)

    def curves(self, number: int, labels: np.ndarray, scores: np.ndarray) -> None:
        """ROC and precision-recall curves of the labels that have positives and negatives, seven a figure."""
        assessed = [
            (label, labels[known, column], scores[known, column])
            for column, label in enumerate(LABELS)
            if 0 < np.nansum(labels[:, column]) < (known := ~np.isnan(labels[:, column])).sum()
        ]
        for start in range(0, len(assessed), _LABELS_A_FIGURE):
            figure = Figure(figsize=(11, 5))
            # Fixed margins: to find the best ones takes as long again as drawing, each epoch.
            left, right = figure.subplots(1, 2, gridspec_kw={"left": 0.06, "right": 0.98, "bottom": 0.1, "top": 0.97})
            for label, truth, score in assessed[start : start + _LABELS_A_FIGURE]:
                false_positives, sensitivity, _ = roc_curve(truth, score)
                precision, recall, _ = precision_recall_curve(truth, score)
                left.plot(false_positives, sensitivity, label=display_name(label))
                right.plot(recall, precision)
            left.plot([0, 1], [0, 1], color="0.6", linestyle=":")
            left.set(xlabel="1 - specificity", ylabel="sensitivity")
            right.set(xlabel="recall", ylabel="precision")
            left.legend(loc="lower right")
            self.writer.add_figure(f"curves/{start // _LABELS_A_FIGURE + 1}", figure, number)

    def pictures(self, name: str, images: np.ndarray, number: int) -> None:
        """Grey pictures (N, H, W) or colour ones (N, H, W, 3) in [0, 1]."""
        stack = images[..., None] if images.ndim == 3 else images
        self.writer.add_images(name, stack, number, dataformats="NHWC")

    def close(self) -> None:
        """Write what is still held back."""
        self.writer.close()
