"""The learning curve: validation AUROC against the number of training images, and what a doubling brings.

Every point is trained alike: the same epochs of the same number of steps, so that a smaller share is seen more often
rather than shorter. Shares are nested and drawn by patient, and all points are judged on the same validation images.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from core.atomic import write_json
from core.classifier import Classifier
from core.classifier.training import TrainingInputs, train
from core.datasets import patient_keys
from core.evaluation.bootstrap import bootstrap, interval
from core.evaluation.errors import EvaluationError
from core.evaluation.prediction import predict_probabilities
from core.evaluation.ranking import auroc_per_label, macro
from core.findings import LABELS


def learning_curve(inputs: TrainingInputs, output_dir: str | Path, shares: list[float]) -> dict[str, Any]:
    """Train once for each share, and write ``learning_curve.json`` and ``learning_curve.png``.

    A point that was trained before is not trained again; one that was stopped goes on.

    Args:
        inputs: as for a training on all images.
        output_dir: also receives the run of each share.
        shares: of the training images, each in (0, 1].

    Returns:
        The object of ``learning_curve.json``: ``points`` with ``share``, ``n_images``, ``n_patients``, ``macro_auroc``
        and its interval; ``gain_per_doubling`` of the macro AUROC with its interval; ``n_validation_images``.

    Raises:
        EvaluationError: a share is out of range, there are fewer than two, or no label can be judged.
    """
    wanted = sorted(set(shares))
    if len(wanted) < 2 or not 0 < wanted[0] <= wanted[-1] <= 1:
        raise EvaluationError("--shares needs two or more different numbers above 0 and at most 1.")
    table = inputs.table
    training, validation = table[table["split"] == "train"], table[table["split"] == "val"]
    labels = validation[list(LABELS)].to_numpy(dtype=float)
    folder = Path(output_dir)
    scores: list[np.ndarray] = []
    points: list[dict[str, Any]] = []
    for share in wanted:
        part = subset(training, share, seed=inputs.settings.seed)
        again = int(np.ceil(len(training) / len(part)))
        rows = pd.concat([part] * again).iloc[: len(training)]
        checkpoint = train(
            pd.concat([rows, validation]),
            folder / f"share-{share:g}",
            inputs.settings,
            data_settings=inputs.data_settings | {"training_share": share},
            teacher=inputs.teacher,
            boxes=inputs.boxes,
        )
        scores.append(predict_probabilities(validation, Classifier(checkpoint)))
        points.append({"share": share, "n_images": len(part), "n_patients": int(patient_keys(part).nunique())})
    aurocs = [auroc_per_label(labels, score) for score in scores]
    used = np.isfinite(aurocs).all(axis=0)
    if not used.any():
        raise EvaluationError("No label has both positives and negatives among the validation images.")
    resampled = macro(bootstrap(labels, scores, patient_keys(validation).to_numpy())[:, :, used])
    doublings = np.log2([point["n_images"] for point in points])
    for point, values, resamples in zip(points, aurocs, resampled, strict=True):
        point |= {"macro_auroc": float(values[used].mean()), "macro_auroc_ci95": interval(resamples)}
    # Of the same resampled patients at every point, so that what is hard about them cancels out.
    slopes = np.array([_slope(doublings, column) for column in resampled.T if np.isfinite(column).all()])
    curve = {
        "n_validation_images": len(validation),
        "n_labels_used": int(used.sum()),
        "points": points,
        "gain_per_doubling": {
            "macro_auroc": _slope(doublings, np.array([point["macro_auroc"] for point in points])),
            "ci95": interval(slopes),
        },
    }
    write_json(folder / "learning_curve.json", curve, indent=2)
    _draw(curve, folder / "learning_curve.png")
    return curve


def subset(training: pd.DataFrame, share: float, *, seed: int) -> pd.DataFrame:
    """The images of the first patients, in an order drawn from the seed, that make up at least a share of all."""
    keys = patient_keys(training)
    order = pd.Series(np.random.default_rng(seed).permutation(np.sort(keys.unique())))
    counts = keys.value_counts().reindex(order).cumsum()
    kept = order[: int((counts < share * len(training)).sum()) + 1]
    return training[keys.isin(kept)]


def in_words(curve: dict[str, Any]) -> str:
    """The curve as lines of text."""
    lines = ["images  patients  macro AUROC"]
    for point in curve["points"]:
        low, high = point["macro_auroc_ci95"]
        figures = f"{point['macro_auroc']:.3f} [{low:.3f}, {high:.3f}]"
        lines.append(f"{point['n_images']:6d}  {point['n_patients']:8d}  {figures}")
    gain, (low, high) = curve["gain_per_doubling"]["macro_auroc"], curve["gain_per_doubling"]["ci95"]
    lines.append(f"each doubling of the images brought {gain:+.3f} [{low:+.3f}, {high:+.3f}]")
    return "\n".join(lines)


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.polyfit(x, y, 1)[0])


def _draw(curve: dict[str, Any], path: Path) -> None:
    points = curve["points"]
    counts = [point["n_images"] for point in points]
    middle = np.array([point["macro_auroc"] for point in points])
    edges = np.array([point["macro_auroc_ci95"] for point in points]).T
    figure = Figure(figsize=(6, 4), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.errorbar(counts, middle, yerr=np.abs(edges - middle), marker="o", capsize=3, color="#0072B2")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("training images")
    axes.set_ylabel("validation macro AUROC, 95% interval")
    axes.grid(alpha=0.3)
    figure.savefig(path)
