"""Scores with their intervals, by resampling sums over studies instead of texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluation.bootstrap import RESAMPLES, interval
from core.statistics import patient_draws

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """Scores whose value on any set of studies follows from sums over them.

    Attributes:
        names: of the V scores.
        counts: (N, S), what each study adds to the sums.
        combine: sums (S, B) of B sets of studies to scores (V, B); NaN where a set does not define the score.
    """

    names: tuple[str, ...]
    counts: FloatArray
    combine: Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Score:
    """One score.

    Attributes:
        value: on all studies; None where they do not define it.
        ci95: edges of the 95% percentile interval under resampling; None where no resample defines the score.
    """

    value: float | None
    ci95: tuple[float, float] | None


def mean_measure(name: str, values: npt.ArrayLike, counted: npt.NDArray[np.bool_] | None = None) -> Measure:
    """The mean of a value over studies.

    Args:
        name: of the score.
        values: (N,), one a study.
        counted: (N,), the studies that have one; None for all.
    """
    each = np.asarray(values, dtype=np.float64)
    present = np.ones(len(each), dtype=bool) if counted is None else counted
    counts = np.column_stack([np.where(present, each, 0), present])
    return Measure((name,), counts, lambda sums: ratio(sums[0], sums[1])[None])


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part by whole, NaN where the whole is nothing."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def resample(
    measures: Sequence[Measure], clusters: npt.NDArray[Any], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, FloatArray]:
    """Scores on all studies and under resampling.

    Args:
        measures: of the same N studies.
        clusters: (N,), what is drawn: ids of patients, or of studies. Equal clusters and seeds give equal draws,
            so that differences between systems are paired.

    Returns:
        For each score (1 + resamples,): its value on all studies, then on each resample.
    """
    counts = np.hstack([measure.counts for measure in measures])
    draws = patient_draws(clusters, resamples=resamples, seed=seed)
    sums = np.column_stack([counts.sum(axis=0), *(counts.T @ weights for weights in draws)])
    scores: dict[str, FloatArray] = {}
    start = 0
    for measure in measures:
        end = start + measure.counts.shape[1]
        scores |= zip(measure.names, measure.combine(sums[start:end]), strict=True)
        start = end
    return scores


def score_of(values: FloatArray) -> Score:
    """The score that ``resample`` gave, or the difference of two."""
    edges = interval(values[1:])
    whole = float(values[0])
    return Score(whole if np.isfinite(whole) else None, (edges[0], edges[1]) if edges else None)
