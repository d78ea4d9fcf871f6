"""Shares of radiologists' boxes that were found, with intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from core.evaluation.detection import Boxes, Guess, contains, overlaps
from core.evaluation.metrics import interval, macro
from core.findings import LABELS
from core.statistics import wilson

IOBB_THRESHOLDS = (0.1, 0.25, 0.5)
IOU_THRESHOLDS = (0.1, 0.3, 0.5)


class BoxTally:
    """Collects how well one way of guessing agrees with the boxes, image by image and label by label."""

    def __init__(self) -> None:
        self._boxes: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []

    def add(self, patient: str, label: str, guess: Guess, truth: Boxes) -> None:
        """One image and label: the guess, and the radiologists' boxes (B, 4)."""
        iobb, iou = overlaps(guess.boxes, truth)
        row = {"patient": patient, "label": label}
        for best_iobb, best_iou in zip(iobb.max(axis=0, initial=0), iou.max(axis=0, initial=0), strict=True):
            self._boxes.append(row | {"iobb": best_iobb, "iou": best_iou})
        best = iobb.max(axis=1)
        false = {_key(threshold): int((best <= threshold).sum()) for threshold in IOBB_THRESHOLDS}
        self._images.append(row | false | {"pointing_game": contains(truth, guess.peak)})

    def found(self) -> pd.DataFrame:
        """One row a radiologist's box: ``patient, label`` and the best ``iobb`` and ``iou``."""
        return pd.DataFrame(self._boxes, columns=["patient", "label", "iobb", "iou"])

    def seen(self) -> pd.DataFrame:
        """One row an image and label: ``patient, label, pointing_game`` and false positives by IoBB threshold."""
        names = ["patient", "label", "pointing_game", *map(_key, IOBB_THRESHOLDS)]
        return pd.DataFrame(self._images, columns=names)

    def labels(self) -> list[str]:
        """Labels that have boxes, in their fixed order."""
        present = set(self.seen()["label"])
        return [label for label in LABELS if label in present]

    def shares(self, labels: list[str]) -> dict[str, Any]:
        """``iobb``, ``iou`` and ``pointing_game``; the mean is None where one of the labels was not guessed."""
        return self._each(lambda hits: _means(hits, "hit", labels))

    def intervals(self, labels: list[str], resamples: int, generator: np.random.Generator) -> dict[str, Any]:
        """95% intervals of the shares."""
        return self._each(lambda hits: _intervals(hits, labels, resamples, generator))

    def false_positives(self, labels: list[str]) -> dict[str, Any]:
        """Detected boxes that match no radiologist's box, a mean over the images of each label."""
        return {_key(threshold): _means(self.seen(), _key(threshold), labels) for threshold in IOBB_THRESHOLDS}

    def _each(self, figure: Callable[[pd.DataFrame], dict[str, Any]]) -> dict[str, Any]:
        found, seen = self.found(), self.seen()
        return {
            "iobb": {_key(least): figure(found.assign(hit=found["iobb"] > least)) for least in IOBB_THRESHOLDS},
            "iou": {_key(least): figure(found.assign(hit=found["iou"] > least)) for least in IOU_THRESHOLDS},
            "pointing_game": figure(seen.assign(hit=seen["pointing_game"])),
        }


def _means(rows: pd.DataFrame, column: str, labels: list[str]) -> dict[str, float | None]:
    """Mean of a column for each label that has rows, and ``mean`` over the labels."""
    means = rows.groupby("label")[column].mean()
    of_label = {label: float(means[label]) for label in labels if label in means.index}
    return {**of_label, "mean": float(np.mean(list(of_label.values()))) if len(of_label) == len(labels) else None}


def _intervals(
    rows: pd.DataFrame, labels: list[str], resamples: int, generator: np.random.Generator
) -> dict[str, list[float] | None]:
    """Wilson's interval for each label, which also holds at 0 and 1; the bootstrap over patients for the mean."""
    hits = rows.pivot_table(index="patient", columns="label", values="hit", aggfunc="sum", fill_value=0)[labels]
    counts = rows.pivot_table(index="patient", columns="label", values="hit", aggfunc="count", fill_value=0)[labels]
    of_label: dict[str, list[float] | None] = {}
    for label in labels:
        of_label[label] = list(wilson(int(hits[label].sum()), int(counts[label].sum())))
    weights = generator.multinomial(len(hits), np.full(len(hits), 1 / len(hits)), size=resamples)
    drawn = weights @ counts.to_numpy()
    shares = np.divide(weights @ hits.to_numpy(), drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    return {**of_label, "mean": interval(macro(shares))}


def _key(threshold: float) -> str:
    """A threshold as ``localization.json`` names it."""
    return f"{threshold:g}"
