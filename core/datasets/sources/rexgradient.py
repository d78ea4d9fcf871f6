"""ReXGradient-160K: chest X-rays with reports, from the Hugging Face hub or from a folder (Zhang et al., 2025).

The collection has no labels; they come from the reports. Its fields are those that the data card and public loaders
name.
"""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pandas as pd

from core.datasets.sources.files import keep_existing, read_rows
from core.datasets.sources.harmonise import FRONTAL, age_in_years, sex, view_position
from core.datasets.sources.rexgradient_archive import archive_parts, unpack
from core.datasets.table import Collection, DatasetError, Problem, complete, require_columns, require_folder

HUB_NAME = "rajpurkarlab/ReXGradient-160K"
_SPLITS = {"train": "train", "valid": "val", "test": "test"}
_HUB_SPLITS = {"train": "train", "valid": "val", "validation": "val", "val": "val", "test": "test"}
_FIELDS = ("id", "AccessionNumber", "StudyInstanceUid", "PatientSex", "PatientAge", "Findings", "Impression")
_IMAGES = "deid_png"
_STUDY_FOLDER = re.compile(rf"{_IMAGES}/([^/]+)/([^/]+)/studies/([^/]+)/series/[^/]+/instances/[^/]+\.png")


def load_rexgradient(data_dir: str | Path, *, hub_name: str = HUB_NAME, unpack_images: bool = True) -> Collection:
    """Read the tables and find the frontal images, unpacking them first where they are still in the archive.

    Tables are ``{train,valid,test}_metadata_view_position.json``, or ``{train,valid,test}_metadata.csv`` where those
    are missing, in ``metadata/`` or in the folder itself; a folder without tables takes them from the hub. Images lie
    below ``deid_png/``. From the parts ``deid_png.part00`` and on, only the frontal images that the tables name are
    unpacked there.

    Args:
        data_dir: the folder of images, and of tables where there are such.
        hub_name: name on the hub, or a folder in the same layout.
        unpack_images: False to leave an archive alone and read the images that are unpacked already.

    Returns:
        One row per frontal image; ``study_id`` is the ``id`` of the report. CSV tables and the hub do not say which
        images are frontal: all are kept then, and a note says so.

    Raises:
        DatasetError: a folder, table or column is missing, the hub refuses, the archive is damaged, or no image was
            found.
    """
    root = require_folder(data_dir)
    problems: list[Problem] = []
    notes: list[str] = []
    studies = _studies(root, hub_name, problems, notes)
    listed = _listed_images(studies[studies["listed"]], problems, notes)
    unlisted = studies[~studies["listed"]]
    if unpack_images and (parts := archive_parts(root)):
        _unpack_missing(root, parts, set(listed["name"]), unlisted)
    images = pd.concat([listed, _images_by_folder(root, unlisted, notes)], ignore_index=True)
    table = images.merge(studies.drop(columns=["ImagePath", "ImageViewPosition", "listed"]), on="id", sort=False)
    table = pd.DataFrame(
        {
            "image_path": str(root) + os.sep + table["name"],
            "source": "rexgradient",
            "patient_id": table["PatientID"],
            "study_id": table["id"],
            "view": table["view"],
            "age": table["PatientAge"].map(age_in_years),
            "sex": table["PatientSex"].map(sex),
            "split": table["split"],
            "report_findings": _text(table["Findings"]),
            "report_impression": _text(table["Impression"]),
        }
    )
    advice = f"unpack the archive so that {root / _IMAGES} has them, or put deid_png.part00 and on into {root}."
    table = keep_existing(table, problems, notes, images="images of the tables", advice=advice)
    return Collection(complete(table), tuple(problems), tuple(notes))


