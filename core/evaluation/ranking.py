"""AUROC and average precision from scores that are sorted once, for any number of weightings of the same images."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Counts = npt.NDArray[np.int32]


class Ranking:
    """The order of one label's images by score; a resample is then a sum over that order, without another sort.

    Args:
        labels: (N,) of 0, 1 or NaN for unknown.
        scores: (N,), NaN where the model does not say.

    Attributes:
        n_positive, n_negative: images with a known label and a score.
    """

    def __init__(self, labels: Array, scores: Array) -> None:
        known = np.flatnonzero(np.isfinite(labels) & np.isfinite(scores))
        truth = labels[known] > 0.5
        positives, negatives = known[truth], known[~truth]
        self.n_positive, self.n_negative = len(positives), len(negatives)
        self._positives = positives[np.argsort(-scores[positives], kind="stable")]
        self._negatives = negatives[np.argsort(-scores[negatives], kind="stable")]
        # Thresholds between which no positive lies change neither figure: only the positives' own scores count.
        descending = -scores[self._positives]
        self._starts = np.flatnonzero(np.r_[True, np.diff(descending) > 0]) if len(positives) else np.zeros(0, int)
        of_negatives = -scores[self._negatives]
        self._above = np.searchsorted(of_negatives, descending[self._starts], side="left")
        self._not_below = np.searchsorted(of_negatives, descending[self._starts], side="right")

    def measure(self, weights: Counts) -> tuple[Array, Array]:
        """AUROC (midranks for ties) and average precision (step-wise, as scikit-learn defines it).

        Args:
            weights: (N, B) how often each image counts in each of B resamples.

        Returns:
            (B,) and (B,), NaN where a resample has no positives or no negatives.
        """
        resamples = weights.shape[1]
        if not self.n_positive or not self.n_negative:
            return np.full(resamples, np.nan), np.full(resamples, np.nan)
        found = np.add.reduceat(weights[self._positives], self._starts, axis=0).astype(float)
        passed = np.zeros((self.n_negative + 1, resamples), dtype=np.int32)
        np.cumsum(weights[self._negatives], axis=0, dtype=np.int32, out=passed[1:])
        above, not_below = passed[self._above].astype(float), passed[self._not_below].astype(float)
        positives, negatives = found.sum(axis=0), passed[-1].astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            auroc = (found * (negatives - (above + not_below) / 2)).sum(axis=0) / (positives * negatives)
            true_positives = np.cumsum(found, axis=0)
            called = true_positives + not_below
            precision = np.divide(true_positives, called, out=np.zeros_like(called), where=called > 0)
            average_precision = (found * precision).sum(axis=0) / positives
        average_precision[negatives == 0] = np.nan
        return auroc, average_precision


def auroc_per_label(labels: Array, scores: Array) -> Array:
    """AUROC of each label.

    Args:
        labels: (N, L) of 0, 1 or NaN for unknown.
        scores: (N, L); a label whose scores are NaN is not assessed.

    Returns:
        (L,) in [0, 1]; NaN for a label without positives or negatives.
    """
    return _per_label(labels, scores)[0]


def average_precision_per_label(labels: Array, scores: Array) -> Array:
    """Average precision of each label, as ``auroc_per_label``."""
    return _per_label(labels, scores)[1]


def macro(values: Array) -> Array:
    """Mean over the labels (..., L) that have a figure; NaN where none has."""
    finite = np.isfinite(values)
    counts = finite.sum(axis=-1)
    totals = np.where(finite, values, 0).sum(axis=-1)
    return np.divide(totals, counts, out=np.full(counts.shape, np.nan), where=counts > 0)


def _per_label(labels: Array, scores: Array) -> Array:
    once = np.ones((len(labels), 1), dtype=np.int32)
    columns = range(labels.shape[1])
    return np.array([np.concatenate(Ranking(labels[:, i], scores[:, i]).measure(once)) for i in columns]).T
