"""What is wrong with the configuration of a checkpoint, before any network is built from it."""

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.findings import LABELS

if TYPE_CHECKING:
    from core.classifier.checkpoint import CheckpointConfig

_LARGEST_SIDE = 4096


def fault_of(config: "CheckpointConfig") -> str | None:
    """The first fault as a clause that follows the file's name, or None.

    Figures of the training, which nothing is computed from, are not looked at.
    """
    labels = config.label_names
    if not labels:
        return "names no label"
    if unknown := [label for label in labels if label not in LABELS]:
        return f"names the label {unknown[0]!r}, which is not one of the 14 findings"
    if doubled := [label for label in labels if labels.count(label) > 1]:
        return f"names the label {doubled[0]!r} twice"
    calibration = config.calibration
    if not len(calibration.slopes) == len(calibration.intercepts) == len(labels):
        return f"must calibrate each of its {len(labels)} labels, with a slope and an intercept"
    if not all(_is_number(value) and value > 0 for value in calibration.slopes):
        return "has a calibration whose slopes are not all numbers above 0"
    if not all(map(_is_number, calibration.intercepts)):
        return "has a calibration whose intercepts are not all numbers"
    preprocessing = config.preprocessing
    if not (isinstance(preprocessing.image_size, int) and 0 < preprocessing.image_size <= _LARGEST_SIDE):
        return f"has an image_size that is no whole number from 1 to {_LARGEST_SIDE}"
    if not all(map(_is_number, asdict(preprocessing).values())) or preprocessing.std <= 0:
        return "has a preprocessing that is not made of numbers, or a std that is not above 0"
    for name, policy in config.policies.items():
        thresholds = [
            value for point in policy.points.values() for value in (point.threshold, point.possible_threshold)
        ]
        if not all(_is_number(value) and value >= 0 for value in thresholds):
            return f"has a policy {name!r} whose thresholds are not all numbers from 0 on"
    if config.abnormal is not None and not all(map(_is_number, (*config.abnormal.weights, config.abnormal.intercept))):
        return "has a model of being abnormal that is not made of numbers"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
