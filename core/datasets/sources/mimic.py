"""MIMIC-CXR-JPG with its reports, and MIMIC-IV as health record (Johnson et al., 2019; doi:10.13026/jsn5-t979)."""

import os
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from core.datasets.sources.files import keep_existing, read_rows
from core.datasets.sources.harmonise import FRONTAL, view_position
from core.datasets.sources.mimic_ehr import health_records
from core.datasets.sources.report_sections import findings_and_impression
from core.datasets.table import Collection, DatasetError, Problem, complete, require_columns, require_folder
from core.findings import FINDINGS

_SPLITS = {"train": "train", "validate": "val", "test": "test"}
_HINT = "use the table as PhysioNet publishes it."
_UNKNOWN = float("nan")


def load_mimic(
    data_dir: str | Path,
    *,
    mimic_iv: str | Path | None = None,
    blank: float = _UNKNOWN,
    uncertain: float = _UNKNOWN,
    look_back_hours: float = 24,
) -> Collection:
    """Read the tables, find the frontal images and their reports, and join the health record.

    Images are ``files/p10/p10000032/s50414267/<dicom_id>.jpg``; reports ``files/p10/p10000032/s50414267.txt`` in the
    same folder or in ``mimic-cxr-reports`` in or beside it.

    Args:
        data_dir: folder with ``mimic-cxr-2.0.0-metadata.csv.gz``, ``-chexpert.csv.gz`` and ``-split.csv.gz``.
        mimic_iv: folder of MIMIC-IV with ``hosp`` and, where there are such, ``icu`` and ``ed``.
        blank: what a label becomes that the report does not mention.
        uncertain: what a label becomes that the report calls uncertain.
        look_back_hours: how far before the study measurements are taken from.

    Returns:
        The seven findings that CheXpert shares have labels, the other seven are NaN. With ``mimic_iv`` there are age
        and sex, and three further columns: ``ehr``, JSON text of what was known before the study or None;
        ``icd_codes`` and ``icd_versions``, the discharge diagnoses of the admission around the study, joined by
        ``|``, or None. The codes are targets and never inputs: they are given after discharge.

    Raises:
        DatasetError: a folder, table or column is missing, or no image was found.
    """
    root = require_folder(data_dir)
    problems: list[Problem] = []
    notes: list[str] = []
    metadata = _table(
        root, "metadata", ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime"), problems
    )
    chexpert_columns = {finding.chexpert: finding.name for finding in FINDINGS if finding.chexpert}
    chexpert = _table(root, "chexpert", ("subject_id", "study_id", *chexpert_columns), problems)
    divisions = _table(root, "split", ("dicom_id", "split"), problems)

    identified = metadata[["dicom_id", "subject_id", "study_id"]].notna().all(axis=1)
    problems.extend(
        Problem(f"metadata row {row + 2}", "The image has no dicom_id, subject_id or study_id.")
        for row in metadata.index[~identified]
    )
    metadata = metadata[identified].drop_duplicates("dicom_id")
    times = _study_times(metadata)
    views = metadata["ViewPosition"].map(view_position)
    frontal = metadata[views.isin(FRONTAL)]
    if unknown := int(views.isna().sum()):
        notes.append(f"{unknown} of {len(metadata)} images are of unknown view and were left out.")

    folder = "p" + frontal["subject_id"].str[:2] + os.sep + "p" + frontal["subject_id"]
    study_path = folder + os.sep + "s" + frontal["study_id"]
    table = pd.DataFrame(
        {
            "image_path": f"{root}{os.sep}files{os.sep}" + study_path + os.sep + frontal["dicom_id"] + ".jpg",
            "source": "mimic",
            "patient_id": frontal["subject_id"],
            "study_id": frontal["study_id"],
            "view": views[frontal.index],
            "split": frontal["dicom_id"].map(divisions.set_index("dicom_id")["split"].map(_SPLITS).to_dict()),
            "report": study_path + ".txt",
        }
    )
    advice = f"they should lie in {root / 'files'} as PhysioNet has them."
    table = keep_existing(table, problems, notes, images="frontal images of MIMIC-CXR-JPG", advice=advice)
    labels = _labels(chexpert, chexpert_columns, problems, blank=blank, uncertain=uncertain)
    table = table.join(labels, on="study_id")
    _add_reports(table, root, problems, notes)

    if mimic_iv is not None:
        studies = table[["patient_id", "study_id"]].drop_duplicates("study_id")
        studies = pd.DataFrame(
            {
                "study_id": studies["study_id"],
                "subject_id": pd.to_numeric(studies["patient_id"], errors="coerce"),
                "time": studies["study_id"].map(times),
            }
        )
        timeless = studies["time"].isna() | studies["subject_id"].isna()
        problems.extend(
            Problem(f"study {study}", "It has no readable date and time, or no number for a subject, and so no record.")
            for study in studies.loc[timeless, "study_id"]
        )
        records = health_records(
            studies[~timeless], Path(mimic_iv), problems, notes, look_back=pd.Timedelta(hours=look_back_hours)
        )
        table = table.join(records, on="study_id")
        for name in ("ehr", "icd_codes", "icd_versions"):
            table[name] = table[name].astype(object).where(table[name].notna(), None)
    return Collection(complete(table.drop(columns="report")), tuple(problems), tuple(notes))


