"""Calibrated probabilities of validation images by models that were calibrated without their patients."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.classifier.abnormality import KINDS, AbnormalModel, Kind, abnormal_truth, fit_abnormal
from core.classifier.calibration import fit_calibration

FloatArray = npt.NDArray[np.floating[Any]]

REPEATS, FOLDS = 10, 5


@dataclass(frozen=True)
class CrossFitted:
    """What R repetitions say of N images, each from the other folds of its repetition.

    Attributes:
        folds: (R, N) number of the fold that an image lies in.
        probabilities: (R, N, L) calibrated.
        abnormal: (R, N) probability of being abnormal, by kind of model; empty where it cannot be learned.
    """

    folds: npt.NDArray[np.int_]
    probabilities: FloatArray
    abnormal: dict[Kind, FloatArray]


def cross_fit(
    logits: FloatArray, labels: FloatArray, patients: npt.NDArray[Any], label_names: tuple[str, ...]
) -> CrossFitted:
    """Calibrate in folds of patients, several times over.

    Args:
        logits, labels: (N, L); labels are 0, 1 or NaN.
        patients: (N,) identifiers; all images of a patient lie in one fold.
        label_names: the L labels.
    """
    truth = abnormal_truth(labels)
    folds = np.stack([_folds(truth == 1, patients, seed) for seed in range(REPEATS)])
    probabilities = np.zeros((REPEATS, *logits.shape))
    abnormal: dict[Kind, FloatArray] = {kind: np.full(folds.shape, np.nan) for kind in KINDS}
    for repeat, of_image in enumerate(folds):
        for fold in range(FOLDS):
            inside, outside = of_image == fold, of_image != fold
            if not inside.any():
                continue
            calibration = fit_calibration(logits[outside], labels[outside])
            probabilities[repeat, inside] = calibration(logits[inside])
            learnable = outside & np.isfinite(truth)
            if not 0 < truth[learnable].sum() < learnable.sum():
                continue
            theirs = calibration(logits[learnable])
            for kind in KINDS:
                weights, intercept = fit_abnormal(kind, theirs, truth[learnable] > 0.5)
                model = AbnormalModel(kind, label_names, tuple(weights), intercept, ())
                abnormal[kind][repeat, inside] = model.of_labels(probabilities[repeat, inside])
    complete = {kind: values for kind, values in abnormal.items() if np.isfinite(values).all()}
    return CrossFitted(folds, probabilities, complete)


def _folds(positive: npt.NDArray[np.bool_], patients: npt.NDArray[Any], seed: int) -> npt.NDArray[np.int_]:
    """A fold for each image, patients with a finding and those without being spread evenly."""
    unique, member = np.unique(patients, return_inverse=True)
    has_finding = np.bincount(member, weights=positive) > 0
    order = np.random.default_rng(seed).permutation(len(unique))
    order = order[np.argsort(has_finding[order], kind="stable")]
    fold = np.empty(len(unique), dtype=int)
    fold[order] = np.arange(len(unique)) % FOLDS
    return np.asarray(fold[member])
