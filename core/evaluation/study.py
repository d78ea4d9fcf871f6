"""Evaluate a checkpoint, or stored predictions, on one split of a table and write the results."""

import json
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.classifier import Classifier
from core.datasets import Problem, load_adjudicated, load_boxes, patient_keys, write_problems
from core.evaluation.comparison import compare
from core.evaluation.label_noise import adjudicated_figures, mined_label_quality, noise_sensitivity
from core.evaluation.metrics import evaluate
from core.evaluation.page import write_report
from core.evaluation.prediction import Journal, model_digest, predict_probabilities
from core.evaluation.ranking import Array
from core.evaluation.reliability import calibration_figures, uncalibrated
from core.evaluation.resampling import RESAMPLES
from core.evaluation.subgroups import subgroup_figures
from core.evaluation.thresholds import RULES, choose_thresholds, load_thresholds, save_thresholds
from core.findings import LABELS
from core.pages import write_text

BOXES = "BBox_List_2017.csv"
_DEFAULT_THRESHOLD = 0.5
_LOCALISATION = "core.evaluation.localisation"


@dataclass(frozen=True)
class Scores:
    """What a model says of the images of a table.

    Attributes:
        model: its name, in words.
        probabilities: (N, 14), NaN where it does not say.
        uncalibrated: (N, 14) before calibration, or None where that is not known.
        operating_points: (14,) thresholds of its own, or None.
        digest: what tells it from other models, or None for stored predictions.
        problems: the images without probabilities, one entry each.
    """

    model: str
    probabilities: Array
    uncalibrated: Array | None = None
    operating_points: Array | None = None
    digest: str | None = None
    problems: tuple[Problem, ...] = ()


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
    points = config.operating_points
    return Scores(
        model=f"{config.name} {config.version}",
        probabilities=probabilities,
        uncalibrated=uncalibrated(
            probabilities, config.calibration, [LABELS.index(name) for name in config.label_names]
        ),
        operating_points=np.array([points[name].threshold if name in points else np.nan for name in LABELS]),
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
        ValueError: a value is no probability.
    """
    values = predictions.reindex(table["study_id"]).to_numpy(dtype=float)
    if ((values < 0) | (values > 1)).any():
        raise ValueError(f"{name} holds values outside 0 to 1: evaluation needs probabilities, not logits.")
    absent = ~np.isfinite(values).any(axis=1)
    return Scores(
        model=name,
        probabilities=values,
        problems=tuple(Problem(one, f"{name} has no prediction for it.") for one in table["study_id"][absent]),
    )


def run_evaluation(
    table: pd.DataFrame,
    scores: Scores,
    output_dir: str | Path,
    *,
    split: str,
    threshold: float | None = None,
    thresholds_file: str | Path | None = None,
    other: pd.DataFrame | None = None,
    other_name: str = "the other model",
    localisation: dict[str, Any] | None = None,
    detailed: bool = False,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Compute the figures, and write ``metrics.json`` and ``predictions.csv``; on validation ``thresholds.json`` too.

    Images without probabilities are left out and listed in ``problems.csv``.

    Args:
        table: as returned by ``core.datasets``, rows of this split only.
        scores: of a model on these rows.
        split: its name, for the record.
        threshold: one threshold for all labels, or None for each label's own operating point, or 0.5 where the model
            has none.
        thresholds_file: ``thresholds.json`` of an evaluation of the same model's validation images.
        other: another model's predictions on some of the images, as ``load_predictions`` returns them.
        other_name: what that model is called.
        localisation: from ``localise``.
        detailed: write ``report.html`` and its figures.

    Returns:
        The object that ``metrics.json`` holds.

    Raises:
        ValueError: the split is empty, no image has probabilities, no AUROC can be computed, the thresholds are those
            of another model, or ``other`` shares no image with the split.
    """
    if table.empty:
        raise ValueError(f"The table has no images in the {split} split.")
    judged = np.isfinite(scores.probabilities).any(axis=1)
    if not judged.any():
        raise ValueError(f"None of the {len(table)} images has predictions; the first: {scores.problems[0].reason}")
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    write_problems(scores.problems, folder / "problems.csv")
    rows, probabilities = table[judged].reset_index(drop=True), scores.probabilities[judged]
    labels, patients = rows[list(LABELS)].to_numpy(dtype=float), patient_keys(rows).to_numpy()

    points = scores.operating_points
    level = _DEFAULT_THRESHOLD if threshold is None else threshold
    at_level = f"threshold {level:g}"
    decisions = {} if points is None or np.isnan(points).all() else {"operating points": points}
    lead = "operating points" if decisions and threshold is None else at_level
    decisions[at_level] = np.full(len(LABELS), level)
    chosen_on, rules = _chosen_thresholds(scores, labels, probabilities, split, thresholds_file, folder)
    decisions |= {rule: np.array([found[name] for name in LABELS], dtype=float) for rule, found in rules.items()}
    metrics = {
        "model": scores.model,
        "n_without_predictions": int((~judged).sum()),
        "n_patients_in_split": len(np.unique(patient_keys(table))),
        **evaluate(
            labels,
            probabilities,
            patients,
            thresholds=decisions[lead],
            split=split,
            further_thresholds=decisions,
            resamples=resamples,
        ),
        "decided_by": lead,
        "thresholds_chosen_on": chosen_on,
    }
    before = None if scores.uncalibrated is None else scores.uncalibrated[judged]
    metrics["calibration"] = calibration_figures(labels, probabilities, before=before)
    metrics["subgroups"] = subgroup_figures(rows, labels, probabilities, resamples=resamples)
    metrics["label_noise"] = _label_noise(rows, probabilities, patients, metrics, resamples)
    if other is not None:
        metrics["comparison"] = _comparison(rows, labels, probabilities, patients, other, resamples)
    _write_predictions(rows, probabilities, folder / "predictions.csv")
    _write_json(folder / "metrics.json", metrics)
    if localisation is not None:
        _write_json(folder / "localization.json", localisation)
    if detailed:
        write_report(metrics, labels, probabilities, folder, localisation=localisation, other=other_name)
    return metrics


def localise(table: pd.DataFrame, data_dirs: list[str], checkpoint: str | Path) -> dict[str, Any] | None:
    """The object of ``localization.json``, or None where no row of the table has a box in the data folders."""
    files = [path for folder in data_dirs if (path := Path(folder) / BOXES).is_file()]
    if not files or find_spec(_LOCALISATION) is None:
        return None
    boxes = pd.concat([load_boxes(path) for path in files], ignore_index=True)
    if not boxes["study_id"].isin(table["study_id"]).any():
        return None
    return import_module(_LOCALISATION).measure_localisation(table, boxes, Classifier(checkpoint))


def _write_json(path: Path, value: dict[str, Any]) -> None:
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def _chosen_thresholds(
    scores: Scores,
    labels: Array,
    probabilities: Array,
    split: str,
    thresholds_file: str | Path | None,
    folder: Path,
) -> tuple[dict[str, Any] | None, dict[str, dict[str, float | None]]]:
    """Where thresholds come from, and those of each rule: from validation images only, never from others."""
    if thresholds_file is not None:
        record = load_thresholds(thresholds_file, model=scores.digest)
        same = split == "val"
        return {"n_images": record["n_images"], "same_images": same}, {rule: record["rules"][rule] for rule in RULES}
    if split != "val":
        return None, {}
    chosen = choose_thresholds(labels, probabilities)
    save_thresholds(chosen, folder / "thresholds.json", model=scores.digest, n_images=len(labels))
    return {"n_images": len(labels), "same_images": True}, chosen


def _label_noise(
    rows: pd.DataFrame, probabilities: Array, patients: Any, metrics: dict[str, Any], resamples: int
) -> dict[str, Any]:
    adjudicated = load_adjudicated() if (rows["source"] == "nih").any() else None
    aurocs = {name: figures["auroc"] for name, figures in metrics["per_label"].items()}
    return {
        "sensitivity": noise_sensitivity(aurocs, metrics["macro_auroc"]),
        "mined_labels": None if adjudicated is None else mined_label_quality(adjudicated),
        "adjudicated": None
        if adjudicated is None
        else adjudicated_figures(rows, probabilities, patients, adjudicated, resamples=resamples),
    }


def _comparison(
    rows: pd.DataFrame, labels: Array, probabilities: Array, patients: Any, other: pd.DataFrame, resamples: int
) -> dict[str, Any]:
    theirs = other.reindex(rows["study_id"])
    both = theirs.notna().any(axis=1).to_numpy()
    if not both.any():
        raise ValueError("The predictions to compare with cover none of the images of this split.")
    return compare(labels[both], probabilities[both], theirs.to_numpy()[both], patients[both], resamples=resamples)


def _write_predictions(rows: pd.DataFrame, probabilities: Array, path: Path) -> None:
    names = rows["image_path"].map(lambda name: Path(name).name)
    table = pd.DataFrame({"Image Index": names, **dict(zip(LABELS, probabilities.T, strict=True))})
    # Nine digits tell any two probabilities in single precision apart.
    write_text(path, table.to_csv(index=False, float_format="%.9g"))
