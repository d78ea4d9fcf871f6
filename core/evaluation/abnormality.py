"""How well normal and abnormal radiographs are told apart."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.classifier.abnormality import KINDS, abnormal_truth, score_of
from core.evaluation.ranking import Array
from core.statistics import Z95, clustered_auroc


def abnormal_figures(
    labels: Array, probabilities: Array, abnormal: Array | None, patients: npt.NDArray[Any]
) -> dict[str, Any] | None:
    """AUROC of the model's probability of being abnormal, and of simple scores made of the labels' probabilities.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
        probabilities: (N, 14), NaN where the model does not say.
        abnormal: (N,) the model's own, or None.
        patients: (N,) identifiers.

    Returns:
        ``n_normal``, ``n_abnormal``, ``auroc`` by score, each with ``value`` and ``ci95`` (clustered DeLong); where the
        model has a probability of its own also its ``brier`` and that of the share of abnormal images. None where
        there are no normal or no abnormal images.
    """
    truth = abnormal_truth(labels)
    known = np.isfinite(truth)
    positive = truth[known] > 0.5
    if not 0 < positive.sum() < len(positive):
        return None
    said = probabilities[known][:, np.isfinite(probabilities).any(axis=0)]
    scores = {} if abnormal is None else {"model": abnormal[known]}
    scores |= {kind: score_of(kind, np.nan_to_num(said)) for kind in KINDS if kind != "learned"}
    aurocs = {}
    for name, score in scores.items():
        value, error = clustered_auroc(positive, score.astype(np.float64), patients[known])
        ends = [max(value - Z95 * error, 0.0), min(value + Z95 * error, 1.0)]
        aurocs[name] = {"value": value, "ci95": ends}
    found: dict[str, Any] = {"n_normal": int((~positive).sum()), "n_abnormal": int(positive.sum()), "auroc": aurocs}
    if abnormal is not None:
        share = positive.mean()
        found |= {"brier": float(np.mean((abnormal[known] - positive) ** 2)), "brier_of_chance": share * (1 - share)}
    return found