def _studies(root: Path, hub_name: str, problems: list[Problem], notes: list[str]) -> pd.DataFrame:
    """One row per study with ``_FIELDS``, ``PatientID``, ``split``, and lists of images where ``listed`` says so."""
    frames = []
    for name, split in _SPLITS.items():
        found = [
            path
            for kind in ("_metadata_view_position.json", "_metadata.csv")
            for path in (root / "metadata" / (name + kind), root / (name + kind))
            if path.is_file()
        ]
        if found:
            read = _read_json if found[0].suffix == ".json" else _read_csv
            listed = found[0].suffix == ".json"
            frames.append(read(found[0], problems).assign(split=split, listed=listed))
        else:
            notes.append(f"There is no table of the {split} split in {root}.")
    if not frames:
        notes.clear()
        frames = _hub_tables(hub_name)
        notes.append(f"The tables come from {hub_name}.")
    studies = pd.concat(frames, ignore_index=True).dropna(subset="id")
    for column in ("ImagePath", "ImageViewPosition", "PatientID"):
        if column not in studies.columns:
            studies[column] = None
    studies["id"] = studies["id"].astype(str)
    # The patient is the first part of the id without its leading p.
    from_id = studies["id"].str.split("_").str[0].str[1:]
    studies["PatientID"] = studies["PatientID"].where(studies["PatientID"].notna(), from_id).astype(str)
    repeated = studies["id"].duplicated()
    problems.extend(Problem(name, "The study occurs twice; the first was kept.") for name in studies["id"][repeated])
    return studies[~repeated]


def _read_json(path: Path, problems: list[Problem]) -> pd.DataFrame:
    try:
        # json of the standard library accepts NaN, which these files contain.
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as JSON ({error}): download it again.") from error
    if not isinstance(content, dict) or not content:
        raise DatasetError(f"{path} should hold one entry per study under its id: download it again.")
    rows = []
    for name, entry in content.items():
        if isinstance(entry, dict) and name:
            rows.append({**entry, "id": name})
        else:
            problems.append(Problem(f"{path.name} {name}", "The entry is not a study with named fields."))
    table = pd.DataFrame(rows, dtype=object)
    wanted = (*_FIELDS, "ImagePath", "ImageViewPosition")
    require_columns(table.columns, wanted, file=path, hint="use the table as it is published.")
    return table


def _read_csv(path: Path, problems: list[Problem]) -> pd.DataFrame:
    table = read_rows(path, problems, dtype=str)
    require_columns(table.columns, _FIELDS, file=path, hint="use the table as it is published.")
    without = table["id"].isna()
    problems.extend(Problem(f"{path.name} row {row + 2}", "The study has no id.") for row in table.index[without])
    return table[~without]


def _hub_tables(hub_name: str) -> list[pd.DataFrame]:
    # Imported here: it takes seconds, and a folder with tables does not need it.
    import datasets
    from huggingface_hub.utils import logging as hub_messages

    # The client tells of each retry; what matters is said once, below.
    verbosity = hub_messages.get_verbosity()
    hub_messages.set_verbosity_error()
    try:
        tables = datasets.load_dataset(hub_name)
    except Exception as error:  # the hub client raises a dozen kinds for no login, no network and no such name
        raise DatasetError(
            f"The tables of {hub_name} could not be had from the Hugging Face hub ({type(error).__name__}): accept the "
            f"terms on huggingface.co/datasets/{HUB_NAME} and run hf auth login, or put the metadata files into "
            "metadata/ below --data_dir."
        ) from error
    finally:
        hub_messages.set_verbosity(verbosity)
    frames = []
    for name, table in tables.items():
        if name not in _HUB_SPLITS:
            continue
        frame = table.to_pandas()
        require_columns(frame.columns, _FIELDS, file=Path(hub_name), hint="use the data set as it is published.")
        frames.append(frame.astype(object).assign(split=_HUB_SPLITS[name], listed=False))
    if not frames:
        raise DatasetError(f"{hub_name} has no split named train, valid, validation or test.")
    return frames


