"""What a checkpoint decides by, chosen anew on the images that validated it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from core.classifier.call_figures import STUDY_FIGURES
from core.classifier.checkpoint import CheckpointError, save_config
from core.classifier.choosing import decide
from core.classifier.errors import ClassifierError
from core.classifier.prediction import Classifier
from core.datasets import patient_keys
from core.imaging.reader import read_radiograph


def decide_anew(folder: str | Path, table: pd.DataFrame, data_settings: dict[str, Any]) -> dict[str, Any]:
    """Write calibration, model of abnormality and policies into a checkpoint's ``config.json``.

    Args:
        folder: of the checkpoint.
        table: as returned by ``core.datasets``, with the checkpoint's validation images. Of one that was imported they
            are the table's val split, and the checkpoint remembers them.
        data_settings: how the table was made; remembered with them, so that ``evaluate.py`` makes the same split.

    Returns:
        How they were chosen, and their figures: what ``provenance`` holds as ``decisions``.

    Raises:
        CheckpointError: the folder holds no usable checkpoint, or it does not say which images validated it.
        ClassifierError: the table lacks some of these images, or has no val split for one that was imported.
    """
    classifier = Classifier(folder)
    config = classifier.config
    provenance = config.provenance
    if "imported_from" in provenance and not provenance["validation_studies"]:
        chosen = table[table["split"] == "val"]
        if chosen.empty:
            raise ClassifierError(f"The data has no image in its val split, on which {folder} could be calibrated.")
        provenance = provenance | {
            "data": data_settings,
            "validation_studies": sorted(chosen["study_id"]),
            "validation_patients": sorted(patient_keys(chosen).unique()),
        }
    studies = provenance.get("validation_studies")
    if not studies:
        raise CheckpointError(
            f"{folder} does not say which images validated it, so that nothing can be chosen on them."
        )
    rows = table[table["study_id"].isin(studies)].reset_index(drop=True)
    if len(rows) < len(studies):
        raise ClassifierError(
            f"The data has {len(rows)} of the {len(studies)} validation images of {folder}: give the --dataset and "
            "--data_dir that it was trained with."
        )
    paths = tqdm(rows["image_path"], desc="judging validation images", unit="img", disable=None)
    logits = np.stack([classifier.logits(read_radiograph(Path(path).read_bytes())) for path in paths])
    labels = rows[list(config.label_names)].to_numpy(dtype=np.float32)
    decisions = decide(logits, labels, patient_keys(rows).to_numpy(), config.label_names)
    save_config(
        folder,
        replace(
            config,
            calibration=decisions.calibration,
            abnormal=decisions.abnormal,
            policies=decisions.policies,
            provenance=provenance | {"decisions": decisions.record},
        ),
    )
    return decisions.record


def decisions_in_words(record: dict[str, Any]) -> str:
    """The record of ``decide`` as a table for people: a row a figure, a column a policy, and chance."""
    names = list(record["policies"])
    chance = record["baselines"]["chance at the prevalence"]
    lines = [
        f"Cross-fitted on {record['n_images']:,} images of {record['n_patients']:,} patients, with 95% intervals from "
        f"{record['resamples']:,} resamples of the patients.",
        "",
        f"| | {' | '.join(names)} | chance |",
        f"|---|{'---|' * (len(names) + 1)}",
    ]
    for name, words in STUDY_FIGURES.items():
        cells = [_cell(record["policies"][policy][name]) for policy in names]
        lines.append(f"| {words} | {' | '.join(cells)} | {chance[name]:.2f} |")
    if record["abnormal"]:
        aurocs = record["abnormal"]["auroc"]
        shown = "; ".join(f"{kind} {_cell(figure, 3)}" for kind, figure in aurocs.items())
        lines += ["", f"Abnormal or normal, AUROC: {shown}; kept: {record['abnormal']['kept']}."]
    return "\n".join(lines)


def _cell(figure: dict[str, Any], digits: int = 2) -> str:
    if figure["value"] is None:
        return "-"
    value = f"{figure['value']:.{digits}f}"
    ends = figure["ci95"]
    return value if ends is None else f"{value} ({ends[0]:.{digits}f}-{ends[1]:.{digits}f})"
