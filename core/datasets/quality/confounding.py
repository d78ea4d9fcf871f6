"""How well what a label must not depend on predicts it: source, size, compression, sharpness."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, rankdata

from core.findings import LABELS

FloatArray = npt.NDArray[np.float64]

# An interval must stay this far from 0.5: in large tables every trifle is significant.
MARGIN = 0.05
_FEWEST = 10
_Z = float(norm.ppf(0.975))


class Association(NamedTuple):
    """AUROC of one property for one label.

    Attributes:
        label: one of the 14.
        feature: what predicts it, in words.
        auroc: above 0.5 if the property is larger in positives; for categories how well their prevalences order
            images whose patients were not used to learn them.
        low, high: 95% interval.
        positives, negatives: numbers of images.
        flagged: the interval stays more than ``MARGIN`` from 0.5.
    """

    label: str
    feature: str
    auroc: float
    low: float
    high: float
    positives: int
    negatives: int
    flagged: bool


def wilson(positives: int, total: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson, JASA 1927); (0, 1) of nothing."""
    if not total:
        return 0.0, 1.0
    share = positives / total
    centre = (share + _Z**2 / (2 * total)) / (1 + _Z**2 / total)
    half = _Z / (1 + _Z**2 / total) * np.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def clustered_auroc(
    truth: npt.NDArray[np.bool_], scores: FloatArray, clusters: npt.NDArray[Any]
) -> tuple[float, float]:
    """AUROC and its standard error when images come in clusters, as several of one patient do.

    DeLong's placement values, summed within clusters (Obuchowski, Biometrics 1997).

    Args:
        truth: (N,) with positives and negatives.
        scores: (N,) finite.
        clusters: (N,) identifiers.
    """
    m, n = int(truth.sum()), int((~truth).sum())
    ranks = rankdata(scores)
    within = np.empty(len(scores))
    within[truth], within[~truth] = rankdata(scores[truth]), rankdata(scores[~truth])
    # Of a positive the share of negatives below it, of a negative the share of positives above it.
    placement = np.where(truth, (ranks - within) / n, 1 - (ranks - within) / m)
    auroc = float(placement[truth].mean())
    member = np.unique(clusters, return_inverse=True)[1]
    excess = placement - auroc
    of_positives = np.bincount(member, np.where(truth, excess, 0))
    of_negatives = np.bincount(member, np.where(truth, 0, excess))

    def scale(part: npt.NDArray[np.bool_]) -> float:
        count = len(np.unique(member[part]))
        return count / max(count - 1, 1)

    count = int(member.max()) + 1
    variance = (
        scale(truth) * (of_positives**2).sum() / m**2
        + scale(~truth) * (of_negatives**2).sum() / n**2
        + 2 * count / max(count - 1, 1) * (of_positives * of_negatives).sum() / (m * n)
    )
    return auroc, float(np.sqrt(max(variance, 0.0)))


def associations(table: pd.DataFrame, features: pd.DataFrame, patients: pd.Series) -> list[Association]:
    """The AUROC of each property for each label, strongest first.

    Labels with fewer than 10 positives or negatives, and properties that do not vary, are left out.

    Args:
        table: holds the label columns.
        features: rows as in ``table``; numbers, or text for categories; the column names are words.
        patients: ``patient_keys`` of ``table``.
    """
    clusters = pd.factorize(patients)[0]
    found = []
    for name in features.columns:
        column = features[name]
        for label in LABELS:
            known = (table[label].notna() & column.notna()).to_numpy()
            truth, values = table[label].to_numpy(dtype=float)[known] > 0.5, column[known]
            if min(truth.sum(), (~truth).sum()) < _FEWEST or values.nunique() < 2:
                continue
            if pd.api.types.is_numeric_dtype(values):
                auroc, error = clustered_auroc(truth, values.to_numpy(dtype=float), clusters[known])
            else:
                auroc, error = _categories(truth, values.to_numpy(), clusters[known])
            low, high = max(0.0, auroc - _Z * error), min(1.0, auroc + _Z * error)
            flagged = low > 0.5 + MARGIN or high < 0.5 - MARGIN
            counts = int(truth.sum()), int((~truth).sum())
            found.append(Association(label, name, round(auroc, 4), round(low, 4), round(high, 4), *counts, flagged))
    return sorted(found, key=lambda item: (not item.flagged, -abs(item.auroc - 0.5)))


def _categories(
    truth: npt.NDArray[np.bool_], values: npt.NDArray[Any], clusters: npt.NDArray[Any]
) -> tuple[float, float]:
    """Order categories by their prevalence in one half of the patients, judge on the other half, and both ways."""
    shuffled = np.random.default_rng(0).permutation(int(clusters.max()) + 1)
    half = shuffled[clusters] % 2 == 0
    results = []
    for judged in (half, ~half):
        rates = pd.Series(truth[~judged]).groupby(values[~judged]).mean()
        scores = pd.Series(values[judged]).map(rates).fillna(truth[~judged].mean()).to_numpy(dtype=float)
        if 0 < truth[judged].sum() < judged.sum():
            results.append(clustered_auroc(truth[judged], scores, clusters[judged]))
    if not results:
        return 0.5, 0.5
    return (
        float(np.mean([auroc for auroc, _ in results])),
        float(np.sqrt(sum(error**2 for _, error in results)) / len(results)),
    )
