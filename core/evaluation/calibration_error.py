"""Whether probabilities mean what they say: reliability bins, expected calibration error, Brier score."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.classifier.calibration import Calibration
from core.evaluation.ranking import Array
from core.findings import LABELS
from core.statistics import expit, logit, wilson

BINS = 10


def calibration_figures(labels: Array, probabilities: Array, *, before: Array | None = None) -> dict[str, Any]:
    """Calibration of each label.

    The expected calibration error is the mean distance between the mean probability and the share of positives over
    bins of equal numbers of images (Nguyen and O'Connor, EMNLP 2015): with bins of equal width nearly all images would
    share the lowest. It is not 0 even for a perfect model, because each bin's share is a sample.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
        probabilities: (N, 14) in [0, 1], NaN where the model does not say.
        before: the same before calibration, or None.

    Returns:
        For each label None, or ``n``, ``prevalence``, ``brier_of_prevalence`` (that of the constant prevalence), and
        for ``after`` and ``before`` (None if not given): ``ece``, ``brier``, ``mean_probability`` and ``bins`` with
        ``n``, ``mean_probability``, ``share_positive`` and its ``ci95`` (Wilson).
    """
    found: dict[str, Any] = {}
    for i, name in enumerate(LABELS):
        known = np.isfinite(labels[:, i]) & np.isfinite(probabilities[:, i])
        if not known.any():
            found[name] = None
            continue
        truth = labels[known, i] > 0.5
        share = float(truth.mean())
        found[name] = {
            "n": len(truth),
            "prevalence": share,
            "brier_of_prevalence": share * (1 - share),
            "before": None if before is None else _one(truth, before[known, i].astype(float)),
            "after": _one(truth, probabilities[known, i].astype(float)),
        }
    return found


def uncalibrated(probabilities: Array, calibration: Calibration, columns: list[int]) -> Array:
    """The network's own probabilities: Platt scaling undone.

    Args:
        probabilities: (N, 14) calibrated.
        calibration: of the labels in ``columns``, in their order.
        columns: places of the checkpoint's labels among the 14.

    Returns:
        (N, 14), NaN elsewhere. Where single precision has rounded a probability to 0 or 1, the result is as close to
        it as single precision can tell.
    """
    smallest = float(np.finfo(np.float32).tiny)
    inner = np.clip(probabilities[:, columns].astype(float), smallest, 1 - float(np.finfo(np.float32).epsneg))
    raw = np.full(probabilities.shape, np.nan)
    raw[:, columns] = expit((logit(inner) - np.asarray(calibration.intercepts)) / np.asarray(calibration.slopes))
    return raw


def _one(truth: npt.NDArray[np.bool_], p: Array) -> dict[str, Any]:
    parts = [part for part in np.array_split(np.argsort(p, kind="stable"), BINS) if len(part)]
    bins = [
        {
            "n": len(part),
            "mean_probability": float(p[part].mean()),
            "share_positive": float(truth[part].mean()),
            "ci95": list(wilson(int(truth[part].sum()), len(part))),
        }
        for part in parts
    ]
    distances = [abs(one["mean_probability"] - one["share_positive"]) * one["n"] for one in bins]  # type: ignore[operator]
    return {
        "ece": float(sum(distances) / len(p)),
        "brier": float(((p - truth) ** 2).mean()),
        "mean_probability": float(p.mean()),
        "bins": bins,
    }
