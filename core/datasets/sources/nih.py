"""NIH ChestX-ray14 in its official layout, and resized copies of it (Wang et al., CVPR 2017)."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.sources.harmonise import OLDEST, sex, view_position
from core.datasets.table import Collection, DatasetError, Problem, complete, require_columns, require_folder
from core.findings import LABELS

ENTRY_FILES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
_WANTED = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender", "View Position")
_NO_FINDING = "No Finding"


def load_nih(data_dir: str | Path) -> Collection:
    """Read the NIH tables and find the images.

    Images may lie flat in ``images/`` or in ``images_001/images/`` and so on; they are matched by stem, because
    resized copies change the suffix.

    Args:
        data_dir: folder that holds the ``Data_Entry`` table, and ``test_list.txt`` where the official test images are
            to be known as such.

    Returns:
        All 14 labels as 0.0 or 1.0; ``split`` is ``test`` for the images of ``test_list.txt`` and empty elsewhere.
        The further column ``original_px`` is the longest side in pixels of the file that the copy was made from, NaN
        where no ``sources.csv`` tells.

    Raises:
        DatasetError: a table or folder is missing, a column is, or no image could be found.
    """
    root = require_folder(data_dir)
    entry = next((root / name for name in ENTRY_FILES if (root / name).is_file()), None)
    if entry is None:
        raise DatasetError(
            f"No {ENTRY_FILES[0]} in {root}: give the folder that holds the NIH tables and images as --data_dir."
        )
    # The header's brackets contain commas, so two columns have split names; only those that are needed are read.
    header = pd.read_csv(entry, nrows=0).columns
    require_columns(header, _WANTED, file=entry, hint="use the table as NIH publishes it.")
    raw = pd.read_csv(entry, usecols=list(_WANTED), dtype=str, keep_default_na=False)

    problems: list[Problem] = []
    stems = raw["Image Index"].map(lambda name: os.path.splitext(name)[0])
    paths = stems.map(_find_images(root))
    labels, unknown = _labels(raw["Finding Labels"])
    ages = pd.to_numeric(raw["Patient Age"].str.rstrip("Yy"), errors="coerce")
    implausible = ages > OLDEST
    repeated = stems.duplicated()
    missing = paths.isna()
    for rows, reason in (
        (repeated, "stands in the table twice; the first row was kept"),
        (missing & ~repeated, "is named in the table, but its image was not found"),
        (unknown & ~missing & ~repeated, "carries a label that is not one of the 14 or No Finding; it was left out"),
        (implausible & ~missing & ~repeated & ~unknown, "is of a patient aged over 120; the age was left empty"),
    ):
        problems += [Problem(name, f"{name} {reason}.") for name in raw["Image Index"][rows]]

    table = complete(
        pd.DataFrame(
            {
                "image_path": paths,
                "source": "nih",
                "patient_id": raw["Patient ID"],
                "study_id": stems,
                "view": raw["View Position"].map(_once(raw["View Position"], view_position)),
                "age": ages.mask(implausible),
                "sex": raw["Patient Gender"].map(_once(raw["Patient Gender"], sex)),
                "original_px": stems.map(_original_sizes(root)),
                **dict(zip(LABELS, labels.T, strict=True)),
            }
        )[~(repeated | missing | unknown)]
    )
    if table.empty:
        raise DatasetError(
            f"None of the {len(raw)} images named in {entry.name} was found in {root}: "
            "put them into images/ or images_001/images/ to images_012/images/."
        )
    notes = [f"{missing.sum()} of {len(raw)} images of {entry.name} were not found."] if missing.any() else []
    test_list = root / "test_list.txt"
    if test_list.is_file():
        test = {os.path.splitext(name)[0] for name in test_list.read_text().split()}
        table["split"] = np.where(table["study_id"].isin(test), "test", "")
    else:
        notes.append(f"There is no test_list.txt in {root}, so the official test images are not kept apart.")
    return Collection(table, tuple(problems), tuple(notes))


def _labels(texts: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Label matrix (N, 14) of 0.0 and 1.0, and which rows name something else."""
    codes, combinations = pd.factorize(texts)
    matrix = np.zeros((len(combinations), len(LABELS)), dtype=np.float32)
    strange = np.zeros(len(combinations), dtype=bool)
    for row, combination in enumerate(combinations):
        named = {name.strip() for name in combination.split("|")}
        matrix[row] = [label in named for label in LABELS]
        strange[row] = bool(named - {*LABELS, _NO_FINDING})
    return matrix[codes], pd.Series(strange[codes], index=texts.index)


def _once(values: pd.Series, rule: Callable[[object], str | None]) -> dict[str, str | None]:
    """The rule's answer for each distinct value; a column of 100,000 rows has three of them."""
    return {value: rule(value) for value in values.unique()}


def _find_images(root: Path) -> dict[str, str]:
    """Map image stems to paths for both folder schemes."""
    images = {}
    for folder in (root / "images", *sorted(root.glob("images_*/images"))):
        if folder.is_dir():
            for name in os.listdir(folder):
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in IMAGE_SUFFIXES:
                    images[stem] = os.path.join(folder, name)
    return images


def _original_sizes(root: Path) -> dict[str, int]:
    """Longest side of the file each copy was made from, for collections that record it in ``sources.csv``."""
    path = root / "sources.csv"
    if not path.is_file():
        return {}
    sources = pd.read_csv(path)
    require_columns(
        sources.columns,
        ("Image Index", "source_width", "source_height"),
        file=path,
        hint="it must tell each image's original size.",
    )
    longest = sources[["source_width", "source_height"]].max(axis=1)
    return dict(zip(sources["Image Index"].map(lambda name: os.path.splitext(name)[0]), longest, strict=True))
