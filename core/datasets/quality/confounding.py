"""How well what a label must not depend on predicts it: source, size, compression, sharpness."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.findings import LABELS
from core.statistics import Z95, clustered_auroc

# An interval must stay this far from 0.5: in large tables every trifle is significant.
MARGIN = 0.05
_FEWEST = 10


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
            low, high = max(0.0, auroc - Z95 * error), min(1.0, auroc + Z95 * error)
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
