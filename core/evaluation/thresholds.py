"""Thresholds chosen on validation images by the usual rules, kept in a file, and used on other images as they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from core.atomic import write_json
from core.evaluation.errors import EvaluationError
from core.evaluation.ranking import Array
from core.findings import LABELS

SENSITIVITY = 0.90
YOUDEN, LARGEST_F1, FIXED_SENSITIVITY = "Youden", "largest F1", f"sensitivity {SENSITIVITY:.2f}"
# What each rule looks for, in words.
RULES = {
    YOUDEN: "sensitivity + specificity is largest",
    LARGEST_F1: "F1 is largest",
    FIXED_SENSITIVITY: f"the highest threshold with a sensitivity of {SENSITIVITY:.2f} or more",
}


def choose_thresholds(labels: Array, probabilities: Array) -> dict[str, dict[str, float | None]]:
    """For each rule the threshold of each label, None for a label without positives or negatives.

    Rules: Youden, Cancer 1950; the largest F1; a fixed sensitivity. A threshold lies midway between two observed
    probabilities.

    Args:
        labels: (N, 14) of 0, 1 or NaN, of validation images.
        probabilities: (N, 14), NaN where the model does not say.
    """
    chosen: dict[str, dict[str, float | None]] = {rule: {} for rule in RULES}
    for i, name in enumerate(LABELS):
        known = np.isfinite(labels[:, i]) & np.isfinite(probabilities[:, i])
        truth, scores = labels[known, i] > 0.5, probabilities[known, i].astype(float)
        if not 0 < truth.sum() < len(truth):
            for thresholds in chosen.values():
                thresholds[name] = None
            continue
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.r_[np.diff(scores[order]) < 0, True])
        found = np.cumsum(truth[order])[ends]
        wrong = ends + 1 - found
        sensitivity, false_alarms = found / truth.sum(), wrong / (~truth).sum()
        places = {
            YOUDEN: int(np.argmax(sensitivity - false_alarms)),
            LARGEST_F1: int(np.argmax(2 * found / (found + wrong + truth.sum()))),
            FIXED_SENSITIVITY: int(np.argmax(sensitivity >= SENSITIVITY)),
        }
        levels = scores[order][ends]
        for rule, place in places.items():
            chosen[rule][name] = float(levels[place : place + 2].mean())
    return chosen


def save_thresholds(
    chosen: dict[str, dict[str, float | None]], path: str | Path, *, model: str | None, n_images: int
) -> None:
    """Write thresholds with the model that they belong to and the number of validation images behind them."""
    record = {"model": model, "split": "val", "n_images": n_images, "rules": chosen}
    write_json(path, record, indent=2)


def load_thresholds(path: str | Path, *, model: str | None) -> dict[str, Any]:
    """Read what ``save_thresholds`` wrote.

    Raises:
        EvaluationError: the file is missing, is another file, or was chosen for another model.
    """
    try:
        record = json.loads(Path(path).read_text())
        complete = all(set(record["rules"][rule]) == set(LABELS) for rule in RULES)
    except FileNotFoundError:
        raise EvaluationError(
            f"There is no file {path} with thresholds; evaluating the val split writes one."
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationError(
            f"{path} is not a file of thresholds as the evaluation of the val split writes it."
        ) from error
    if not complete:
        raise EvaluationError(f"{path} lacks thresholds of one of the 14 labels; evaluate the val split again.")
    if record.get("model") != model:
        raise EvaluationError(
            f"The thresholds in {path} were chosen for another model; evaluate the val split with this one."
        )
    return record
