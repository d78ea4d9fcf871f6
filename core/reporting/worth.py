"""What calls and the judgement of the whole study are worth, in words."""

from core.classifier.abnormality import Abnormal
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
    low, high = (round(100 * end) for end in abnormal.interval)
    sentence = f"Any finding: {round(100 * abnormal.probability)}% likely (95% interval {low}% to {high}%)"
    if abnormal.threshold is None:
        return f"{sentence}."
    least = f"{round(100 * abnormal.threshold)}%"
    if abnormal.probability >= abnormal.threshold:
        return f"{sentence}; from {least} on findings are called."
    return f"{sentence}; below {least} nothing is called."
