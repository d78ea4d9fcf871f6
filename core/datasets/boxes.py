"""Radiologists' boxes around findings, as NIH publishes them (Wang et al., CVPR 2017)."""

from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.table import DatasetError, require_columns
from core.findings import LABELS

# Box coordinates are pixels of the published images, all of which are squares of this side.
PUBLISHED_SIDE = 1024
EDGES = ("left", "top", "right", "bottom")
_SPELLINGS = {"Infiltrate": "Infiltration"}


def load_boxes(path: str | Path) -> pd.DataFrame:
    """Read ``BBox_List_2017.csv``.

    Its header splits ``Bbox [x,y,w,h]`` at the commas: the four columns after ``Finding Label`` are the corner nearest
    to the origin, width and height, in pixels of the 1024-pixel image.

    Returns:
        ``study_id`` (the image's stem), ``label``, and ``left, top, right, bottom`` as fractions of the image's side.

    Raises:
        DatasetError: the file is missing, is another table, names a label that is none of the 14, or gives a box
            without extent or outside the image.
    """
    if not Path(path).is_file():
        raise DatasetError(f"There is no file {path} with boxes; NIH calls it BBox_List_2017.csv.")
    raw = pd.read_csv(path)
    require_columns(
        raw.columns,
        ("Image Index", "Finding Label"),
        file=Path(path),
        hint="use BBox_List_2017.csv as NIH publishes it.",
    )
    labels = raw["Finding Label"].replace(_SPELLINGS)
    if unknown := sorted(set(labels) - set(LABELS)):
        raise DatasetError(f"{path} names the label {unknown[0]!r}, which is not one of the 14 findings.")
    corner_and_size = raw.iloc[:, 2:6].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    if corner_and_size.shape[1] != 4 or not np.isfinite(corner_and_size).all():
        raise DatasetError(f"{path} needs four numbers for each box, x, y, width and height, after its label.")
    x, y, width, height = corner_and_size.T / PUBLISHED_SIDE
    edges = np.stack([x, y, x + width, y + height], axis=1)
    wrong = (width <= 0) | (height <= 0) | (edges < -0.01).any(axis=1) | (edges > 1.01).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DatasetError(
            f"The box in line {row + 2} of {path} has no extent or leaves the image of {PUBLISHED_SIDE} pixels."
        )
    boxes = pd.DataFrame(edges.clip(0, 1), columns=list(EDGES))
    boxes.insert(0, "label", labels)
    boxes.insert(0, "study_id", raw["Image Index"].map(lambda name: Path(name).stem))
    return boxes