def _table(root: Path, kind: str, columns: tuple[str, ...], problems: list[Problem]) -> pd.DataFrame:
    """One of the tables; the version number in its name varies."""
    found = sorted(root.glob(f"mimic-cxr-2*-{kind}.csv.gz")) + sorted(root.glob(f"mimic-cxr-2*-{kind}.csv"))
    if not found:
        raise DatasetError(
            f"No mimic-cxr-2.0.0-{kind}.csv.gz in {root}: give the folder of MIMIC-CXR-JPG that has its tables as "
            "--data_dir."
        )
    table = read_rows(found[0], problems, dtype=str)
    require_columns(table.columns, columns, file=found[0], hint=_HINT)
    return table


def _study_times(metadata: pd.DataFrame) -> pd.Series:
    """Time of the first image of each study, lateral ones included, by study id; NaT where it cannot be read."""
    seconds = pd.to_numeric(metadata["StudyTime"], errors="coerce")
    # 85830.234 is 08:58:30.
    clock = seconds.fillna(-1).astype(int).astype(str).str.zfill(6)
    times = pd.to_datetime(metadata["StudyDate"] + clock, format="%Y%m%d%H%M%S", errors="coerce")
    return times.groupby(metadata["study_id"]).min()


def _labels(
    chexpert: pd.DataFrame, columns: dict[str, str], problems: list[Problem], *, blank: float, uncertain: float
) -> pd.DataFrame:
    """Labels under our names by study id."""
    chexpert = chexpert.dropna(subset="study_id").drop_duplicates("study_id").set_index("study_id")
    meaning = {1.0: 1.0, 0.0: 0.0, -1.0: uncertain}
    labels = {}
    for theirs, ours in columns.items():
        given = chexpert[theirs]
        values = pd.to_numeric(given, errors="coerce")
        wrong = given.notna() & ~values.isin(list(meaning))
        problems.extend(
            Problem(f"study {study}, {theirs}", f"{value!r} is none of 1, 0, -1 and blank; the label is unknown.")
            for study, value in given[wrong].items()
        )
        labels[ours] = values.map(meaning).mask(given.isna(), blank)
    return pd.DataFrame(labels)


def _add_reports(table: pd.DataFrame, root: Path, problems: list[Problem], notes: list[str]) -> None:
    """Fill ``report_findings`` and ``report_impression`` from the text files that are there."""
    folders = [root / "files"]
    for beside in (root / "mimic-cxr-reports", root.parent / "mimic-cxr-reports"):
        folders += [beside / "files", beside]
    folders = [folder for folder in folders if folder.is_dir()]
    sections: dict[str, tuple[str | None, str | None]] = {}
    paths = table["report"].unique()
    for name in tqdm(paths, desc="Reading MIMIC-CXR reports", disable=None):
        text = _report_text(folders, name, problems)
        if text is not None:
            sections[name] = findings_and_impression(text, last_paragraph=True)
    if missing := len(paths) - len(sections):
        notes.append(f"{missing} of {len(paths)} studies have no report file.")
    for place, column in enumerate(("report_findings", "report_impression")):
        table[column] = table["report"].map({name: parts[place] for name, parts in sections.items()})


def _report_text(folders: list[Path], name: str, problems: list[Problem]) -> str | None:
    for folder in folders:
        try:
            return (folder / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(Problem(str(folder / name), f"The report cannot be read: {error.strerror}."))
    return None
