"""How often the gate decides rightly, and how well masks and the cardiothoracic ratio agree, with intervals.

Thresholds are chosen on validation pictures; figures are of held-out ones, which nothing was chosen on. A picture of
many made of one counts once: intervals are over patients or files (Wilson 1927 for shares).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.anatomy.anatomy import filled
from core.anatomy.look import Looker, posed
from core.anatomy.network import POSES
from core.anatomy.organs import cardiothoracic, largest_part
from core.anatomy.training import drawings, other_radiographs
from core.anatomy.training.collection import Collection, Split

# Share of frontal chests on validation that may be refused, and that may be refused or unsure: less than the 1 % and
# 5 % that are aimed at, because other hospitals' pictures are harder.
_REFUSED, _UNSURE = 0.001, 0.01
# Pictures looked at for one figure, at most; each takes a hundredth of a second.
_MADE, _CHESTS, _TURNED = 150, 400, 160


@dataclass(frozen=True)
class Looked:
    """What was found in many pictures: frontal probability, degrees turned, negative."""

    frontal: npt.NDArray[np.float64]
    turned: npt.NDArray[np.int64]
    inverted: npt.NDArray[np.bool_]


def looked_at(looker: Looker, pictures: Sequence[npt.NDArray[Any]]) -> Looked:
    """Look at pictures (H, W)."""
    found = [looker.look(picture) for picture in pictures]
    return Looked(
        np.array([one.frontal for one in found]),
        np.array([one.turned for one in found]),
        np.array([one.inverted for one in found]),
    )


def choose_thresholds(frontal: npt.NDArray[np.float64]) -> dict[str, float]:
    """Thresholds from frontal probabilities of validation patients' chests."""
    return {
        "accept_from": round(float(np.quantile(frontal, _UNSURE)), 4),
        "refuse_below": round(float(np.quantile(frontal, _REFUSED)), 4),
    }


