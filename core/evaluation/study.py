"""Evaluate a checkpoint, or stored predictions, on one split of a table and write the results."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.atomic import write_text
from core.classifier import Classifier, load_config
from core.classifier.call_figures import figures_of_calls, figures_of_chance
from core.classifier.policies import Calls
from core.datasets import load_adjudicated, load_boxes, of_images, patient_keys, write_problems
from core.evaluation.abnormality import abnormal_figures
from core.evaluation.bootstrap import RESAMPLES
from core.evaluation.calibration_error import calibration_figures
from core.evaluation.comparison import compare
from core.evaluation.decisions import decision_figures
from core.evaluation.errors import EvaluationError
from core.evaluation.label_noise import adjudicated_figures, mined_label_quality, noise_sensitivity
from core.evaluation.localisation import measure_localisation
from core.evaluation.metrics import evaluate
from core.evaluation.page import write_report
from core.evaluation.ranking import Array
from core.evaluation.scores import Scores
from core.evaluation.subgroups import subgroup_figures
from core.evaluation.thresholds import RULES, choose_thresholds, load_thresholds, save_thresholds
from core.findings import LABELS
from core.settings import DEFAULT_POLICY

BOXES = "BBox_List_2017.csv"
_DEFAULT_THRESHOLD = 0.5


def run_evaluation(
    table: pd.DataFrame,
    scores: Scores,
    output_dir: str | Path,
    *,
    split: str,
    policy: str = DEFAULT_POLICY,
    threshold: float | None = None,
    thresholds_file: str | Path | None = None,
    others: Mapping[str, pd.DataFrame] | None = None,
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
        policy: of the model, whose calls lead the figures.
        threshold: one threshold for all labels instead, or None.
        thresholds_file: ``thresholds.json`` of an evaluation of the same model's validation images.
        others: predictions of other models on some of the images, as ``load_predictions`` returns them, by name.
        localisation: from ``localise``.
        detailed: write ``report.html`` and its figures.

    Returns:
        The object that ``metrics.json`` holds.

    Raises:
        EvaluationError: the split is empty, the model lacks the policy, no image has probabilities, no AUROC can be
            computed, the thresholds are those of another model, or one of ``others`` shares no image with the split.
    """
    if table.empty:
        raise EvaluationError(f"The table has no images in the {split} split.")
    judged = scores.judged
    if not judged.any():
        raise EvaluationError(
            f"None of the {len(table)} images has predictions; the first: {scores.problems[0].reason}"
        )
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    write_problems(scores.problems, folder / "problems.csv")
    rows, probabilities = table[judged].reset_index(drop=True), scores.probabilities[judged]
    labels, patients = rows[list(LABELS)].to_numpy(dtype=float), patient_keys(rows).to_numpy()

    abnormal = None if scores.abnormal is None else scores.abnormal[judged]
    calls = {one.name: one.calls(probabilities, abnormal) for one in scores.policies}
    if policy not in calls:
        raise EvaluationError(f"{scores.model} has no policy {policy!r}; choose one of: {', '.join(calls)}.")
    level = _DEFAULT_THRESHOLD if threshold is None else threshold
    at_level = f"threshold {level:g}"
    chosen_on, rules = _chosen_thresholds(scores, labels, probabilities, split, thresholds_file, folder)
    ways: dict[str, tuple[Array, Calls | None]] = {
        f"policy {one.name}": (one.thresholds("possible_threshold"), calls[one.name]) for one in scores.policies
    }
    ways[at_level] = (np.full(len(LABELS), level), None)
    ways |= {rule: (np.array([found[name] for name in LABELS], dtype=float), None) for rule, found in rules.items()}
    lead = f"policy {policy}" if threshold is None else at_level
    thresholds, made = ways[lead]
    metrics = {
        "model": scores.model,
        "n_without_predictions": int((~judged).sum()),
        "n_patients_in_split": len(np.unique(patient_keys(table))),
        **evaluate(
            labels,
            probabilities,
            patients,
            thresholds=thresholds,
            called=None if made is None else made.called,
            split=split,
            resamples=resamples,
        ),
        "decisions": {
            name: decision_figures(
                labels,
                probabilities,
                patients,
                least,
                called=None if chosen is None else chosen.called,
                resamples=resamples,
            )
            for name, (least, chosen) in ways.items()
        },
        "decided_by": lead,
        "policy": policy,
        "policies": {
            one.name: {
                "chosen_for": one.chosen_for,
                "abnormal_threshold": one.abnormal_threshold,
                **figures_of_calls(labels, calls[one.name], patients, resamples=resamples),
            }
            for one in scores.policies
        },
        "calls_of_chance": figures_of_chance(labels),
        "abnormal": abnormal_figures(labels, probabilities, abnormal, patients),
        "thresholds_chosen_on": chosen_on,
    }
    before = None if scores.uncalibrated is None else scores.uncalibrated[judged]
    metrics["calibration"] = calibration_figures(labels, probabilities, before=before)
    metrics["subgroups"] = subgroup_figures(rows, labels, probabilities, resamples=resamples)
    metrics["label_noise"] = _label_noise(rows, probabilities, patients, metrics, resamples)
    metrics["comparisons"] = {
        name: _comparison(name, rows, labels, probabilities, patients, other, resamples)
        for name, other in (others or {}).items()
    }
    _write_predictions(rows, probabilities, folder / "predictions.csv")
    _write_json(folder / "metrics.json", metrics)
    if localisation is not None:
        _write_json(folder / "localization.json", localisation)
    if detailed:
        write_report(metrics, labels, probabilities, folder, localisation=localisation)
    return metrics


def localise(table: pd.DataFrame, data_dirs: list[str], checkpoint: str | Path) -> dict[str, Any] | None:
    """The object of ``localization.json``, or None where no row of the table has a box in the data folders.

    A box of a finding that the checkpoint does not know is none.
    """
    files = [path for folder in data_dirs if (path := Path(folder) / BOXES).is_file()]
    if not files:
        return None
    boxes = pd.concat([load_boxes(path) for path in files], ignore_index=True)
    known = boxes["label"].isin(load_config(checkpoint).label_names)
    if not boxes.loc[known, "study_id"].isin(table["study_id"]).any():
        return None
    return measure_localisation(table, boxes, Classifier(checkpoint))


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
    name: str,
    rows: pd.DataFrame,
    labels: Array,
    probabilities: Array,
    patients: Any,
    other: pd.DataFrame,
    resamples: int,
) -> dict[str, Any]:
    theirs = of_images(other, rows, name=name)
    both = theirs.notna().any(axis=1).to_numpy()
    if not both.any():
        raise EvaluationError(f"The predictions of {name} cover none of the images of this split.")
    return compare(labels[both], probabilities[both], theirs.to_numpy()[both], patients[both], resamples=resamples)


def _write_predictions(rows: pd.DataFrame, probabilities: Array, path: Path) -> None:
    names = rows["image_path"].map(lambda name: Path(name).name)
    table = pd.DataFrame({"Image Index": names, **dict(zip(LABELS, probabilities.T, strict=True))})
    # Nine digits tell any two probabilities in single precision apart.
    write_text(path, table.to_csv(index=False, float_format="%.9g"))
