"""NIH ChestX-ray14 in its official layout, and resized copies of it (Wang et al., CVPR 2017)."""

from pathlib import Path

import pandas as pd

from core.datasets.splits import assign_splits
from core.findings import LABELS

ENTRY_FILES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


class DatasetError(ValueError):
    """A data folder is not as it should be; the message says what was expected and what to do."""


def load_nih(
    data_dir: str | Path, *, val_fraction: float = 0.15, seed: int = 0, official_test: bool = True
) -> pd.DataFrame:
    """Read the NIH tables and find the images.

    Images may lie flat in ``images/`` or in ``images_001/images/`` and so on; they are matched by stem, because
    resized copies change the suffix. Rows whose image is not there are dropped.

    Args:
        data_dir: folder that holds the ``Data_Entry`` table.
        val_fraction: share of the training patients that go to validation, in (0, 1).
        seed: seed of the division into training and validation.
        official_test: honour ``test_list.txt`` as the test split. It must exist then.

    Returns:
        A table with ``image_path, source, patient_id, study_id, view, age, sex, split`` (train, val, test), the 14
        labels as 0.0 or 1.0, and ``original_px``: the longest side in pixels of the file that the copy was made
        from, NaN where no ``sources.csv`` tells.

    Raises:
        DatasetError: a table, list or folder is missing, or no image could be found.
    """
    root = Path(data_dir)
    entry = next((root / name for name in ENTRY_FILES if (root / name).is_file()), None)
    if entry is None:
        raise DatasetError(
            f"No {ENTRY_FILES[0]} in {root}: give the folder that holds the NIH tables and images as --data_dir."
        )
    # The header's brackets contain commas, so two columns have split names; only the first seven are read.
    raw = pd.read_csv(entry, usecols=range(7), dtype={"Patient ID": str})
    wanted = {"Image Index", "Finding Labels", "Patient ID", "Patient Age", "Patient Gender", "View Position"}
    if missing := wanted - set(raw.columns):
        raise DatasetError(f"{entry.name} lacks the column {sorted(missing)[0]!r}: use the table as NIH publishes it.")

    images = _find_images(root)
    stems = raw["Image Index"].map(lambda name: Path(name).stem)
    findings = raw["Finding Labels"].str.split("|").map(set)
    table = pd.DataFrame(
        {
            "image_path": stems.map(images),
            "source": "nih",
            "patient_id": raw["Patient ID"],
            "study_id": stems,
            "view": raw["View Position"],
            "age": pd.to_numeric(raw["Patient Age"], errors="coerce"),
            "sex": raw["Patient Gender"],
            **{label: findings.map(lambda present, label=label: float(label in present)) for label in LABELS},
        }
    )
    table["original_px"] = stems.map(_original_sizes(root))
    table = table[table["image_path"].notna()].reset_index(drop=True)
    if table.empty:
        raise DatasetError(f"None of the {len(raw)} images named in {entry.name} was found under {root}/images.")

    table["split"] = ""
    if official_test:
        test_list = root / "test_list.txt"
        if not test_list.is_file():
            raise DatasetError(f"No test_list.txt in {root}: download it from the NIH site next to the tables.")
        test_stems = {Path(name).stem for name in test_list.read_text().split()}
        table.loc[table["study_id"].isin(test_stems), "split"] = "test"
    rest = table["split"] == ""
    table.loc[rest, "split"] = assign_splits(
        table[rest], fractions={"train": 1 - val_fraction, "val": val_fraction}, seed=seed
    )
    return table


def _find_images(root: Path) -> dict[str, str]:
    """Map image stems to paths for both folder schemes."""
    folders = [root / "images", *sorted(root.glob("images_*/images"))]
    return {
        path.stem: str(path)
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
    }


def _original_sizes(root: Path) -> dict[str, int]:
    """Longest side of the file each copy was made from, for collections that record it in ``sources.csv``."""
    path = root / "sources.csv"
    if not path.is_file():
        return {}
    sources = pd.read_csv(path)
    longest = sources[["source_width", "source_height"]].max(axis=1)
    return dict(zip(sources["Image Index"].map(lambda name: Path(name).stem), longest, strict=True))
