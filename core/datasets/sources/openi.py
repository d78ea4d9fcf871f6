"""The Indiana University chest X-rays with reports and human MeSH coding (Open-i), with or without their images."""

import json
import os
import re
from pathlib import Path

import pandas as pd

from core.datasets.sources.files import read_rows
from core.datasets.sources.openi_parquet import FRONTAL_FOLDER, parquet_files, unpack_frontal_images
from core.datasets.sources.openi_parquet import read_rows as read_parquet_rows
from core.datasets.sources.openi_reports import (
    KAGGLE_PROJECTIONS,
    KAGGLE_REPORTS,
    REPORT_ARCHIVE,
    mesh_labels,
    packaged_views,
    read_kaggle_reports,
    read_openi_reports,
    tabled_reports,
)
from core.datasets.table import Collection, DatasetError, Problem, complete, require_columns, require_folder
from core.findings import LABELS

__all__ = ["load_openi", "read_openi_reports"]

SPLIT_FILES = ("r2gen_split.csv", "annotation.json")
_SPLITS = {"train": "train", "val": "val", "test": "test"}


def load_openi(
    data_dir: str | Path | None = None,
    *,
    images: bool = True,
    r2gen_split: str | Path | None = None,
    guess_views: bool = False,
) -> Collection:
    """Read the reports and find the frontal images.

    Reports are XML files in the folder or in ``NLMCXR_reports.tgz``, ``indiana_reports.csv`` of the Kaggle copy, or the
    Parquet files of the Hugging Face copy (``ykumards/open-i``), whose frontal images are unpacked to ``frontal``;
    a folder with images only takes them from the installed ``torchxrayvision`` package. Images are PNG files anywhere
    below the folder, named as in the reports (``CXR1_1_IM-0001-3001.png``) or as on Kaggle
    (``1_IM-0001-3001.dcm.png``).

    The reports do not say which image is frontal. ``indiana_projections.csv`` does for every image where it is in
    the folder, but not whether it is PA or AP (``view`` is None then); the list of the ``torchxrayvision`` package
    does for one image per report: 3,267 frontal and 584 lateral. The view in the DICOM headers is not used: it says
    PA or AP for 198 of those laterals. Images of unknown view are left out.

    Args:
        data_dir: the folder; None for the reports of the installed package, which have no images.
        images: False for one row per report, whose ``image_path`` is None.
        r2gen_split: ``r2gen_split.csv`` (``uid,split``) or R2Gen's ``annotation.json``: the division that report
            generation is compared on (Chen et al., EMNLP 2020). By default the one in the folder, if there is one.
        guess_views: where no source of views is at hand, take the first image of each report whose number ends in
            1001. Measured against the packaged list: 7.3% of them are lateral, and 10.8% of its frontals are missed.

    Returns:
        Labels are those of the human MeSH coding, NaN for reports that were not indexed. ``patient_id`` and
        ``study_id`` are the report's uid: the collection has one report per patient.

    Raises:
        DatasetError: a folder, table or package is missing, or no frontal image could be found.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    if images and data_dir is None:
        raise DatasetError("Open-i images need their folder as --data_dir; without images only its reports are read.")
    root = require_folder(data_dir) if data_dir is not None else None
    kaggle = root is not None and (root / KAGGLE_REPORTS).is_file()
    parquet = parquet_files(root) if root is not None and not kaggle else []
    if root is not None and kaggle:
        reports = read_kaggle_reports(root, problems)
    elif parquet:
        reports = tabled_reports(read_parquet_rows(parquet), "the Parquet files", problems)
    else:
        reports = read_openi_reports(_report_source(root) if root is not None else None, problems=problems)
    if repeated := int(reports["uid"].duplicated().sum()):
        problems.extend(
            Problem(uid, "The report occurs twice; the first was kept.")
            for uid in reports.loc[reports["uid"].duplicated(), "uid"]
        )
        notes.append(f"{repeated} reports occur twice; the first of each was kept.")
        reports = reports.drop_duplicates("uid")

    labels = pd.DataFrame([mesh_labels(majors) for majors in reports["mesh_major"]], index=reports.index)
    table = pd.DataFrame(
        {
            "image_path": None,
            "source": "openi",
            "patient_id": reports["uid"],
            "study_id": reports["uid"],
            "view": None,
            "split": reports["uid"].map(_divisions(root, r2gen_split)),
            **{label: labels[label] for label in LABELS},
            "report_findings": reports["findings"],
            "report_impression": reports["impression"],
        }
    )
    if images and root is not None:
        if parquet:
            frontal = _unpacked(parquet, root, problems)
        else:
            frontal = _frontal_images(root, reports, problems, notes, guess_views=guess_views)
        table = table.drop(columns=["image_path", "view"]).merge(frontal, on="study_id", sort=False)
    unindexed = int(table[LABELS[0]].isna().sum())
    if unindexed:
        notes.append(
            f"{unindexed} of {len(table)} rows belong to reports without MeSH coding: they have no coded labels."
        )
    return Collection(complete(table), tuple(problems), tuple(notes))


def _unpacked(files: list[Path], root: Path, problems: list[Problem]) -> pd.DataFrame:
    frontal = unpack_frontal_images(files, root / FRONTAL_FOLDER, problems)
    if frontal.empty:
        raise DatasetError(f"The Parquet files under {root} hold no frontal image: download them again.")
    return frontal.assign(view=None)


def _report_source(root: Path) -> Path | None:
    """Where the folder has its reports; None where it has images only."""
    if (root / REPORT_ARCHIVE).is_file():
        return root / REPORT_ARCHIVE
    for folder in (root / "ecgen-radiology", root):
        if folder.is_dir() and any(name.endswith(".xml") for name in os.listdir(folder)):
            return folder
    nested = next(root.rglob("*.xml"), None)
    return nested.parent if nested else None


def _image_key(name: str) -> str:
    """One name for an image that the reports call ``CXR10_IM-0002-1001`` and Kaggle ``10_IM-0002-1001.dcm.png``.

    The two images of the first report are ``CXR1_1_IM-...`` in the reports and ``1_IM-...`` on Kaggle.
    """
    stem = re.sub(r"\.(?:dcm\.)?(?:png|jpe?g)$", "", name, flags=re.IGNORECASE)
    return re.sub(r"^(?:CXR)?(\d+)_(?:\1_)?(?=IM-)", r"\1_", stem)


def _image_files(root: Path) -> dict[str, str]:
    """Paths of the PNG files below a folder, by image key."""
    return {
        _image_key(name): os.path.join(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if name.lower().endswith(".png")
    }


def _frontal_images(
    root: Path, reports: pd.DataFrame, problems: list[Problem], notes: list[str], *, guess_views: bool
) -> pd.DataFrame:
    """``study_id``, ``image_path`` and ``view`` of the frontal images that are there."""
    views = _views(root, reports, problems, notes, guess_views=guess_views)
    views = views[views["study_id"].isin(reports["uid"])]
    files = _image_files(root)
    if not files:
        raise DatasetError(f"No PNG image lies under {root}: unpack NLMCXR_png.tgz there, or the Kaggle copy.")
    unknown = [path for key, path in files.items() if key not in set(views["key"])]
    if unknown:
        notes.append(f"{len(unknown)} images of unknown view were left out.")
    frontal = views[views["frontal"]]
    paths = frontal["key"].map(files)
    missing = frontal.loc[paths.isna(), "key"]
    if paths.notna().sum() == 0:
        raise DatasetError(
            f"None of the {len(frontal)} frontal images was found among the {len(files)} PNG files under {root}: "
            "keep the names they were published with, such as CXR10_IM-0002-1001.png."
        )
    if len(missing):
        problems.extend(Problem(key, "The image file is missing; its row was left out.") for key in missing)
        notes.append(f"{len(missing)} of {len(frontal)} frontal images are missing on disk and were left out.")
    return frontal.assign(image_path=paths)[paths.notna()][["study_id", "image_path", "view"]]


def _views(
    root: Path, reports: pd.DataFrame, problems: list[Problem], notes: list[str], *, guess_views: bool
) -> pd.DataFrame:
    """``study_id``, ``key``, ``frontal`` and ``view`` of the images whose view is known."""
    if (root / KAGGLE_PROJECTIONS).is_file():
        path = root / KAGGLE_PROJECTIONS
        table = read_rows(path, problems, dtype=str).fillna("")
        wanted = ("uid", "filename", "projection")
        require_columns(table.columns, wanted, file=path, hint="use the table as Kaggle publishes it.")
        projection = table["projection"].str.strip().str.lower()
        known = projection.isin(["frontal", "lateral"]) & table["filename"].ne("")
        problems.extend(
            Problem(f"{path.name} row {row + 2}", "The projection is neither Frontal nor Lateral, or no file is named.")
            for row in table.index[~known]
        )
        study = "CXR" + table["uid"].str.strip()
        keys = table["filename"].str.strip().map(_image_key)
        frame = pd.DataFrame({"study_id": study, "key": keys, "frontal": projection == "frontal", "view": None})
        return frame[known].drop_duplicates("key")
    listed = packaged_views()
    if listed is not None:
        ids = listed.index.to_series()
        frontal = listed.eq("PA")
        notes.append(
            f"Views come from the list of torchxrayvision, one image per report: {int((~frontal).sum())} reports have "
            "a lateral image there and are left out."
        )
        view = frontal.map({True: "PA", False: "LATERAL"})
        study = ids.str.split("_").str[0]
        return pd.DataFrame({"study_id": study, "key": ids.map(_image_key), "frontal": frontal, "view": view})
    if not guess_views:
        raise DatasetError(
            "Nothing says which Open-i images are frontal: run pip install --no-deps torchxrayvision, "
            f"or put Kaggle's {KAGGLE_PROJECTIONS} into {root}."
        )
    first = reports[["uid", "image_ids"]].assign(first=reports["image_ids"].str[0]).dropna(subset="first")
    first = first[first["first"].str.endswith("-1001")]
    notes.append("Views are guessed from the image numbers: about 7 in 100 of these images are lateral.")
    keys = first["first"].map(_image_key)
    return pd.DataFrame({"study_id": first["uid"], "key": keys, "frontal": True, "view": None})


def _divisions(root: Path | None, given: str | Path | None) -> dict[str, str]:
    """Split by uid, from the file that is given or lies in the folder; empty where there is none."""
    if given is not None:
        path = Path(given)
        if not path.is_file():
            raise DatasetError(
                f"There is no split file {given}: it should be r2gen_split.csv or R2Gen's annotation.json."
            )
    else:
        found = next((root / name for name in SPLIT_FILES if (root / name).is_file()), None) if root else None
        if found is None:
            return {}
        path = found
    if path.suffix == ".json":
        return _r2gen_annotation(path)
    table = read_rows(path, [], dtype=str)
    require_columns(table.columns, ("uid", "split"), file=path, hint="it should be r2gen_id,split,uid.")
    return dict(zip(table["uid"], table["split"].map(_SPLITS), strict=True))


def _r2gen_annotation(path: Path) -> dict[str, str]:
    """R2Gen's own file: lists of entries under train, val and test, with ids such as CXR2384_IM-0942."""
    try:
        annotation = json.loads(path.read_text(encoding="utf-8"))
        return {entry["id"].split("_")[0]: split for split in _SPLITS for entry in annotation[split]}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f"{path} is not R2Gen's annotation file, which lists entries with an id under train, val and test."
        ) from error
