"""The figures of ``metrics.json``: discrimination with intervals, decisions, trivial baselines, and the targets."""

from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluation.bootstrap import RESAMPLES, bootstrap_both, interval
from core.evaluation.decisions import baselines, decision_figures
from core.evaluation.errors import EvaluationError
from core.evaluation.ranking import Array, auroc_per_label, average_precision_per_label, macro
from core.findings import LABELS

# The range that C16 of the mission asks to be checked and printed.
TARGET_RANGE = (0.86, 0.92)
_OF_ALL_LABELS = (
    "label_accuracy",
    "subset_accuracy",
    *(f"{mean}_{share}" for mean in ("micro", "macro") for share in ("precision", "recall", "f1")),
    "micro_f1_ci95",
    "macro_f1_ci95",
)


def evaluate(
    labels: Array,
    probabilities: Array,
    patients: npt.NDArray[Any],
    *,
    thresholds: Array,
    called: npt.NDArray[np.bool_] | None = None,
    split: str,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """All that ``metrics.json`` holds of one model on labelled images.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
        probabilities: (N, 14) calibrated, NaN for labels that the model does not know.
        patients: (N,) identifiers.
        thresholds: (14,) at or above which a label is called.
        called: (N, 14) what is called where a policy decides by more than thresholds.
        split: name of the images' split.

    Raises:
        EvaluationError: no label has positives and negatives.
    """
    aurocs = auroc_per_label(labels, probabilities)
    used = np.isfinite(aurocs)
    if not used.any():
        raise EvaluationError(
            f"No label has both positives and negatives in the {split} split, so there is no AUROC: "
            "check that the images carry labels, or evaluate another split."
        )
    precisions = average_precision_per_label(labels, probabilities)
    drawn_aurocs, drawn_precisions = bootstrap_both(labels, [probabilities], patients, resamples=resamples, seed=seed)
    decided = decision_figures(
        labels, probabilities, patients, thresholds, called=called, resamples=resamples, seed=seed
    )
    known = np.isfinite(labels) & np.isfinite(probabilities)
    numbers, positives = known.sum(axis=0), ((labels > 0.5) & known).sum(axis=0)
    per_label = {
        name: {
            "auroc": float(aurocs[i]) if used[i] else None,
            "auroc_ci95": interval(drawn_aurocs[0, :, i]) if used[i] else None,
            "average_precision": float(precisions[i]) if used[i] else None,
            "average_precision_ci95": interval(drawn_precisions[0, :, i]) if used[i] else None,
            "n": int(numbers[i]),
            "n_positive": int(positives[i]),
            "prevalence": float(positives[i] / numbers[i]) if numbers[i] else None,
            **decided["per_label"][name],
        }
        for i, name in enumerate(LABELS)
    }
    macro_auroc = float(aurocs[used].mean())
    return {
        "split": split,
        "n_images": len(labels),
        "n_patients": len(np.unique(patients)),
        "n_labels_used": int(used.sum()),
        "labels_left_out": [name for name, one in zip(LABELS, used, strict=True) if not one],
        "resamples": resamples,
        "macro_auroc": macro_auroc,
        "macro_auroc_ci95": interval(macro(drawn_aurocs[0][:, used])),
        "macro_average_precision": float(precisions[used].mean()),
        "macro_average_precision_ci95": interval(macro(drawn_precisions[0][:, used])),
        "per_label": per_label,
        **{name: decided[name] for name in _OF_ALL_LABELS},
        "baselines": baselines(np.where(known, labels, np.nan)),
        "targets": {"auroc": _target(macro_auroc), "label_accuracy": _target(decided["label_accuracy"])},
    }


def _target(value: float) -> dict[str, Any]:
    return {"range": list(TARGET_RANGE), "value": value, "met": value >= TARGET_RANGE[0]}
