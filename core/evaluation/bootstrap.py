"""Resampling of patients with replacement (Efron and Tibshirani 1993, ch. 6).

Images of one patient are alike, so that resampling images would give intervals that are too narrow.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluation.ranking import Array, Ranking
from core.statistics import RESAMPLES, patient_draws


def bootstrap_both(
    labels: Array,
    scores: list[Array],
    patients: npt.NDArray[Any],
    *,
    groups: list[npt.NDArray[np.bool_]] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Array, Array]:
    """AUROC and average precision under resampling of patients.

    All models and groups see the same resamples, which makes their differences paired.

    Args:
        labels: (N, L) of 0, 1 or NaN.
        scores: one (N, L) array a model.
        patients: (N,) identifiers.
        groups: instead of all images only those of each of these masks (N,), for each model in turn.

    Returns:
        Twice (models x groups, resamples, L), NaN where a resample has no positives or negatives.
    """
    rankings = [
        [Ranking(np.where(group, labels[:, i], np.nan), model[:, i]) for i in range(labels.shape[1])]
        for model in scores
        for group in (groups if groups is not None else [np.ones(len(labels), dtype=bool)])
    ]
    blocks = [
        [[ranking.measure(weights) for ranking in part] for part in rankings]
        for weights in patient_draws(patients, resamples=resamples, seed=seed)
    ]
    # (blocks) x (parts, labels, 2, B) to (2, parts, resamples, labels)
    aurocs, precisions = np.concatenate([np.array(block) for block in blocks], axis=-1).transpose(2, 0, 3, 1)
    return aurocs, precisions


def bootstrap(labels: Array, scores: list[Array], patients: npt.NDArray[Any], **options: int) -> Array:
    """The AUROCs of ``bootstrap_both`` alone: (models, resamples, L)."""
    return bootstrap_both(labels, scores, patients, **options)[0]  # type: ignore[arg-type]


def interval(values: Array) -> list[float] | None:
    """The 95% percentile interval of bootstrap values (B,), or None if none is a number."""
    finite = values[np.isfinite(values)]
    return [float(edge) for edge in np.percentile(finite, (2.5, 97.5))] if len(finite) else None
