"""Probabilities to evaluate: of a checkpoint, predicted now, or of any model, from a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.classifier import Classifier
from core.classifier.policies import Policy, common_threshold_policy
from core.datasets import Problem, of_images
from core.evaluation.calibration_error import uncalibrated
from core.evaluation.errors import EvaluationError
from core.evaluation.prediction import Journal, model_digest, predict_probabilities
from core.evaluation.ranking import Array
from core.findings import LABELS
from core.settings import DEFAULT_POLICY

_OF_OTHERS = (
    "nothing: stored predictions have no policies, so that a finding is called from a probability of one half on"
)


@dataclass(frozen=True)
class Scores:
    """What a model says of the images of a table.

    Attributes:
        model: its name, in words.
        probabilities: (N, 14), NaN where it does not say.
        uncalibrated: (N, 14) before calibration, or None where that is not known.
        policies: by which it calls findings.
        abnormal: (N,) probability of being abnormal, NaN where an image has no probabilities; None where the model
            does not judge that.
        digest: what tells it from other models, or None for stored predictions.
        problems: the images without probabilities, one entry each.
    """

    model: str
    probabilities: Array
    uncalibrated: Array | None = None
    policies: tuple[Policy, ...] = ()
    abnormal: Array | None = None
    digest: str | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """(N,) whether an image has any probability."""
        return np.asarray(np.isfinite(self.probabilities).any(axis=1))


def score_with_checkpoint(table: pd.DataFrame, folder: str | Path, output_dir: str | Path) -> Scores:
    """Predict each image, going on where an earlier evaluation into the same folder stopped.

    Args:
        table: as returned by ``core.datasets``, rows of one split only.
        folder: of the checkpoint.
        output_dir: holds the journal of predictions.

    Raises:
        CheckpointError: the folder holds no usable checkpoint.
        OSError: the journal cannot be written.
    """
    classifier = Classifier(folder)
    config, digest = classifier.config, model_digest(folder)
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    journal = Journal(Path(output_dir) / "predictions.journal", digest)
    problems: list[Problem] = []
    try:
        probabilities = predict_probabilities(table, classifier, journal=journal, problems=problems)
    finally:
        journal.close()
    return Scores(
        model=f"{config.name} {config.version}",
        probabilities=probabilities,
        uncalibrated=uncalibrated(
            probabilities, config.calibration, [LABELS.index(name) for name in config.label_names]
        ),
        policies=tuple(config.policies.values()) or (config.policy(),),
        abnormal=None if config.abnormal is None else config.abnormal(probabilities),
        digest=digest,
        problems=tuple(problems),
    )


def score_with_predictions(table: pd.DataFrame, predictions: pd.DataFrame, *, name: str) -> Scores:
    """Take probabilities from a file.

    Args:
        table: as returned by ``core.datasets``, rows of one split only.
        predictions: as ``load_predictions`` returns them.
        name: what the model is called.

    Raises:
        EvaluationError: a value is no probability.
    """
    values = of_images(predictions, table, name=name).to_numpy(dtype=float)
    if ((values < 0) | (values > 1)).any():
        raise EvaluationError(f"{name} holds values outside 0 to 1: evaluation needs probabilities, not logits.")
    absent = ~np.isfinite(values).any(axis=1)
    return Scores(
        model=name,
        probabilities=values,
        policies=(common_threshold_policy(DEFAULT_POLICY, _OF_OTHERS, LABELS, 0.5),),
        problems=tuple(Problem(one, f"{name} has no prediction for it.") for one in table["study_id"][absent]),
    )
