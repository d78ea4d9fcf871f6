"""Figures of a classifier on labelled images, with intervals and trivial baselines."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from core.findings import LABELS

Array = npt.NDArray[np.floating[Any]]

# The range that C16 of the mission asks to be checked and printed.
TARGET_RANGE = (0.86, 0.92)


def auroc_per_label(labels: Array, scores: Array, weights: Array | None = None) -> Array:
    """AUROC of each label.

    Args:
        labels: (N, L) of 0, 1 or NaN for unknown.
        scores: (N, L); a label whose scores are NaN is not assessed.
        weights: (N,) of the images, or None.

    Returns:
        (L,) in [0, 1]; NaN for a label without positives or negatives.
    """
    return np.array([_one(roc_auc_score, labels[:, i], scores[:, i], weights) for i in range(labels.shape[1])])


def bootstrap(
    labels: Array, scores: list[Array], patients: npt.NDArray[Any], *, resamples: int = 1000, seed: int = 0
) -> Array:
    """AUROC under resampling of patients with replacement (Efron and Tibshirani 1993, ch. 6).

    Images of one patient are alike, so that resampling images would give intervals that are too narrow. All models
    see the same resamples, which makes their differences paired.

    Args:
        labels: (N, L) of 0, 1 or NaN.
        scores: one (N, L) array a model.
        patients: (N,) identifiers.

    Returns:
        (models, resamples, L) AUROCs, NaN where a resample has no positives or negatives.
    """
    generator = np.random.default_rng(seed)
    unique, member = np.unique(patients, return_inverse=True)
    values = np.empty((len(scores), resamples, labels.shape[1]))
    for resample in range(resamples):
        drawn = generator.multinomial(len(unique), np.full(len(unique), 1 / len(unique)))
        weights = drawn[member].astype(float)
        for model, model_scores in enumerate(scores):
            values[model, resample] = auroc_per_label(labels, model_scores, weights)
    return values


def macro(aurocs: Array) -> Array:
    """Mean over the labels (..., L) that have a figure; NaN where none has."""
    finite = np.isfinite(aurocs)
    counts = finite.sum(axis=-1)
    totals = np.where(finite, aurocs, 0).sum(axis=-1)
    return np.divide(totals, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def interval(values: Array) -> list[float] | None:
    """The 95% percentile interval of bootstrap values (B,), or None if none is a number."""
    finite = values[np.isfinite(values)]
    return [float(edge) for edge in np.percentile(finite, (2.5, 97.5))] if len(finite) else None


def evaluate(
    labels: Array,
    probabilities: Array,
    patients: npt.NDArray[Any],
    *,
    thresholds: Array,
    split: str,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All that ``metrics.json`` holds.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
        probabilities: (N, 14) calibrated, NaN for labels that the model does not know.
        patients: (N,) identifiers.
        thresholds: (14,) at or above which a label is called present.
        split: name of the images' split.

    Raises:
        ValueError: no label has positives and negatives.
    """
    aurocs = auroc_per_label(labels, probabilities)
    used = np.isfinite(aurocs)
    if not used.any():
        raise ValueError(f"No label has both positives and negatives in the {split} split, so there is no AUROC.")
    resampled = bootstrap(labels, [probabilities], patients, resamples=resamples, seed=seed)[0]
    macros = macro(resampled[:, used])

    known = np.isfinite(labels) & np.isfinite(probabilities)
    called = (probabilities >= thresholds) & known
    truth = (labels > 0.5) & known
    per_label = {
        name: _label_figures(
            labels[:, i],
            probabilities[:, i],
            float(thresholds[i]),
            auroc=float(aurocs[i]) if used[i] else None,
            auroc_ci95=interval(resampled[:, i]) if used[i] else None,
        )
        for i, name in enumerate(LABELS)
    }
    accuracy = float((called == truth)[known].mean())
    return {
        "split": split,
        "n_images": len(labels),
        "n_patients": len(np.unique(patients)),
        "n_labels_used": int(used.sum()),
        "macro_auroc": float(aurocs[used].mean()),
        "macro_auroc_ci95": interval(macros),
        "per_label": per_label,
        "label_accuracy": accuracy,
        "subset_accuracy": float((called == truth).all(axis=1).mean()),
        "micro_f1": _f1(
            int((called & truth).sum()), int((called & ~truth & known).sum()), int((~called & truth).sum())
        ),
        "macro_f1": float(np.mean([figures["f1"] for figures in per_label.values()])),
        "baselines": {"all_negative": {"label_accuracy": float((~truth)[known].mean())}},
        "targets": {
            "auroc": _target(float(aurocs[used].mean())),
            "label_accuracy": _target(accuracy),
        },
    }


def compare(labels: Array, ours: Array, theirs: Array, patients: npt.NDArray[Any], **options: int) -> dict[str, Any]:
    """Macro AUROC of two models on the same images, and their paired difference, with intervals."""
    aurocs = [auroc_per_label(labels, scores) for scores in (ours, theirs)]
    used = np.isfinite(aurocs[0]) & np.isfinite(aurocs[1])
    macros = macro(bootstrap(labels, [ours, theirs], patients, **options)[:, :, used])
    return {
        "n_images": len(labels),
        "n_patients": len(np.unique(patients)),
        "n_labels_used": int(used.sum()),
        "ours": {"macro_auroc": float(aurocs[0][used].mean()), "ci95": interval(macros[0])},
        "theirs": {"macro_auroc": float(aurocs[1][used].mean()), "ci95": interval(macros[1])},
        "difference": {
            "macro_auroc": float((aurocs[0] - aurocs[1])[used].mean()),
            "ci95": interval(macros[0] - macros[1]),
        },
    }


def _one(metric: Callable[..., float], labels: Array, scores: Array, weights: Array | None = None) -> float:
    known = np.isfinite(labels) & np.isfinite(scores)
    if weights is not None:
        known &= weights > 0
    y = labels[known] > 0.5
    if not 0 < y.sum() < len(y):
        return float("nan")
    return float(metric(y, scores[known], sample_weight=None if weights is None else weights[known]))


def _label_figures(
    labels: Array, probabilities: Array, threshold: float, *, auroc: float | None, auroc_ci95: list[float] | None
) -> dict[str, Any]:
    known = np.isfinite(labels) & np.isfinite(probabilities)
    y, called = labels[known] > 0.5, probabilities[known] >= threshold
    tp, fp = int((called & y).sum()), int((called & ~y).sum())
    fn, tn = int((~called & y).sum()), int((~called & ~y).sum())
    return {
        "auroc": auroc,
        "auroc_ci95": auroc_ci95,
        "average_precision": None if auroc is None else _one(average_precision_score, labels, probabilities),
        "n_positive": tp + fn,
        "threshold": threshold,
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "specificity": _ratio(tn, tn + fp),
        "f1": _f1(tp, fp, fn),
        "tn": tn,
        "fp": fp,
        "fn": fn,
        "tp": tp,
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _f1(tp: int, fp: int, fn: int) -> float:
    return 2 * tp / (2 * tp + fp + fn) if tp else 0.0


def _target(value: float) -> dict[str, Any]:
    return {"range": list(TARGET_RANGE), "value": value, "met": value >= TARGET_RANGE[0]}
