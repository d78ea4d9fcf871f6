"""What calls are worth, counted on labelled radiographs, with intervals from resampling patients."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from core.classifier.abnormality import abnormal_truth
from core.classifier.policies import Calls
from core.findings import LABELS
from core.statistics import patient_draws

FloatArray = npt.NDArray[np.floating[Any]]

# Calls that a label's own calibrated probabilities count for when the precision of its calls is estimated: of three
# calls that were all right nobody should conclude that all are.
_PRIOR_CALLS = 4.0

# What each figure of the whole study is, in words.
STUDY_FIGURES = {
    "false_calls_per_normal": "false calls per normal radiograph",
    "normals_clean": "normal radiographs with nothing called",
    "normals_without_present": "normal radiographs without a finding called present",
    "abnormal_called": "abnormal radiographs with something called",
    "calls_per_abnormal": "calls per abnormal radiograph",
    "precision": "calls that are right",
    "sensitivity": "findings that are called",
    "micro_f1": "micro-F1 of what is called",
    "present_precision": "calls of present that are right",
    "present_sensitivity": "findings that are called present",
}


def call_figures(
    labels: FloatArray,
    present: FloatArray,
    possible: FloatArray,
    nothing: FloatArray,
    no_present: FloatArray,
    patients: npt.NDArray[Any],
    *,
    resamples: int,
    seed: int = 0,
) -> dict[str, Any]:
    """The figures of a way of calling findings.

    Args:
        labels: (N, 14) of 0, 1 or NaN; what is unknown counts neither way.
        present, possible: (N, 14) how often each is called, in [0, 1]: 0 or 1, or the share of several repetitions.
        nothing, no_present: (N,) how often a radiograph gets no call, and none of present, in [0, 1].
        patients: (N,) identifiers.
        resamples: of the patients; 0 for no intervals.

    Returns:
        For each of ``STUDY_FIGURES`` its ``value`` and ``ci95``; None for a share of nothing. ``per_label`` of each of
        the 14: ``precision`` and ``sensitivity`` of all calls, ``present_precision`` and ``present_sensitivity``, in
        the same form.
    """
    known = np.isfinite(labels)
    truth = (labels > 0.5) & known
    present, possible = present * known, possible * known
    called = present + possible
    status = abnormal_truth(labels)
    abnormal, normal = status == 1, status == 0
    something = 1 - nothing
    right, present_right = called * truth, present * truth
    pairs = [
        ((called * normal[:, None]).sum(axis=1), normal),
        (nothing * normal, normal),
        (no_present * normal, normal),
        (something * abnormal, abnormal),
        ((called * abnormal[:, None]).sum(axis=1), abnormal),
        (right.sum(axis=1), called.sum(axis=1)),
        (right.sum(axis=1), truth.sum(axis=1)),
        (2 * right.sum(axis=1), called.sum(axis=1) + truth.sum(axis=1)),
        (present_right.sum(axis=1), present.sum(axis=1)),
        (present_right.sum(axis=1), truth.sum(axis=1)),
    ]
    of_label = (("precision", right, called), ("sensitivity", right, truth))
    of_present = (("present_precision", present_right, present), ("present_sensitivity", present_right, truth))
    pairs += [(part[:, i], whole[:, i]) for i in range(len(LABELS)) for _, part, whole in (*of_label, *of_present)]
    parts = np.stack([part for part, _ in pairs], axis=1).astype(float)
    wholes = np.stack([whole for _, whole in pairs], axis=1).astype(float)
    values = _ratio(parts.sum(axis=0), wholes.sum(axis=0))
    drawn = _resampled(parts, wholes, patients, resamples, seed)
    entries = [_entry(value, drawn[:, i]) for i, value in enumerate(values)]
    names = [name for name, *_ in (*of_label, *of_present)]
    first = len(STUDY_FIGURES)
    return {
        **dict(zip(STUDY_FIGURES, entries[:first], strict=True)),
        "per_label": {
            label: dict(zip(names, entries[first + 4 * i : first + 4 * i + 4], strict=True))
            for i, label in enumerate(LABELS)
        },
    }


def figures_of_calls(
    labels: FloatArray, calls: Calls, patients: npt.NDArray[Any], *, resamples: int, seed: int = 0
) -> dict[str, Any]:
    """``call_figures`` of one decision a radiograph and label."""
    return call_figures(
        labels,
        calls.present.astype(float),
        calls.possible.astype(float),
        (~calls.called.any(axis=1)).astype(float),
        (~calls.present.any(axis=1)).astype(float),
        patients,
        resamples=resamples,
        seed=seed,
    )


def figures_of_chance(labels: FloatArray) -> dict[str, float]:
    """The study's figures of a guess that calls each finding as often as it occurs, whatever the radiograph shows."""
    known = np.isfinite(labels)
    truth = (labels > 0.5) & known
    share = truth.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    nothing = float(np.prod(1 - share))
    positives = truth.sum(axis=0)
    right = float((share * positives).sum() / max(positives.sum(), 1))
    return {
        "false_calls_per_normal": float(share.sum()),
        "normals_clean": nothing,
        "normals_without_present": nothing,
        "abnormal_called": 1 - nothing,
        "calls_per_abnormal": float(share.sum()),
        "precision": right,
        "sensitivity": right,
        "micro_f1": right,
        "present_precision": right,
        "present_sensitivity": right,
    }


def precision_of(right: float, calls: float, expected: float) -> tuple[float, tuple[float, float]] | None:
    """Share of calls that are right, and its 95% interval, drawn towards what the calls' probabilities promise.

    A beta distribution with ``_PRIOR_CALLS`` calls at the expected share beside those that were counted.

    Args:
        right, calls: counted.
        expected: mean calibrated probability of the calls.

    Returns:
        None where no call was made.
    """
    if calls <= 0:
        return None
    a = right + _PRIOR_CALLS * expected
    b = calls - right + _PRIOR_CALLS * (1 - expected)
    low, high = betaincinv(max(a, 1e-9), max(b, 1e-9), (0.025, 0.975))
    return float(a / (a + b)), (float(low), float(high))


def _resampled(
    parts: FloatArray, wholes: FloatArray, patients: npt.NDArray[Any], resamples: int, seed: int
) -> FloatArray:
    if not resamples:
        return np.empty((0, parts.shape[1]))
    draws = [
        _ratio(weights.T @ parts, weights.T @ wholes)
        for weights in patient_draws(patients, resamples=resamples, seed=seed)
    ]
    return np.concatenate(draws)


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 1e-9)


def _entry(value: float, drawn: FloatArray) -> dict[str, Any]:
    finite = drawn[np.isfinite(drawn)]
    ends = [float(end) for end in np.percentile(finite, (2.5, 97.5))] if len(finite) else None
    return {"value": float(value) if np.isfinite(value) else None, "ci95": ends}
