"""Whether a radiograph shows any of the findings: one probability of the whole study."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Abnormal:
    """What is known of a radiograph as a whole.

    Attributes:
        probability: that it shows at least one of the findings, calibrated, in [0, 1].
        threshold: from which the policy in force calls it abnormal.
        interval: 95% interval of the probability, low and high, in [0, 1].
    """

    probability: float
    threshold: float
    interval: tuple[float, float]
