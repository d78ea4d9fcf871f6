"""Decisions at a threshold per label: confusion matrices, shares, means over labels, and what no model would score."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluation.bootstrap import RESAMPLES, interval
from core.evaluation.ranking import Array
from core.findings import LABELS
from core.statistics import patient_draws

_SHARES = ("precision", "recall", "specificity", "npv", "f1")


def decision_figures(
    labels: Array,
    probabilities: Array,
    patients: npt.NDArray[Any],
    thresholds: Array,
    *,
    called: npt.NDArray[np.bool_] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """What becomes of each label when it is called at or above its threshold.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
        probabilities: (N, 14), NaN where the model does not say.
        patients: (N,) identifiers.
        thresholds: (14,), NaN for a label without a decision, which is left out.
        called: (N, 14) what is called where a policy decides by more than thresholds.

    Returns:
        ``per_label`` with ``threshold``, the confusion matrix ``tn, fp, fn, tp``, ``precision`` (PPV), ``recall``
        (sensitivity), ``specificity``, ``npv``, ``f1``, each with its ``_ci95``, and ``accuracy``; a share of nothing
        is None. ``label_accuracy`` of all single decisions, ``subset_accuracy`` of images with every decision right,
        and ``precision, recall, f1`` as ``micro_`` and ``macro_``. The macro means are over the labels with positives
        and negatives; a label that is never called counts there with precision 0, as in scikit-learn.
    """
    known = np.isfinite(labels) & np.isfinite(probabilities) & np.isfinite(thresholds)
    truth = (labels > 0.5) & known
    called = (probabilities >= thresholds if called is None else called) & known
    cells = np.stack([known & ~called & ~truth, called & ~truth, truth & ~called, called & truth]).astype(np.float32)
    counts = cells.sum(axis=1, dtype=float)
    flat = cells.transpose(1, 0, 2).reshape(len(labels), -1)
    drawn = np.concatenate(
        [weights.T.astype(np.float32) @ flat for weights in patient_draws(patients, resamples=resamples, seed=seed)]
    ).reshape(resamples, *counts.shape)
    shares, resampled = _shares(counts), _shares(drawn.transpose(1, 0, 2).astype(float))
    judged = (truth.any(axis=0)) & ((known & ~truth).any(axis=0))
    right = (called == truth) | ~known
    total = counts[:, judged].sum(axis=1)
    return {
        "per_label": {
            name: _label(counts[:, i], float(thresholds[i]), shares[:, i], resampled[:, :, i])
            for i, name in enumerate(LABELS)
        },
        "label_accuracy": _ratio(counts[0].sum() + counts[3].sum(), counts.sum()),
        "subset_accuracy": float(right.all(axis=1).mean()),
        **{f"micro_{name}": _number(value) for name, value in _chosen(_shares(total[:, None])[:, 0]).items()},
        "micro_f1_ci95": interval(_shares(drawn[:, :, judged].sum(axis=2).T)[4]),
        **{
            f"macro_{name}": _number(value)
            for name, value in _chosen(
                np.nan_to_num(shares[:, judged]).mean(axis=1) if judged.any() else [0] * 5
            ).items()
        },
        "macro_f1_ci95": interval(np.nan_to_num(resampled[4][:, judged]).mean(axis=1)) if judged.any() else None,
    }


def baselines(labels: Array) -> dict[str, Any]:
    """What is scored without looking at an image.

    Args:
        labels: (N, 14) of 0, 1 or NaN.

    Returns:
        ``all_negative``: every label called absent. ``prevalence``: every label called present at random in as many
        images as have it, the expected figures; as a probability, its Brier score. The prevalences are those of these
        images, which only a model that knows them could use.
    """
    known = np.isfinite(labels)
    truth = (labels > 0.5) & known
    numbers = known.sum(axis=0)
    shares = np.divide(truth.sum(axis=0), numbers, out=np.full(len(LABELS), np.nan), where=numbers > 0)
    judged = (shares > 0) & (shares < 1)
    expected = np.nan_to_num(shares**2 + (1 - shares) ** 2)
    likely = np.where(truth, shares, 1 - shares)
    positives = truth.sum(axis=0)
    return {
        "all_negative": {
            "label_accuracy": float((~truth)[known].mean()),
            "subset_accuracy": float((~truth).all(axis=1).mean()),
            "micro_f1": 0.0,
            "macro_f1": 0.0,
        },
        "prevalence": {
            "label_accuracy": float((expected * numbers).sum() / numbers.sum()),
            "subset_accuracy": float(np.where(known, likely, 1).prod(axis=1).mean()),
            "micro_f1": float(np.nansum(shares * positives) / positives[judged].sum()) if judged.any() else 0.0,
            "macro_f1": float(shares[judged].mean()) if judged.any() else 0.0,
            "per_label": {
                name: None
                if not numbers[i]
                else {
                    "prevalence": float(shares[i]),
                    "auroc": 0.5 if judged[i] else None,
                    "average_precision": float(shares[i]) if judged[i] else None,
                    "label_accuracy": float(expected[i]),
                    "brier": float(shares[i] * (1 - shares[i])),
                }
                for i, name in enumerate(LABELS)
            },
        },
    }


def _shares(counts: Array) -> Array:
    """Precision, recall, specificity, NPV, F1 (5, ...) of counts tn, fp, fn, tp (4, ...); NaN for shares of nothing."""
    tn, fp, fn, tp = counts
    with np.errstate(invalid="ignore", divide="ignore"):
        f1 = np.where(tp + fn > 0, 2 * tp / (2 * tp + fp + fn), np.nan)
        return np.stack([tp / (tp + fp), tp / (tp + fn), tn / (tn + fp), tn / (tn + fn), f1])


def _label(counts: Array, threshold: float, shares: Array, resampled: Array) -> dict[str, Any]:
    tn, fp, fn, tp = (int(count) for count in counts)
    return {
        "threshold": threshold if np.isfinite(threshold) else None,
        **dict(zip(_SHARES, map(_number, shares), strict=True)),
        **{f"{name}_ci95": interval(values) for name, values in zip(_SHARES, resampled, strict=True)},
        "accuracy": _ratio(tn + tp, tn + fp + fn + tp),
        "tn": tn,
        "fp": fp,
        "fn": fn,
        "tp": tp,
    }


def _chosen(shares: Any) -> dict[str, float]:
    return {name: value for name, value in zip(_SHARES, shares, strict=True) if name in ("precision", "recall", "f1")}


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
