"""What calls and the judgement of the whole study are worth, in words."""

import numpy as np

from core.classifier.abnormality import Abnormal
from core.classifier.policies import OperatingPoint
from core.reporting.evidence import CALLED, FindingEvidence


def precision_in_words(item: FindingEvidence) -> str | None:
    """How often such calls were right, as people count; None for a finding that is not called."""
    if item.decision not in CALLED:
        return None
    if item.precision is None or item.precision_ci95 is None:
        return "How often such a call is right was not measured: none was made on validation."
    low, high = (round(100 * end) for end in item.precision_ci95)
    return f"Of 100 such calls about {round(100 * item.precision)} are right ({low} to {high} by validation)."


def abnormal_in_words(abnormal: Abnormal) -> str:
    """The probability that a study shows anything, with its interval and what the policy makes of it."""
    value, low, high = map(_percent, (abnormal.probability, *abnormal.interval))
    sentence = f"Any finding: {value} likely (95% interval {low} to {high})"
    if abnormal.threshold is None:
        return f"{sentence}."
    least = _percent(abnormal.threshold)
    if abnormal.probability >= abnormal.threshold:
        return f"{sentence}; from {least} on findings are called."
    return f"{sentence}; below {least} nothing is called."


def _percent(share: float) -> str:
    """Whole percents; what is not certain is never called 0% or 100%."""
    return "<1%" if share < 0.005 else ">99%" if share >= 0.995 else f"{round(100 * share)}%"


def ticks_on_bar(point: OperatingPoint) -> list[tuple[float, float]]:
    """Where the bar of a finding has its ticks: pairs of a probability and its place, both in [0, 1].

    Possible and present begin at the same places for every finding, so that rows compare at a glance.
    """
    possible = [(point.possible_threshold, 1 / 3)] if point.possible_threshold < point.threshold else []
    return [*possible, (point.threshold, 2 / 3)]


def place_on_bar(probability: float, point: OperatingPoint) -> float:
    """Where a probability ends on the bar of its finding, in [0, 1]: straight between the ticks."""
    values, places = zip((0.0, 0.0), *ticks_on_bar(point), (1.0, 1.0), strict=True)
    return float(np.interp(probability, values, places))