def _unpack_missing(root: Path, parts: list[Path], names: set[str], unlisted: pd.DataFrame) -> None:
    """Unpack what is not there yet, once: images that the archive itself lacks must not cost a pass at every call."""
    missing = {name for name in names if not (root / name).exists()}
    scope = "all" if len(unlisted) else "frontal"
    done = root / _IMAGES / f".unpacked-{scope}"
    if done.exists() or not (missing or len(unlisted)):
        return
    if len(unlisted):
        unpack(parts, root, _ImagesOfStudies(unlisted, missing))
    else:
        unpack(parts, root, missing, expected=len(missing))
    done.parent.mkdir(exist_ok=True)
    done.touch()


def _listed_images(studies: pd.DataFrame, problems: list[Problem], notes: list[str]) -> pd.DataFrame:
    """``id``, ``name`` below the folder and ``view`` of the frontal images that the tables list."""
    rows: list[tuple[str, str, str | None]] = []
    for study, paths, views in zip(studies["id"], studies["ImagePath"], studies["ImageViewPosition"], strict=True):
        if not isinstance(paths, list) or not isinstance(views, list) or len(paths) != len(views):
            problems.append(Problem(study, "Its lists of images and views are missing or differ in length."))
            continue
        for path, view in zip(paths, views, strict=True):
            name = _image_name(path)
            if name is None:
                problems.append(Problem(study, f"{path!r} is not a path below deid_png/."))
            else:
                rows.append((study, name, view_position(view)))
    images = pd.DataFrame(rows, columns=["id", "name", "view"])
    unknown = int(images["view"].isna().sum())
    if unknown:
        notes.append(f"{unknown} of {len(images)} images are of unknown view and were left out.")
    return images[images["view"].isin(FRONTAL)]


def _image_name(path: object) -> str | None:
    """``../deid_png/a/b.png`` as ``deid_png/a/b.png``; None for what leads elsewhere."""
    if not isinstance(path, str):
        return None
    parts = [part for part in re.sub(r"^(?:\.{1,2}/)+", "", path).split("/") if part != "."]
    return "/".join(parts) if parts[0] == _IMAGES and len(parts) > 1 and not {"..", ""} & set(parts) else None


def _study_keys(studies: pd.DataFrame) -> dict[tuple[str, ...], str]:
    """Id by patient, accession number and study: the folders that an image lies in."""
    keys = zip(studies["PatientID"], studies["AccessionNumber"].map(_plain), studies["StudyInstanceUid"], strict=True)
    return dict(zip(keys, studies["id"], strict=True))


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and not math.isnan(value) else str(value)


class _ImagesOfStudies:
    """The archive members that lie in a folder of the studies, of whatever view, and those that are named."""

    def __init__(self, studies: pd.DataFrame, names: set[str]) -> None:
        self._keys = _study_keys(studies)
        self._names = names

    def __contains__(self, name: object, /) -> bool:
        found = _STUDY_FOLDER.fullmatch(str(name))
        return name in self._names or (found is not None and found.groups() in self._keys)


def _images_by_folder(root: Path, studies: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """``id``, ``name`` and ``view`` (unknown) of all images in the folders of the studies."""
    keys = _study_keys(studies)
    rows = []
    for folder, _, files in os.walk(root / _IMAGES) if keys else ():
        for file in files:
            name = Path(folder, file).relative_to(root).as_posix()
            found = _STUDY_FOLDER.fullmatch(name)
            if found and found.groups() in keys:
                rows.append((keys[found.groups()], name, None))
    if rows:
        notes.append(
            "The views of the images are unknown: lateral images are among the rows. Put the tables "
            "metadata_view_position.json into metadata/ to have frontal images only."
        )
    without = len(studies) - len({row[0] for row in rows})
    if without:
        notes.append(f"{without} of {len(studies)} studies without a list of images have none on disk.")
    return pd.DataFrame(sorted(rows), columns=["id", "name", "view"])


def _text(column: pd.Series) -> pd.Series:
    stripped = column.map(lambda text: text.strip() if isinstance(text, str) else None)
    return stripped.astype(object).where(stripped.fillna("") != "", None)
