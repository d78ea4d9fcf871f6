"""Policies: by which thresholds findings are called, and what these thresholds were chosen for.

One mechanism decides everywhere, in pages, HTTP interface, command lines and evaluation (``Policy.calls``):

1. A radiograph whose probability of being abnormal lies below the policy's threshold gets no call.
2. Otherwise a finding is called present, or possible, from its own two thresholds on.
3. If that calls nothing, the most probable finding is called possible: something is there, and this is the best guess.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from core.findings import LABELS

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]
Ends = tuple[float, float]

NEUTRAL = (
    "nothing yet: the checkpoint has no policies, so that a finding is called present from a probability of one half "
    "on and nothing is called possible; python -m core decide chooses policies"
)


@dataclass(frozen=True)
class OperatingPoint:
    """Thresholds of one label on its calibrated probability, and what came of them on validation.

    Shares are cross-fitted: measured on patients that neither calibrated the model nor chose the thresholds.

    Attributes:
        threshold: at or above it the finding is called present.
        possible_threshold: at or above it, and below ``threshold``, the finding is called possible.
        sensitivity, specificity: of ``present``; None where there were no positives or no negatives.
        possible_sensitivity, possible_specificity: of being called at all, present or possible.
        n_positive, n_negative: validation images that these shares rest on.
        precision, possible_precision: share of the calls ``present``, and of the calls ``possible``, that were right;
            None where no such call was made or nothing was measured.
        precision_ci95, possible_precision_ci95: their 95% intervals, low and high.
    """

    threshold: float
    possible_threshold: float
    sensitivity: float | None
    specificity: float | None
    possible_sensitivity: float | None
    possible_specificity: float | None
    n_positive: int
    n_negative: int
    precision: float | None = field(default=None, kw_only=True)
    precision_ci95: Ends | None = field(default=None, kw_only=True)
    possible_precision: float | None = field(default=None, kw_only=True)
    possible_precision_ci95: Ends | None = field(default=None, kw_only=True)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "OperatingPoint":
        """Read what ``asdict`` and JSON made of it; intervals were tuples."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }
        return cls(**fields)


@dataclass(frozen=True)
class Calls:
    """What is called in some radiographs.

    Attributes:
        present, possible: (N, 14), in the order of ``LABELS``; never both.
    """

    present: BoolArray
    possible: BoolArray

    @property
    def called(self) -> BoolArray:
        """(N, 14) present or possible."""
        return self.present | self.possible


@dataclass(frozen=True)
class Policy:
    """Thresholds under one name.

    Attributes:
        name: reading, screening or specific.
        chosen_for: what the thresholds were chosen for, in words.
        abnormal_threshold: probability of being abnormal below which nothing is called; None where that is not judged.
        points: of each label that can be called.
    """

    name: str
    chosen_for: str
    abnormal_threshold: float | None
    points: dict[str, OperatingPoint]

    def calls(self, probabilities: FloatArray, abnormal: FloatArray | None) -> Calls:
        """Decide.

        Args:
            probabilities: (N, 14) calibrated, NaN where the model does not know a label.
            abnormal: (N,) probability of being abnormal, or None where that is not judged.
        """
        known = np.isfinite(probabilities) & np.array([label in self.points for label in LABELS])
        present = known & (probabilities >= self.thresholds("threshold"))
        called = known & (probabilities >= self.thresholds("possible_threshold"))
        if abnormal is not None and self.abnormal_threshold is not None:
            shows = abnormal >= self.abnormal_threshold
            leading = np.where(known, probabilities, -1.0).argmax(axis=1)
            rows = np.flatnonzero(shows & known.any(axis=1) & ~called.any(axis=1))
            called[rows, leading[rows]] = True
            called &= shows[:, None]
        return Calls(present & called, called & ~present)

    def to_json(self) -> dict[str, Any]:
        """The object under the policy's name in ``config.json``."""
        return {key: value for key, value in asdict(self).items() if key != "name"}

    @classmethod
    def from_json(cls, name: str, data: dict[str, Any]) -> "Policy":
        """Read what ``to_json`` wrote."""
        points = {label: OperatingPoint.from_json(point) for label, point in data["points"].items()}
        return cls(name, data["chosen_for"], data["abnormal_threshold"], points)

    def thresholds(self, name: str) -> FloatArray:
        """``threshold`` or ``possible_threshold`` of each of the 14 labels; NaN for one that cannot be called."""
        return np.array([getattr(self.points[label], name) if label in self.points else np.nan for label in LABELS])


def common_threshold_policy(
    name: str, chosen_for: str, labels: tuple[str, ...], threshold: float, *, published: dict[str, float] | None = None
) -> Policy:
    """A policy of which nothing was measured: present from one threshold on, nothing possible.

    Args:
        name, chosen_for: of the policy.
        labels: that the model knows.
        threshold: for all of them.
        published: thresholds of some labels that differ.
    """
    points = {}
    for label in labels:
        value = (published or {}).get(label, threshold)
        points[label] = OperatingPoint(value, value, None, None, None, None, 0, 0)
    return Policy(name, chosen_for, None, points)
