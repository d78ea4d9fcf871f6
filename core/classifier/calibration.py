"""Calibrated probabilities and operating points, both chosen on validation data."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

FloatArray = npt.NDArray[np.float32]

# How strongly the slope is held at 1, in units of observations: a handful of positives must not bend the curve.
_SLOPE_PRIOR = 10.0


@dataclass(frozen=True)
class Calibration:
    """Platt scaling per label: ``sigmoid(slope * logit + intercept)`` (Platt 1999).

    Attributes:
        slopes: one positive number per label, so the ranking of images never changes.
        intercepts: one number per label.
    """

    slopes: tuple[float, ...]
    intercepts: tuple[float, ...]

    def __call__(self, logits: FloatArray) -> FloatArray:
        """Logits (..., L) to calibrated probabilities (..., L) in [0, 1]."""
        return expit(logits * np.asarray(self.slopes) + np.asarray(self.intercepts)).astype(np.float32)


@dataclass(frozen=True)
class OperatingPoint:
    """Decision thresholds of one label, on its calibrated probability.

    Attributes:
        threshold: at or above it the finding is called present.
        possible_threshold: at or above it, and below ``threshold``, the finding is called possible.
        sensitivity, specificity: measured at ``threshold`` on the validation data; None where it has no
            positives or no negatives.
        possible_sensitivity, possible_specificity: the same at ``possible_threshold``.
        n_positive, n_negative: validation images that these shares rest on.
        chosen_for: the rule that chose the thresholds, in words.
        precision, possible_precision: share of the calls ``present``, and of those ``possible``, that were right on
            validation; None where that was not measured.
        precision_ci95, possible_precision_ci95: their 95% intervals, low and high.
    """

    threshold: float
    possible_threshold: float
    sensitivity: float | None
    specificity: float | None
    possible_sensitivity: float | None
    possible_specificity: float | None
    n_positive: int
    n_negative: int
    chosen_for: str
    precision: float | None = None
    precision_ci95: tuple[float, float] | None = None
    possible_precision: float | None = None
    possible_precision_ci95: tuple[float, float] | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "OperatingPoint":
        """Read what ``asdict`` and JSON made of it; intervals were tuples."""
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in data.items()})


def identity_calibration(n_labels: int) -> Calibration:
    """Calibration that leaves the network's own probabilities as they are."""
    return Calibration((1.0,) * n_labels, (0.0,) * n_labels)


def fit_calibration(logits: FloatArray, labels: FloatArray) -> Calibration:
    """Fit slope and intercept per label by maximum likelihood with a prior that holds the slope near 1.

    Args:
        logits: (N, L) raw network outputs on validation images.
        labels: (N, L) of 0, 1 or NaN. A label without both kinds keeps the network's own probability.
    """
    slopes, intercepts = [], []
    for column in range(logits.shape[1]):
        known = ~np.isnan(labels[:, column])
        x, y = logits[known, column].astype(float), labels[known, column].astype(float)
        if not 0 < y.sum() < len(y):
            slopes.append(1.0)
            intercepts.append(0.0)
            continue

        fitted = minimize(
            _penalised_loss, np.zeros(2), args=(x, y), method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-6}
        ).x
        slopes.append(float(np.exp(fitted[0])))
        intercepts.append(float(fitted[1]))
    return Calibration(tuple(slopes), tuple(intercepts))


def _penalised_loss(
    parameters: npt.NDArray[np.float64], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> float:
    """Negative log-likelihood of labels y (N,) given logits x (N,), plus the prior on the logarithm of the slope."""
    log_slope, intercept = parameters
    z = np.exp(log_slope) * x + intercept
    return float(np.sum(np.logaddexp(0, z) - y * z) + _SLOPE_PRIOR * log_slope**2)


def choose_operating_point(
    probabilities: FloatArray, labels: FloatArray, *, specificity: float = 0.90, possible_specificity: float = 0.80
) -> OperatingPoint:
    """The lowest thresholds that reach two given specificities on validation data.

    Args:
        probabilities: (N,) calibrated.
        labels: (N,) of 0, 1 or NaN.
        specificity: wanted of the threshold for present, in (0, 1).
        possible_specificity: wanted of the threshold for possible, below ``specificity``.

    Returns:
        The operating point. Without positives or negatives its sensitivity or specificity is None.
    """
    known = ~np.isnan(labels)
    p, y = probabilities[known].astype(float), labels[known] > 0.5
    threshold = _threshold_at(p[~y], specificity)
    possible = min(_threshold_at(p[~y], possible_specificity), threshold)

    def share(of: npt.NDArray[np.bool_]) -> float | None:
        return float(of.mean()) if len(of) else None

    return OperatingPoint(
        threshold=threshold,
        possible_threshold=possible,
        sensitivity=share(p[y] >= threshold),
        specificity=share(p[~y] < threshold),
        possible_sensitivity=share(p[y] >= possible),
        possible_specificity=share(p[~y] < possible),
        n_positive=int(y.sum()),
        n_negative=int((~y).sum()),
        chosen_for=f"specificity {specificity:.2f} (present) and {possible_specificity:.2f} (possible) on validation",
    )


def _threshold_at(negatives: npt.NDArray[np.float64], specificity: float) -> float:
    """Smallest midpoint between sorted negatives' probabilities that keeps ``specificity`` of them below it."""
    if not len(negatives):
        return 0.5
    ordered = np.sort(negatives)
    index = min(int(np.ceil(specificity * len(ordered))), len(ordered) - 1)
    return float((ordered[max(index - 1, 0)] + ordered[index]) / 2)
