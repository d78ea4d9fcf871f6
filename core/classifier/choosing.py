"""What a checkpoint decides by, chosen on validation images: calibration, probability of being abnormal, policies.

Everything is chosen and measured by cross-fitting over patients: an image's probabilities come from models that were
calibrated without its patient, and the thresholds that it is measured at were chosen without its patient.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from core.classifier.abnormality import KINDS, AbnormalModel, Kind, abnormal_truth, fit_abnormal
from core.classifier.calibration import Calibration, fit_calibration
from core.classifier.call_figures import call_figures, figures_of_chance, precision_of
from core.classifier.cross_fitting import FOLDS, REPEATS, CrossFitted, cross_fit
from core.classifier.policies import OperatingPoint, Policy
from core.findings import LABELS
from core.settings import PolicyName
from core.statistics import RESAMPLES, Z95, clustered_aurocs, patient_draws

FloatArray = npt.NDArray[np.floating[Any]]
BoolArray = npt.NDArray[np.bool_]

# From here on a finding is more likely there than not, and called present.
_PRESENT = 0.5
# Of the calls of possible at least this share must be right, over all labels and of each.
_LEAST_PRECISION = 0.2
# Calls that a label's own calibrated probabilities count for when it is judged by that: few calls prove little.
_PRIOR_CALLS = 20.0
_GRID = np.round(np.arange(0.05, _PRESENT, 0.01), 2)
# Fits of the model of abnormality, for its interval.
_REFITS = 200


@dataclass(frozen=True)
class Aim:
    """What a policy is for.

    Attributes:
        chosen_for: the same in words.
        normals_clean: share of the normal radiographs that should get no call, or None.
        abnormal_called: share of the abnormal ones that should get one, or None; one of the two is given.
        precision: calls start at the lowest threshold from which this share of them is right; None starts them where
            micro-F1 is largest.
    """

    chosen_for: str
    normals_clean: float | None = None
    abnormal_called: float | None = None
    precision: float | None = None


AIMS: dict[PolicyName, Aim] = {
    "reading": Aim(
        "everyday reading: 85 of 100 normal validation radiographs get no call, and findings are called from where "
        "found and false ones balance best (largest micro-F1)",
        normals_clean=0.85,
    ),
    "screening": Aim(
        "missing little: 95 of 100 abnormal validation radiographs get a call, and findings are called as long as one "
        "call in five is right",
        abnormal_called=0.95,
        precision=_LEAST_PRECISION,
    ),
    "specific": Aim(
        "few false alarms: 95 of 100 normal validation radiographs get no call, and findings are called from where "
        "half of the calls are right",
        normals_clean=0.95,
        precision=0.5,
    ),
}


@dataclass(frozen=True)
class Decisions:
    """What a checkpoint decides by.

    Attributes:
        calibration: raw outputs to probabilities.
        abnormal: model of the whole study; None where the images do not allow one.
        policies: by name.
        record: how all this was chosen, and the cross-fitted figures of the study.
    """

    calibration: Calibration
    abnormal: AbnormalModel | None
    policies: dict[str, Policy]
    record: dict[str, Any]


def decide(
    logits: FloatArray, labels: FloatArray, patients: npt.NDArray[Any], label_names: tuple[str, ...] = LABELS
) -> Decisions:
    """Choose everything that a checkpoint decides by; the same for the same input.

    Args:
        logits: (N, L) raw network outputs on validation images.
        labels: (N, L) of 0, 1 or NaN.
        patients: (N,) identifiers.
        label_names: the L labels.
    """
    calibration = fit_calibration(logits, labels)
    crossed = cross_fit(logits, labels, patients, label_names)
    abnormal, comparison = _choose_abnormal(crossed, calibration(logits), labels, patients, label_names)
    scores = crossed.abnormal[abnormal.kind] if abnormal else None
    policies: dict[str, Policy] = {}
    figures: dict[str, Any] = {}
    for name, aim in AIMS.items():
        policies[name], figures[name] = _choose_policy(name, aim, crossed, scores, labels, patients, label_names)
    record = {
        "n_images": len(labels),
        "n_patients": len(np.unique(patients)),
        "repeats": REPEATS,
        "folds": FOLDS,
        "resamples": RESAMPLES,
        "abnormal": comparison,
        "policies": figures,
        "baselines": {
            "nothing called": {"normals_clean": 1.0, "abnormal_called": 0.0, "micro_f1": 0.0},
            "chance at the prevalence": figures_of_chance(_of_all(labels, label_names)),
        },
    }
    return Decisions(calibration, abnormal, policies, record)


def _choose_abnormal(
    crossed: CrossFitted,
    probabilities: FloatArray,
    labels: FloatArray,
    patients: npt.NDArray[Any],
    label_names: tuple[str, ...],
) -> tuple[AbnormalModel | None, dict[str, Any] | None]:
    """The better of the two models of one feature, and how the learned one compares.

    The learned one is measured and not kept: from a few hundred images of several sources its 14 weights learn what
    tells the sources apart as well, and no validation image shows that (the model card of the shipped checkpoint has
    the figures by source).
    """
    truth = abnormal_truth(labels)
    known = np.isfinite(truth)
    positive = truth[known] > 0.5
    if set(crossed.abnormal) != set(KINDS) or not 0 < positive.sum() < len(positive):
        return None, None
    scores = np.stack([crossed.abnormal[kind].mean(axis=0)[known] for kind in KINDS], axis=1)
    aurocs, covariance = clustered_aurocs(positive, scores, patients[known])
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    learned, simple = KINDS.index("learned"), KINDS.index("any")
    gain = aurocs[learned] - aurocs[simple]
    spread = covariance[learned, learned] + covariance[simple, simple] - 2 * covariance[learned, simple]
    half = Z95 * float(np.sqrt(max(spread, 0.0)))
    kind: Kind = max(("any", "largest"), key=lambda one: aurocs[KINDS.index(one)])
    model = _fit_with_covariance(kind, probabilities[known], positive, patients[known], label_names)
    comparison = {
        "kept": kind,
        "n_normal": int((~positive).sum()),
        "n_abnormal": int(positive.sum()),
        "auroc": {
            one: {"value": float(value), "ci95": [float(value - Z95 * error), float(min(value + Z95 * error, 1))]}
            for one, value, error in zip(KINDS, aurocs, errors, strict=True)
        },
        "learned_minus_any": {"value": float(gain), "ci95": [float(gain - half), float(gain + half)]},
        "brier": float(np.mean((crossed.abnormal[kind][:, known] - positive) ** 2)),
        "brier_of_chance": float(positive.mean() * (1 - positive.mean())),
    }
    return model, comparison


def _fit_with_covariance(
    kind: Kind, probabilities: FloatArray, positive: BoolArray, patients: npt.NDArray[Any], label_names: tuple[str, ...]
) -> AbnormalModel:
    """The model of all images, with the spread of its parameters over resamples of the patients."""
    weights, intercept = fit_abnormal(kind, probabilities, positive)
    refits = []
    for counts in patient_draws(patients, resamples=_REFITS):
        for column in counts.T:
            rows = np.repeat(np.arange(len(positive)), column)
            if 0 < positive[rows].sum() < len(rows):
                one, constant = fit_abnormal(kind, probabilities[rows], positive[rows])
                refits.append([*one, constant])
    covariance = np.cov(np.array(refits).T) if len(refits) > 1 else np.zeros((len(weights) + 1,) * 2)
    rows_of_covariance = tuple(tuple(map(float, row)) for row in np.atleast_2d(covariance))
    return AbnormalModel(kind, label_names, tuple(map(float, weights)), intercept, rows_of_covariance)


def _choose_policy(
    name: str,
    aim: Aim,
    crossed: CrossFitted,
    scores: FloatArray | None,
    labels: FloatArray,
    patients: npt.NDArray[Any],
    label_names: tuple[str, ...],
) -> tuple[Policy, dict[str, Any]]:
    """A policy chosen on all images, and its figures, which come from thresholds that other patients chose.

    Args:
        scores: (R, N) probability of being abnormal, or None where that is not judged.
    """

    def chosen(repeats: list[int], rows: BoolArray) -> Policy:
        picked = None if scores is None else np.concatenate([scores[repeat, rows] for repeat in repeats])
        p = np.concatenate([crossed.probabilities[repeat, rows] for repeat in repeats])
        truth = np.concatenate([labels[rows]] * len(repeats))
        return _thresholds(name, aim, p, picked, truth, label_names, weight=1 / len(repeats))

    present = np.zeros((len(labels), len(LABELS)))
    possible, expected = np.zeros_like(present), np.zeros((2, len(LABELS)))
    nothing, no_present = np.zeros(len(labels)), np.zeros(len(labels))
    repeats = list(range(len(crossed.folds)))
    for repeat in repeats:
        for fold in range(FOLDS):
            inside = crossed.folds[repeat] == fold
            if not inside.any():
                continue
            policy = chosen([repeat], ~inside)
            p = _of_all(crossed.probabilities[repeat, inside], label_names)
            calls = policy.calls(p, None if scores is None else scores[repeat, inside])
            present[inside] += calls.present / len(repeats)
            possible[inside] += calls.possible / len(repeats)
            nothing[inside] += ~calls.called.any(axis=1) / len(repeats)
            no_present[inside] += ~calls.present.any(axis=1) / len(repeats)
            for sums, made in zip(expected, (calls.present, calls.possible), strict=True):
                sums += np.where(made, p, 0).sum(axis=0) / len(repeats)
    truth = _of_all(labels, label_names)
    figures = call_figures(truth, present, possible, nothing, no_present, patients, resamples=RESAMPLES)
    final = chosen(repeats, np.ones(len(labels), dtype=bool))
    points = {
        label: _measured(point, *(values[:, LABELS.index(label)] for values in (truth, present, possible, expected)))
        for label, point in final.points.items()
    }
    return replace(final, points=points), figures


def _thresholds(
    name: str,
    aim: Aim,
    p: FloatArray,
    abnormal: FloatArray | None,
    labels: FloatArray,
    label_names: tuple[str, ...],
    *,
    weight: float,
) -> Policy:
    """The policy that fits an aim on radiographs with probabilities p (N, L); each of them counts ``weight``."""
    least = None if abnormal is None else _abnormal_threshold(aim, abnormal, abnormal_truth(labels))
    shows = np.ones(len(p), dtype=bool) if abnormal is None or least is None else abnormal >= least
    p, known = p[shows], np.isfinite(labels[shows])
    truth = (labels[shows] > 0.5) & known
    called, right = _calls_from(_GRID, p, truth, known, leading=abnormal is not None)
    precision = right / np.maximum(called, 1)
    f1 = 2 * right / np.maximum(called + (labels > 0.5).sum(), 1)
    if aim.precision is None:
        # For calibrated probabilities micro-F1 is largest at half its largest value (Lipton, Elkan and Narayanaswamy,
        # ECML 2014), which varies less from one set of patients to another than the place of the maximum.
        common = float(f1.max() / 2)
    else:
        enough = np.flatnonzero(precision >= aim.precision)
        common = float(_GRID[enough[0]]) if len(enough) else _PRESENT
    possible = [_paying(common, p[of_label, i], truth[of_label, i], weight) for i, of_label in enumerate(known.T)]
    return _policy(name, aim, least, np.array(possible), label_names)


def _calls_from(
    thresholds: FloatArray, p: FloatArray, truth: BoolArray, known: BoolArray, *, leading: bool
) -> tuple[FloatArray, FloatArray]:
    """Calls, and right ones, that ``Policy.calls`` makes at each of some common thresholds (T,) on p (N, L).

    Args:
        leading: whether the most probable finding is called where nothing else is.
    """
    reached = p[known] >= thresholds[:, None]
    called, right = reached.sum(axis=1), (reached & truth[known]).sum(axis=1)
    if leading and len(p):
        rows, first = np.arange(len(p)), p.argmax(axis=1)
        alone = (p[rows, first] < thresholds[:, None]) & known[rows, first]
        called, right = called + alone.sum(axis=1), right + (alone & truth[rows, first]).sum(axis=1)
    return called.astype(float), right.astype(float)


def _abnormal_threshold(aim: Aim, abnormal: FloatArray, truth: FloatArray) -> float | None:
    """The threshold at which the wanted share of normal, or of abnormal, radiographs lies below, or above."""
    if aim.normals_clean is not None:
        normal = abnormal[truth == 0]
        return float(np.quantile(normal, aim.normals_clean)) if len(normal) else None
    positive = abnormal[truth == 1]
    return float(np.quantile(positive, 1 - (aim.abnormal_called or 0))) if len(positive) else None


def _paying(common: float, p: FloatArray, truth: BoolArray, weight: float) -> float:
    """The lowest threshold of a label, from the common one on, whose calls of possible are right often enough."""
    for threshold in [common, *_GRID[common < _GRID]]:
        band = (p >= threshold) & (p < _PRESENT)
        calls = weight * band.sum()
        if not calls:
            return float(common)
        expected = _PRIOR_CALLS * p[band].mean()
        if (weight * (band & truth).sum() + expected) / (calls + _PRIOR_CALLS) >= _LEAST_PRECISION:
            return float(threshold)
    return _PRESENT


def _policy(name: str, aim: Aim, least: float | None, possible: FloatArray, label_names: tuple[str, ...]) -> Policy:
    """A policy of these thresholds, of which nothing is measured yet."""
    points = {
        label: OperatingPoint(_PRESENT, float(threshold), None, None, None, None, 0, 0)
        for label, threshold in zip(label_names, possible, strict=True)
    }
    return Policy(name, aim.chosen_for, least, points)


def _measured(
    point: OperatingPoint, labels: FloatArray, present: FloatArray, possible: FloatArray, expected: FloatArray
) -> OperatingPoint:
    """A label's operating point with what came of it: labels and shares of calls (N,), expected right calls (2,)."""
    known = np.isfinite(labels)
    truth = known & (labels > 0.5)
    called = present + possible
    n_positive, n_negative = int(truth.sum()), int((known & ~truth).sum())

    def share(of: FloatArray, rows: BoolArray) -> float | None:
        return float(of[rows].mean()) if rows.any() else None

    found: dict[str, Any] = {}
    for prefix, made, promised in (("", present, expected[0]), ("possible_", possible, expected[1])):
        calls = float(made[known].sum())
        measured = precision_of(float(made[truth].sum()), calls, promised / calls if calls else 0.0)
        found[f"{prefix}precision"], found[f"{prefix}precision_ci95"] = measured or (None, None)
    return replace(
        point,
        sensitivity=share(present, truth),
        specificity=share(1 - present, known & ~truth),
        possible_sensitivity=share(called, truth),
        possible_specificity=share(1 - called, known & ~truth),
        n_positive=n_positive,
        n_negative=n_negative,
        **found,
    )


def _of_all(values: FloatArray, label_names: tuple[str, ...]) -> FloatArray:
    """Values (N, L) of some labels to (N, 14) of all, NaN for the others."""
    found = np.full((len(values), len(LABELS)), np.nan)
    found[:, [LABELS.index(label) for label in label_names]] = values
    return found