def share(hits: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson 1927)."""
    n, k = len(hits), int(hits.sum())
    if n == 0:
        return {"n": 0, "share": None, "ci95": None}
    z = 1.959964
    middle, width = (k + z * z / 2) / (n + z * z), z * np.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    ends = [round(max(0.0, middle - width), 4), round(min(1.0, middle + width), 4)]
    return {"n": n, "share": round(k / n, 4), "ci95": ends}


def others(collection: Collection, split: Split, seed: int) -> dict[str, list[npt.NDArray[Any]]]:
    """Pictures of a split that are no frontal chests, real ones and made ones, by kind."""
    rng = np.random.default_rng((seed, 9))
    made: dict[str, list[npt.NDArray[Any]]] = {}
    for row in collection.rows(split, frontal=False).tolist():
        item = collection.items[row]
        made.setdefault(f"{item.source}: {item.kind}", []).append(collection.pictures[row])
    for name, makers in (("drawn", drawings.MAKERS), ("made-up radiographs", other_radiographs.MAKERS)):
        made[name] = [makers[rng.integers(len(makers))][0](rng) for _ in range(_MADE)]
    chests = collection.pictures[rng.choice(collection.rows(split, frontal=True, source="nih"), _MADE)]
    spoilers: dict[str, Callable[..., npt.NDArray[Any]]] = {
        "pieces of chests": other_radiographs.without_lungs,
        "shuffled chests": other_radiographs.shuffled,
    }
    for name, spoil in spoilers.items():
        made[name] = [spoil(chest, rng) for chest in chests]
    return made


def gate_figures(looker: Looker, collection: Collection, split: Split, *, seed: int = 0) -> dict[str, Any]:
    """Shares refused and doubted, by kind of picture, and of chests put upright, each with its interval."""
    low, high = looker.config.refuse_below, looker.config.accept_from
    figures: dict[str, Any] = {"chests": {}, "others": {}, "poses": {}}
    sources = sorted({item.source for item in collection.items if item.frontal})
    for source in sources:
        rows = _thinned(collection.rows(split, frontal=True, source=source), _CHESTS)
        found = looked_at(looker, list(collection.pictures[rows]))
        figures["chests"][source] = {
            "refused": share(found.frontal < low),
            "refused or unsure": share(found.frontal < high),
            "upright": share((found.turned == 0) & ~found.inverted),
        }
    for kind, pictures in others(collection, split, seed).items():
        found = looked_at(looker, pictures)
        figures["others"][kind] = {
            "refused": share(found.frontal < low),
            "refused or unsure": share(found.frontal < high),
        }
    chests = collection.pictures[_thinned(collection.rows(split, frontal=True), _TURNED)]
    for turns, negative in POSES:
        shown = [np.round(255 * posed(chest / np.float32(255), turns, negative)) for chest in chests]
        found = looked_at(looker, shown)
        right = (found.turned == 90 * turns) & (found.inverted == negative)
        figures["poses"][f"{90 * turns} degrees{', negative' if negative else ''}"] = share(right)
    return figures


def mask_figures(looker: Looker, collection: Collection, split: Split, *, seed: int = 0) -> dict[str, Any]:
    """Overlap (Dice) of masks with drawn ones, and of the cardiothoracic ratio with that of the drawn masks."""
    overlaps: dict[str, list[float]] = {"right_lung": [], "left_lung": [], "heart": []}
    ours, theirs = [], []
    doubtful = 0
    for row in collection.rows(split, frontal=True).tolist():
        mask = int(collection.mask_rows[row])
        if mask < 0:
            continue
        drawn = collection.masks[mask].astype(np.float32) / 255
        found = looker.look(collection.pictures[row])
        known = ["right_lung", "left_lung", *(["heart"] if collection.has_heart[mask] else [])]
        for index, name in enumerate(known):
            if (shape := getattr(found, name)) is not None:
                overlaps[name].append(_dice(filled(shape, drawn[index].shape), drawn[index] >= 0.5))
        if collection.has_heart[mask]:
            true = cardiothoracic(*(largest_part(layer) for layer in drawn))
            if found.cardiothoracic_ratio is None:
                doubtful += 1
            elif true is not None:
                ours.append(found.cardiothoracic_ratio)
                theirs.append(true.ratio)
    return {
        "dice": {name: _mean(values, seed) for name, values in overlaps.items()},
        "cardiothoracic": {**_agreement(np.array(ours), np.array(theirs), seed), "not measured": doubtful},
    }


def _thinned(rows: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Every n-th row, so that no more than ``most`` are left."""
    return rows[:: max(1, -(-len(rows) // most))]


def _agreement(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], seed: int) -> dict[str, Any]:
    """Mean absolute error and limits of agreement (Bland and Altman 1986), beside a guess that never looks."""
    if len(ours) < 2:
        return {"n": len(ours)}
    difference = ours - theirs
    spread = 1.96 * float(difference.std(ddof=1))
    bias = float(difference.mean())
    guess = np.abs(theirs - np.median(theirs))
    return {
        "mean absolute error": _mean(np.abs(difference).tolist(), seed),
        "bias": round(bias, 4),
        "limits of agreement": [round(bias - spread, 4), round(bias + spread, 4)],
        "mean absolute error of the median for all": _mean(guess.tolist(), seed),
    }


def _mean(values: Sequence[float], seed: int) -> dict[str, Any]:
    """A mean with its 95 % interval by bootstrap over pictures."""
    if not values:
        return {"n": 0, "mean": None, "ci95": None}
    array = np.array(values)
    rng = np.random.default_rng(seed)
    means = array[rng.integers(len(array), size=(2000, len(array)))].mean(axis=1)
    ends = [round(float(end), 4) for end in np.quantile(means, (0.025, 0.975))]
    return {"n": len(array), "mean": round(float(array.mean()), 4), "ci95": ends}


def _dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))
