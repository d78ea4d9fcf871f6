"""Whether a radiograph shows any of the findings: one calibrated probability of the whole study."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from core.classifier.newton import minimise
from core.findings import LABELS
from core.statistics import Z95, expit, logit

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

# ``learned``: weights over the labels' calibrated logits. ``any``: 1 - prod(1 - p), as if findings were independent.
# ``largest``: the most probable finding alone.
Kind = Literal["learned", "any", "largest"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Strength of the ridge on weights of standardised features, in units of observations: a few hundred images must not
# bend 14 weights far from each other.
_RIDGE = 10.0
_LEAST = 1e-6


@dataclass(frozen=True)
class Abnormal:
    """What is known of a radiograph as a whole.

    Attributes:
        probability: that it shows at least one of the findings, calibrated, in [0, 1].
        threshold: from which the policy in force calls it abnormal; None where it has none.
        interval: 95% interval of the probability, low and high, in [0, 1]: what the choice of the validation patients
            leaves open.
    """

    probability: float
    threshold: float | None
    interval: tuple[float, float]


@dataclass(frozen=True)
class AbnormalModel:
    """Logistic regression from the labels' probabilities to that of being abnormal.

    Attributes:
        kind: which features of the probabilities it weighs.
        labels: that the features are made of.
        weights: one for each feature; for ``learned`` those are the calibrated logits of the labels, in their order.
        intercept: added to the weighted sum.
        covariance: (F + 1, F + 1) of weights and intercept over resamples of the patients.
    """

    kind: Kind
    labels: tuple[str, ...]
    weights: tuple[float, ...]
    intercept: float
    covariance: tuple[tuple[float, ...], ...]

    def __call__(self, probabilities: FloatArray) -> FloatArray:
        """Calibrated probabilities of the 14 labels (N, 14) to those of being abnormal (N,).

        A radiograph is at least as likely to be abnormal as to show its most probable finding. One without
        probabilities gets NaN.
        """
        known = self._known(probabilities)
        judged = np.isfinite(known).all(axis=1)
        found = np.full(len(known), np.nan)
        found[judged] = self.of_labels(known[judged])
        return found

    def of_labels(self, known: FloatArray) -> FloatArray:
        """The same from the probabilities (N, L) of the labels that the model weighs, in their order."""
        return np.maximum(expit(self._sum(known)), known.max(axis=1))

    def interval(self, probabilities: FloatArray) -> FloatArray:
        """95% intervals (N, 2) of ``__call__``."""
        known = self._known(probabilities)
        design = np.column_stack([features(self.kind, known), np.ones(len(known))])
        variance = np.einsum("nf,fg,ng->n", design, np.array(self.covariance), design)
        half = Z95 * np.sqrt(np.maximum(variance, 0))
        centre, probability = self._sum(known), self(probabilities)
        return np.stack(
            [np.minimum(expit(centre - half), probability), np.maximum(expit(centre + half), probability)], axis=1
        )

    def judge(self, probabilities: FloatArray, threshold: float | None) -> Abnormal:
        """What is known of one radiograph with probabilities (14,)."""
        low, high = self.interval(probabilities[None])[0]
        return Abnormal(float(self(probabilities[None])[0]), threshold, (float(low), float(high)))

    def to_json(self) -> dict[str, Any]:
        """The object ``abnormal`` in ``config.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "AbnormalModel":
        """Read what ``to_json`` wrote."""
        rows = tuple(map(tuple, data["covariance"]))
        return cls(data["kind"], tuple(data["labels"]), tuple(data["weights"]), data["intercept"], rows)

    def _known(self, probabilities: FloatArray) -> FloatArray:
        return probabilities[:, [LABELS.index(label) for label in self.labels]].astype(float)

    def _sum(self, known: FloatArray) -> FloatArray:
        return np.asarray(features(self.kind, known) @ np.array(self.weights) + self.intercept)


def features(kind: Kind, probabilities: FloatArray) -> FloatArray:
    """Probabilities (N, L) to what a kind of model weighs, (N, F), on the logit scale."""
    p = np.clip(probabilities.astype(float), _LEAST, 1 - _LEAST)
    if kind == "learned":
        return np.asarray(logit(p))
    if kind == "any":
        nothing = np.log1p(-p).sum(axis=1, keepdims=True)
        return np.asarray(np.log(-np.expm1(nothing)) - nothing)
    return np.asarray(logit(p.max(axis=1, keepdims=True)))


def score_of(kind: Kind, probabilities: FloatArray) -> FloatArray:
    """The single feature (N,) of the kinds ``any`` and ``largest``, to rank by."""
    return features(kind, probabilities)[:, 0]


def abnormal_truth(labels: FloatArray) -> FloatArray:
    """Whether a radiograph shows any finding (N,).

    Args:
        labels: (N, L) of 0, 1 or NaN. A label that is unknown throughout is not asked for.

    Returns:
        1, 0, or NaN where no label is positive and one that is known of others is not known here.
    """
    known = np.isfinite(labels)
    asked = known[:, known.any(axis=0)]
    positive = (labels > 0.5).any(axis=1)
    return np.where(positive, 1.0, np.where(asked.all(axis=1), 0.0, np.nan))


def fit_abnormal(kind: Kind, probabilities: FloatArray, truth: BoolArray) -> tuple[FloatArray, float]:
    """Weights (F,) and intercept by penalised maximum likelihood.

    Args:
        kind: of model.
        probabilities: (N, L) calibrated, finite.
        truth: (N,) with both kinds.
    """
    x = features(kind, probabilities)
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), _LEAST)
    design = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    # One feature needs no ridge: nothing can be bent between several. The intercept is never held.
    ridge = np.append(np.full(len(mean), _RIDGE if kind == "learned" else 0.0), 0.0)
    fitted = minimise(partial(_penalised_loss, design=design, truth=truth, ridge=ridge), np.zeros(len(ridge)))
    weights = fitted[:-1] / scale
    return weights, float(fitted[-1] - mean @ weights)


def _penalised_loss(
    parameters: FloatArray, *, design: FloatArray, truth: BoolArray, ridge: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Negative log-likelihood of logistic regression with a ridge, its gradient and its Hessian."""
    z = design @ parameters
    p = expit(z)
    loss = np.sum(np.logaddexp(0, z) - truth * z) + (ridge * parameters**2).sum() / 2
    gradient = design.T @ (p - truth) + ridge * parameters
    return float(loss), gradient, (design.T * (p * (1 - p))) @ design + np.diag(ridge)
