"""Calibrated probabilities, fitted on validation data."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from core.classifier.newton import minimise
from core.statistics import expit

FloatArray = npt.NDArray[np.float32]
Array = npt.NDArray[np.floating[Any]]

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

        log_slope, intercept = minimise(partial(_penalised_loss, x=x, y=y), np.zeros(2))
        slopes.append(float(np.exp(log_slope)))
        intercepts.append(float(intercept))
    return Calibration(tuple(slopes), tuple(intercepts))


def _penalised_loss(parameters: Array, *, x: Array, y: Array) -> tuple[float, Array, Array]:
    """Negative log-likelihood of labels y (N,) given logits x (N,), plus the prior on the logarithm of the slope.

    Returns:
        The loss, its gradient and its Hessian by the logarithm of the slope and the intercept.
    """
    log_slope, intercept = parameters
    scaled = np.exp(log_slope) * x
    z = scaled + intercept
    p = expit(z)
    loss = np.sum(np.logaddexp(0, z) - y * z) + _SLOPE_PRIOR * log_slope**2
    excess, curvature = p - y, p * (1 - p)
    of_slope = excess @ scaled
    mixed = curvature @ scaled
    gradient = np.array([of_slope + 2 * _SLOPE_PRIOR * log_slope, excess.sum()])
    hessian = np.array([[curvature @ scaled**2 + of_slope + 2 * _SLOPE_PRIOR, mixed], [mixed, curvature.sum()]])
    return float(loss), gradient, hessian
