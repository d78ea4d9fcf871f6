"""Intervals for shares and for areas under ROC curves when images come in clusters, as several of one patient do.

Images of one patient are alike, so that resampling images would give intervals that are too narrow: patients are drawn
with replacement instead (Efron and Tibshirani 1993, ch. 6).
"""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Half the width of a 95% interval, in standard errors.
Z95 = NormalDist().inv_cdf(0.975)

RESAMPLES = 1000
# Resamples that are counted together: few enough for the processor's cache, many enough to be quick.
_BLOCK = 32


def expit(log_odds: npt.ArrayLike) -> FloatArray:
    """Log-odds of any shape to probabilities, NaN to NaN; SciPy's import would take a quarter of a server's start."""
    with np.errstate(invalid="ignore"):
        return np.exp(-np.logaddexp(0, -np.asarray(log_odds, dtype=np.float64)))


def logit(probabilities: npt.ArrayLike) -> FloatArray:
    """Probabilities of any shape to log-odds, infinite at 0 and 1."""
    p = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.log(p) - np.log1p(-p)


def wilson(positives: int, total: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson, JASA 1927); (0, 1) of nothing."""
    if not total:
        return 0.0, 1.0
    share = positives / total
    centre = (share + Z95**2 / (2 * total)) / (1 + Z95**2 / total)
    half = Z95 / (1 + Z95**2 / total) * np.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def two_sided_p(value: float, error: float) -> float:
    """The probability of a normal variable with standard deviation ``error`` being as far from 0 as ``value``."""
    return math.erfc(abs(value) / error / math.sqrt(2))


def clustered_auroc(
    truth: npt.NDArray[np.bool_], scores: FloatArray, clusters: npt.NDArray[Any]
) -> tuple[float, float]:
    """AUROC and its standard error.

    Args:
        truth: (N,) with positives and negatives.
        scores: (N,) finite.
        clusters: (N,) identifiers.
    """
    aurocs, covariance = clustered_aurocs(truth, scores[:, None], clusters)
    return float(aurocs[0]), float(np.sqrt(max(covariance[0, 0], 0.0)))


def clustered_aurocs(
    truth: npt.NDArray[np.bool_], scores: FloatArray, clusters: npt.NDArray[Any]
) -> tuple[FloatArray, FloatArray]:
    """AUROCs of several scores of the same images and their covariance.

    DeLong's placement values (DeLong, DeLong and Clarke-Pearson, Biometrics 1988), summed within clusters (Obuchowski,
    Biometrics 1997). With one image a cluster the covariance is DeLong's.

    Args:
        truth: (N,) with positives and negatives.
        scores: (N, K) finite, a column a score.
        clusters: (N,) identifiers.

    Returns:
        (K,) and (K, K).
    """
    from scipy.stats import rankdata

    m, n = int(truth.sum()), int((~truth).sum())
    # Midranks, as Sun and Xu (IEEE Signal Processing Letters 2014) compute the placement values.
    within = np.empty(scores.shape)
    within[truth], within[~truth] = rankdata(scores[truth], axis=0), rankdata(scores[~truth], axis=0)
    beyond = rankdata(scores, axis=0) - within
    # Of a positive the share of negatives below it, of a negative the share of positives above it.
    placement = np.where(truth[:, None], beyond / n, 1 - beyond / m)
    aurocs = placement[truth].mean(axis=0)
    member = np.unique(clusters, return_inverse=True)[1]
    excess = placement - aurocs
    of_positives, of_negatives = (
        np.stack([np.bincount(member, column) for column in np.where(part[:, None], excess, 0).T], axis=1)
        for part in (truth, ~truth)
    )

    def scale(count: int) -> float:
        return count / max(count - 1, 1)

    crossed = of_positives.T @ of_negatives
    covariance = (
        scale(len(np.unique(member[truth]))) * of_positives.T @ of_positives / m**2
        + scale(len(np.unique(member[~truth]))) * of_negatives.T @ of_negatives / n**2
        + scale(len(of_positives)) * (crossed + crossed.T) / (m * n)
    )
    return aurocs, covariance


def patient_draws(
    patients: npt.NDArray[Any], *, resamples: int = RESAMPLES, seed: int = 0
) -> Iterator[npt.NDArray[np.int32]]:
    """How often each image counts in each resample of the patients.

    Args:
        patients: (N,) identifiers.

    Yields:
        (N, B) arrays whose B add up to ``resamples``; the same for the same patients and seed.
    """
    generator = np.random.default_rng(seed)
    unique, member = np.unique(patients, return_inverse=True)
    shares = np.full(len(unique), 1 / len(unique))
    for start in range(0, resamples, _BLOCK):
        drawn = generator.multinomial(len(unique), shares, size=min(_BLOCK, resamples - start))
        yield np.ascontiguousarray(drawn.T.astype(np.int32))[member]
