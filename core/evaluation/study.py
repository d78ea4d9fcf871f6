"""Evaluate a checkpoint on one split of a table and write the results."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from core.classifier import Classifier
from core.datasets import patient_keys
from core.evaluation.metrics import compare, evaluate
from core.findings import LABELS
from core.imaging import read_radiograph


def run_evaluation(
    table: pd.DataFrame,
    classifier: Classifier,
    output_dir: str | Path,
    *,
    split: str,
    threshold: float | None = None,
    other: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Predict each image of a split, compute the figures, and write ``metrics.json`` and ``predictions.csv``.

    Args:
        table: as returned by ``core.datasets``, rows of this split only.
        split: its name, for the record.
        threshold: one threshold for all labels, or None for each label's own operating point.
        other: another model's predictions on some of the images, as ``load_predictions`` returns them.

    Returns:
        The object that ``metrics.json`` holds.

    Raises:
        ValueError: the split is empty, no AUROC can be computed, or ``other`` shares no image with it.
    """
    if table.empty:
        raise ValueError(f"The table has no images in the {split} split.")
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    probabilities = predict_probabilities(table, classifier)
    labels = table[list(LABELS)].to_numpy(dtype=float)
    patients = patient_keys(table).to_numpy()
    points = classifier.config.operating_points
    thresholds = np.array([points[name].threshold if name in points else 0.5 for name in LABELS])
    metrics = evaluate(
        labels,
        probabilities,
        patients,
        thresholds=thresholds if threshold is None else np.full(len(LABELS), threshold),
        split=split,
    )
    if other is not None:
        metrics["comparison"] = _comparison(table, labels, probabilities, patients, other)
    names = table["image_path"].map(lambda path: Path(path).name)
    predictions = pd.DataFrame({"Image Index": names, **dict(zip(LABELS, probabilities.T, strict=True))})
    predictions.to_csv(folder / "predictions.partial", index=False, float_format="%.6f")
    os.replace(folder / "predictions.partial", folder / "predictions.csv")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    return metrics


def predict_probabilities(table: pd.DataFrame, classifier: Classifier) -> np.ndarray:
    """Calibrated probabilities (N, 14) of the images of a table."""
    paths = tqdm(table["image_path"], desc="predicting", unit="img", disable=None)
    return np.stack([classifier.predict(read_radiograph(Path(path).read_bytes())).probabilities for path in paths])


def _comparison(
    table: pd.DataFrame,
    labels: np.ndarray,
    probabilities: np.ndarray,
    patients: np.ndarray,
    other: pd.DataFrame,
) -> dict[str, Any]:
    theirs = other.reindex(table["study_id"])
    both = theirs.notna().all(axis=1).to_numpy()
    if not both.any():
        raise ValueError("The predictions to compare with cover none of the images of this split.")
    return compare(labels[both], probabilities[both], theirs.to_numpy()[both], patients[both])


def as_table(metrics: dict[str, Any]) -> str:
    """The figures as people read them."""
    lines = [f"{'':<20}{'AUROC':>7}  {'95% interval':<16}{'AP':>6}{'pos.':>6}{'sens.':>7}{'spec.':>7}"]
    for name, figures in metrics["per_label"].items():
        if figures["auroc"] is None:
            lines.append(f"{name:<20}  not assessed: no positives or no negatives")
            continue
        lines.append(
            f"{name:<20}{figures['auroc']:7.3f}  {_bounds(figures['auroc_ci95']):<16}"
            f"{figures['average_precision']:6.3f}{figures['n_positive']:6d}{figures['recall']:7.2f}{figures['specificity']:7.2f}"
        )
    lines += [
        f"{'Macro':<20}{metrics['macro_auroc']:7.3f}  {_bounds(metrics['macro_auroc_ci95'])}  "
        f"({metrics['n_labels_used']} labels, {metrics['split']} split, {metrics['n_images']} images of "
        f"{metrics['n_patients']} patients; intervals by patient bootstrap)",
        f"Label accuracy {metrics['label_accuracy']:.3f}; calling everything absent scores "
        f"{metrics['baselines']['all_negative']['label_accuracy']:.3f}, so accuracy by itself proves nothing.",
    ]
    for name, target in metrics["targets"].items():
        low, high = target["range"]
        met = "met" if target["met"] else "not met"
        lines.append(f"Target {name} {low:.2f}-{high:.2f}: {target['value']:.3f}, {met}.")
    if comparison := metrics.get("comparison"):
        lines.append(
            f"On the {comparison['n_images']} images that both models have ({comparison['n_labels_used']} labels): "
            f"ours {comparison['ours']['macro_auroc']:.3f} {_bounds(comparison['ours']['ci95'])}, "
            f"theirs {comparison['theirs']['macro_auroc']:.3f} {_bounds(comparison['theirs']['ci95'])}, "
            f"difference {comparison['difference']['macro_auroc']:+.3f} {_bounds(comparison['difference']['ci95'])}."
        )
    return "\n".join(lines)


def _bounds(ci95: list[float] | None) -> str:
    return "" if ci95 is None else f"[{ci95[0]:.3f}, {ci95[1]:.3f}]"
