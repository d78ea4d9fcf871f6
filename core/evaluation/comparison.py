"""Two models on the same images."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluation.bootstrap import bootstrap, interval
from core.evaluation.errors import EvaluationError
from core.evaluation.ranking import Array, auroc_per_label, macro
from core.findings import LABELS
from core.statistics import Z95, clustered_aurocs, two_sided_p


def compare(labels: Array, ours: Array, theirs: Array, patients: npt.NDArray[Any], **options: int) -> dict[str, Any]:
    """AUROC of two models on the same images, and their paired difference, with intervals.

    The macro difference has a paired patient-bootstrap interval; each label's has DeLong's, with the images of one
    patient as a cluster, and is called larger than chance at a false discovery rate of 5% over all labels (Benjamini
    and Hochberg, JRSS B 1995).

    Raises:
        EvaluationError: there is no label that both models can be judged on.
    """
    both = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = np.where(both, ours, np.nan), np.where(both, theirs, np.nan)
    aurocs = [auroc_per_label(labels, scores) for scores in (ours, theirs)]
    used = np.isfinite(aurocs[0])
    if not used.any():
        raise EvaluationError("No label has both positives and negatives among the images that both models have.")
    resampled = bootstrap(labels, [ours, theirs], patients, **options)
    macros = macro(resampled[:, :, used])
    per_label: dict[str, Any] = dict.fromkeys(LABELS)
    for i in np.flatnonzero(used):
        known = np.isfinite(labels[:, i]) & both[:, i]
        scores = np.stack([ours[known, i], theirs[known, i]], axis=1)
        _, covariance = clustered_aurocs(labels[known, i] > 0.5, scores, patients[known])
        per_label[LABELS[i]] = {
            "ours": float(aurocs[0][i]),
            "theirs": float(aurocs[1][i]),
            "ours_ci95": interval(resampled[0, :, i]),
            "theirs_ci95": interval(resampled[1, :, i]),
            **_difference(float(aurocs[0][i] - aurocs[1][i]), covariance),
        }
    flag_discoveries([row for row in per_label.values() if row is not None])
    return {
        "n_images": len(labels),
        "n_patients": len(np.unique(patients)),
        "n_labels_used": int(used.sum()),
        "ours": {"macro_auroc": float(aurocs[0][used].mean()), "ci95": interval(macros[0])},
        "theirs": {"macro_auroc": float(aurocs[1][used].mean()), "ci95": interval(macros[1])},
        "difference": {
            "macro_auroc": float((aurocs[0] - aurocs[1])[used].mean()),
            "ci95": interval(macros[0] - macros[1]),
        },
        "per_label": per_label,
    }


def flag_discoveries(rows: list[dict[str, Any]]) -> None:
    """Give each row ``larger_than_chance`` from its ``p``, at a false discovery rate of 5% over all rows with one."""
    from scipy.stats import false_discovery_control

    tested = [row for row in rows if row["p"] is not None]
    adjusted = false_discovery_control([row["p"] for row in tested]) if tested else []
    for row in rows:
        row["larger_than_chance"] = False
    for row, value in zip(tested, adjusted, strict=True):
        row["larger_than_chance"] = bool(value < 0.05)


def _difference(difference: float, covariance: npt.NDArray[np.float64]) -> dict[str, Any]:
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    return {
        "difference": difference,
        "difference_ci95": [difference - Z95 * error, difference + Z95 * error],
        "p": two_sided_p(difference, error) if error > 0 else None,
    }
