"""A folder of radiographs to show: any files, or one of the layouts that carry labels, boxes or reports beside them."""

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from core.datasets.boxes import EDGES, load_boxes
from core.datasets.sources import load_csv, load_nih, load_openi
from core.datasets.sources.nih import ENTRY_FILES
from core.datasets.sources.openi_reports import KAGGLE_REPORTS, REPORT_ARCHIVE
from core.datasets.table import DatasetError
from core.findings import LABELS

log = logging.getLogger(__name__)

_BOXES = "BBox_List_2017.csv"
# DICOM files often have no suffix at all, or a number as the last part of a UID.
_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima", ".png", ".jpg", ".jpeg", ""})
_SOURCE = {
    "nih": "NIH ChestX-ray14: labels mined from the radiologist's report, boxes drawn by radiologists",
    "openi": "Open-i (Indiana University): the radiologist's report, labels from its MeSH coding",
}


@dataclass(frozen=True)
class Box:
    """A finding's place; edges are fractions of the image's width and height, from its left and top."""

    finding: str
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Sample:
    """One radiograph and what its collection says of it.

    Attributes:
        id: the same for the same place within the same folder; tells nothing of where that is.
        name: file name.
        path: with every link followed, inside the folder.
        labels: findings that the collection calls present; None where it labels nothing.
        boxes: where they are, as far as that was marked.
        report_findings, report_impression: the radiologist's text, None where there is none.
        source: where labels, boxes and report come from; None where there are none of them.
    """

    id: str
    name: str
    path: Path
    labels: tuple[str, ...] | None = None
    boxes: tuple[Box, ...] = ()
    report_findings: str | None = None
    report_impression: str | None = None
    source: str | None = None


def load_samples(folder: str | Path) -> tuple[Sample, ...]:
    """Find the radiographs of a folder, by the first of these layouts that it has.

    NIH ChestX-ray14 (its ``Data_Entry`` table, with ``BBox_List_2017.csv`` where that is there), a ``table.csv`` with a
    column of image paths, Open-i (reports as XML or as the Kaggle tables), or else all DICOM, PNG and JPEG files.

    Returns:
        In the order of the table, or of the paths. Files that lie outside the folder are left out, also those that a
        table names or a link points to.

    Raises:
        DatasetError: there is no such folder, a table in it is broken, or it holds no radiograph.
    """
    root = Path(os.path.realpath(folder))
    if not root.is_dir():
        raise DatasetError(f"There is no folder {folder}: give a folder of DICOM, PNG or JPEG files as --samples.")
    layout = next(read for has, read in _LAYOUTS if has(root))
    real = [replace(sample, path=Path(os.path.realpath(sample.path))) for sample in layout(root)]
    inside = tuple(sample for sample in real if root in sample.path.parents)
    if outside := len(real) - len(inside):
        log.warning("%d samples were left out: their files lie outside the folder of samples", outside)
    if not inside:
        raise DatasetError(
            f"No radiograph was found in {folder}: give a folder of DICOM, PNG or JPEG files as --samples."
        )
    return inside


def _nih(root: Path) -> list[Sample]:
    collection = load_nih(root)
    boxes: dict[str, list[Box]] = {}
    if (root / _BOXES).is_file():
        table = load_boxes(root / _BOXES)
        for stem, label, *edges in table[["study_id", "label", *EDGES]].itertuples(index=False, name=None):
            boxes.setdefault(stem, []).append(Box(label, *map(float, edges)))
    return _from_table(collection.table, root, lambda _: _SOURCE["nih"], boxes)


def _csv(root: Path) -> list[Sample]:
    return _from_table(
        load_csv(root / "table.csv").table, root, lambda source: _SOURCE.get(source, f"table.csv ({source})")
    )


def _openi(root: Path) -> list[Sample]:
    return _from_table(load_openi(root).table, root, lambda _: _SOURCE["openi"])


def _from_table(
    table: pd.DataFrame, root: Path, source: Callable[[str], str], boxes: dict[str, list[Box]] | None = None
) -> list[Sample]:
    labels = table[list(LABELS)].to_numpy(dtype=float)
    known = ~pd.isna(labels).all(axis=1)
    samples = []
    columns = ["image_path", "source", "study_id", "report_findings", "report_impression"]
    for row, (path, origin, study, findings, impression) in enumerate(
        table[columns].itertuples(index=False, name=None)
    ):
        named = tuple(label for label, value in zip(LABELS, labels[row], strict=True) if value == 1)
        drawn = tuple((boxes or {}).get(study, ()))
        samples.append(
            Sample(
                id=_id(path, root),
                name=os.path.basename(path),
                path=Path(path),
                labels=named if known[row] else None,
                boxes=drawn,
                report_findings=findings,
                report_impression=impression,
                source=source(origin) if known[row] or drawn or findings or impression else None,
            )
        )
    return samples


def _files(root: Path) -> list[Sample]:
    samples = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            suffix = os.path.splitext(name)[1].lower()
            if not name.startswith(".") and name != "DICOMDIR" and (suffix in _SUFFIXES or suffix[1:].isdigit()):
                path = os.path.join(folder, name)
                samples.append(Sample(id=_id(path, root), name=name, path=Path(path)))
    return samples


def _id(path: str, root: Path) -> str:
    place = f"{root}\0{os.path.relpath(path, root)}"
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _has_images_table(root: Path) -> bool:
    path = root / "table.csv"
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        header = file.readline().lower().replace(";", ",")
    named = {cell.strip().strip('"\ufeff').replace(" ", "_") for cell in header.split(",")}
    if not named & {"path", "image_path"}:
        log.warning("table.csv in the folder of samples names no images (no column 'path') and is not used")
        return False
    return True


def _has_openi_reports(root: Path) -> bool:
    return (
        (root / REPORT_ARCHIVE).is_file()
        or (root / KAGGLE_REPORTS).is_file()
        or (root / "ecgen-radiology").is_dir()
        or any(name.endswith(".xml") for name in os.listdir(root))
    )


_LAYOUTS: tuple[tuple[Callable[[Path], bool], Callable[[Path], list[Sample]]], ...] = (
    (lambda root: any((root / name).is_file() for name in ENTRY_FILES), _nih),
    (_has_images_table, _csv),
    (_has_openi_reports, _openi),
    (lambda _: True, _files),
)
