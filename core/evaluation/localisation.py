"""Heatmaps against radiologists' boxes, by the protocol of Wang et al. (ChestX-ray8, CVPR 2017, section 4).

Fixed before anything was measured, and the same for every label:

- A heatmap in [0, 1] is brought to [0, 255] and cut at 60 and at 180, the paper's two thresholds. Each isolated region
  (pixels that touch by an edge) of either binary map gives one detected box, the smallest that covers it; equal boxes
  count once.
- IoBB is the area that a detected and a radiologist's box share, over the area of the *detected* box; IoU is that area
  over their union. A radiologist's box counts as found when some detected box has IoBB (or IoU) above the threshold T.
  Figures are shares of radiologists' boxes. IoBB forgives a box that is too small, and more boxes find more: read it
  with the false positives, the detected boxes that have IoBB above T with none of the image's boxes of that label.
- Pointing game (Zhang et al., ECCV 2016): the share of images whose heatmap peaks inside one of the label's boxes. The
  first of equal maxima counts, without the margin of 15 pixels that Zhang et al. allow. An empty heatmap misses.

Only labels and images that have a box count, whether or not the model calls the finding. Means give every label the
same weight. What the heatmap adds is what it has over two guesses that never look at the image: the *usual place*, a
map of how many of the label's boxes in other images cover each position, judged in every way like a heatmap; and the
*central box*, half as wide and half as high as the image.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from core.classifier import Classifier
from core.classifier.checkpoint import DIGEST
from core.datasets import EDGES, patient_keys
from core.evaluation.box_shares import BoxTally
from core.evaluation.detection import coverage, guess_from_box, guess_from_heatmap
from core.evaluation.errors import EvaluationError
from core.findings import LABELS
from core.imaging.reader import read_radiograph

_CENTRAL = guess_from_box(np.array([0.25, 0.25, 0.75, 0.75]))


def measure_localisation(
    table: pd.DataFrame, boxes: pd.DataFrame, classifier: Classifier, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Compare the heatmaps of a table's images with radiologists' boxes, as this module's text says.

    Args:
        table: as ``core.datasets`` returns it; rows without a box are passed over.
        boxes: as ``load_boxes`` returns them. Those of images outside the table give the usual places. Boxes of
            labels that the classifier does not know are passed over.
        resamples, seed: of the patient bootstrap.

    Returns:
        The object of ``localization.json``. ``iobb`` and ``iou`` hold for each threshold, and ``pointing_game`` holds,
        the share of each label that has boxes and their ``mean``; ``false_positives_per_image`` goes by IoBB threshold.
        ``ci95`` has the 95% intervals of the three shares, by Wilson for a label and by patient bootstrap for the mean.
        ``baselines`` has shares and false positives for ``usual_place`` (labels with boxes in other images only; a mean
        is None if one has none) and ``central_box``. ``per_label`` has ``n_boxes`` and ``n_images``, and
        ``checkpoint_sha256`` tells which checkpoint was measured.

    Raises:
        EvaluationError: no image of the table has a box of a label that the classifier knows.
    """
    boxes = boxes[boxes["label"].isin(classifier.config.label_names)]
    rows = table.assign(patient=patient_keys(table))
    rows = rows[rows["study_id"].isin(boxes["study_id"])]
    if rows.empty:
        raise EvaluationError("None of these images has a radiologist's box of a finding that the classifier knows.")
    elsewhere = boxes[~boxes["study_id"].isin(table["study_id"])]
    usual = {
        label: guess_from_heatmap(coverage(group[list(EDGES)].to_numpy()))
        for label, group in elsewhere.groupby("label")
    }
    of_image = {study: dict(iter(group.groupby("label"))) for study, group in boxes.groupby("study_id")}

    tallies = {name: BoxTally() for name in ("heatmap", "usual_place", "central_box")}
    columns = rows[["study_id", "image_path", "patient"]].itertuples(index=False)
    for study, path, patient in tqdm(columns, total=len(rows), desc="measuring heatmaps", unit="img", disable=None):
        heatmaps = classifier.predict(read_radiograph(Path(path).read_bytes())).heatmaps
        for label, group in of_image[study].items():
            truth = group[list(EDGES)].to_numpy()
            tallies["heatmap"].add(patient, label, guess_from_heatmap(heatmaps[LABELS.index(label)]), truth)
            tallies["central_box"].add(patient, label, _CENTRAL, truth)
            if label in usual:
                tallies["usual_place"].add(patient, label, usual[label], truth)

    measured = tallies["heatmap"]
    labels = measured.labels()
    n_boxes, n_images = measured.found()["label"].value_counts(), measured.seen()["label"].value_counts()
    return {
        "n_boxes": len(measured.found()),
        "n_images": len(rows),
        "n_patients": int(rows["patient"].nunique()),
        DIGEST: classifier.checkpoint_sha256,
        **measured.shares(labels),
        "false_positives_per_image": measured.false_positives(labels),
        "ci95": measured.intervals(labels, resamples, np.random.default_rng(seed)),
        "per_label": {label: {"n_boxes": int(n_boxes[label]), "n_images": int(n_images[label])} for label in labels},
        "baselines": {
            name: tallies[name].shares(labels) | {"false_positives_per_image": tallies[name].false_positives(labels)}
            for name in ("usual_place", "central_box")
        },
    }
