"""A curriculum of two stages from one collection: A from the image alone, then B from image and health record.

Stage A asks for impression and CheXpert labels. Stage B gives the record too, and asks for reasoning that weighs it
and for ICD-10-CM codes. Each image is used once, in one stage; what a record knows only after the study is left out.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from core.datasets.table import DatasetError, Problem
from core.findings import FINDINGS
from core.labeler import CHEXPERT
from core.vlm.ehr import EhrError, in_one_line, invented_record, read_ehr
from core.vlm.icd import meaning_of, normal_form
from core.vlm.manifests import json_lines
from core.vlm.prompts import render_stage

_GROUPS = ("Vitals", "Labs")
_TIMES = ("charttime", "time", "storetime")
_STAGES = ("A", "B")
_STATED = {1: "present", -1: "uncertain", 0: "absent"}


@dataclass
class Study:
    """One study of the collection.

    Attributes:
        image_path: of its image.
        impression: of its report.
        labels: 1, 0 or -1 by CheXpert name; what is not mentioned is left out.
        record: the health record before the study, or None.
        codes: ICD-10-CM codes, the targets of stage B.
        patient: who it is of.
        stage: A or B as the collection says, or empty.
    """

    image_path: str
    impression: str
    labels: dict[str, int]
    record: dict[str, Any] | None
    codes: list[str]
    patient: str
    stage: str


@dataclass
class Curriculum:
    """Records of both stages, and what became of the collection.

    Attributes:
        stages: records by stage and split.
        counts: of duplicates, of values that came after the study, of records without any value.
        coverage: share of stage B's records that have each vital sign and laboratory value.
        problems: rows that were left out.
        synthetic: how many records were invented.
    """

    stages: dict[str, dict[str, list[dict[str, Any]]]]
    counts: Counter[str]
    coverage: dict[str, float]
    problems: list[Problem]
    synthetic: int = 0
    notes: list[str] = field(default_factory=list)


def read_collection(path: Path) -> tuple[list[Study], Counter[str], list[Problem]]:
    """Read a collection.

    Args:
        path: JSON lines of ``image_path, impression, chexpert_labels, patient_data, stage`` and if there are any
            ``icd_codes`` and ``study_time``; or a table of ``python -m core table`` (``.csv``) with the columns of
            MIMIC-IV, ``ehr`` and ``icd_codes``.

    Returns:
        Studies, counts of values that were left out, and rows that were.

    Raises:
        DatasetError: the file is missing or of another format.
    """
    if not path.is_file():
        raise DatasetError(f"There is no collection {path}.")
    counts: Counter[str] = Counter()
    problems: list[Problem] = []
    rows = _rows_of_table(path) if path.suffix == ".csv" else json_lines(path)
    studies = []
    for number, row in enumerate(rows, 1):
        try:
            studies.append(_study(row, path.parent, counts))
        except (EhrError, DatasetError) as error:
            problems.append(Problem(f"{path.name} row {number}", str(error)))
    return studies, counts, problems


def make_curriculum(
    studies: Iterable[Study],
    *,
    val_share: float = 0.1,
    synthetic: bool = False,
    seed: int = 0,
) -> Curriculum:
    """Divide studies among stages and splits, each image once.

    Args:
        studies: from ``read_collection``.
        val_share: share of the patients whose studies validate.
        synthetic: whether studies without a record get an invented one, marked as such.
        seed: of the division and the invented records.

    Raises:
        DatasetError: nothing is left.
    """
    counts: Counter[str] = Counter()
    problems: list[Problem] = []
    stages: dict[str, dict[str, list[dict[str, Any]]]] = {name: {"train": [], "val": []} for name in _STAGES}
    seen: set[str] = set()
    records: list[dict[str, Any]] = []
    invented = 0
    for study in studies:
        digest = _digest(study.image_path)
        if digest is None:
            problems.append(Problem(study.image_path, "The image is missing."))
            continue
        if digest in seen:
            counts["duplicates"] += 1
            continue
        seen.add(digest)
        draw = random.Random(f"{seed}-{study.image_path}")
        record, drawn = study.record, False
        if record is None and synthetic and study.stage != "A":
            record, drawn = invented_record(draw, labs=True), True
        stage = study.stage or ("B" if record is not None else "A")
        if stage == "B" and record is None:
            counts["without a record, moved to stage A"] += 1
            stage = "A"
        split = "val" if random.Random(f"{seed}-{study.patient}").random() < val_share else "train"
        if stage == "B":
            assert record is not None
            records.append(record)
            invented += drawn
        stages[stage][split].append(_record(study, stage, record if stage == "B" else None, synthetic=drawn))
    if not any(part for splits in stages.values() for part in splits.values()):
        raise DatasetError("The collection has no study whose image is there.")
    parts = [(stage, split) for stage in _STAGES for split in ("train", "val")]
    notes = [f"stage {stage} has no {split} record" for stage, split in parts if not stages[stage][split]]
    return Curriculum(stages, counts, _coverage(records), problems, invented, notes)


def _study(row: Mapping[str, Any], folder: Path, counts: Counter[str]) -> Study:
    named = str(row.get("image_path") or "").strip()
    if not named:
        raise DatasetError("It names no image (image_path).")
    impression = " ".join(str(row.get("impression") or "").split())
    labels = _labels(row.get("chexpert_labels"))
    stage = str(row.get("stage") or "").strip().upper()
    if stage not in (*_STAGES, ""):
        raise DatasetError(f"Its stage is {stage!r}; it should be A or B.")
    if not impression and not labels:
        raise DatasetError("It has neither an impression nor labels.")
    patient = row.get("patient_data") or None
    if patient is not None and not isinstance(patient, Mapping):
        raise EhrError("Its patient_data is no object.")
    record = None
    if patient is not None:
        known = _known_before(patient, row.get("study_time"), counts)
        record = read_ehr(known) if set(known) & {"Age", "Sex", *_GROUPS, "O2_device", "Chronic_conditions"} else None
    path = Path(named)
    return Study(
        str(path if path.is_absolute() else folder / path),
        impression,
        labels,
        record,
        _codes(row.get("icd_codes") or row.get("icd"), counts),
        str((patient or {}).get("subject_id") or row.get("patient_id") or named),
        stage,
    )


def _labels(given: Any) -> dict[str, int]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise DatasetError("Its chexpert_labels are no object of 1, 0 and -1 by name.")
    labels = {}
    for name, value in given.items():
        if name not in CHEXPERT:
            raise DatasetError(f"Its chexpert_labels name {name!r}, which is none of CheXpert's.")
        if value is None or value == "":
            continue
        if value not in (1, 0, -1):
            raise DatasetError(f"Its label {name} is {value!r}; it should be 1, 0 or -1.")
        labels[name] = int(value)
    return labels


def _known_before(patient: Mapping[str, Any], study_time: Any, counts: Counter[str]) -> dict[str, Any]:
    """The record without values whose own time is that of the study or later."""
    limit = pd.to_datetime(str(study_time), errors="coerce") if study_time else pd.NaT
    known = dict(patient)
    for group in _GROUPS:
        values = patient.get(group)
        if not isinstance(values, Mapping):
            continue
        kept = {}
        for name, entry in values.items():
            stated = [entry[key] for key in _TIMES if isinstance(entry, Mapping) and entry.get(key)]
            times = [pd.to_datetime(str(one), errors="coerce") for one in stated]
            if any(pd.isna(limit) or pd.isna(one) or one >= limit for one in times):
                counts["values after the study, or of unknown order, left out"] += 1
                continue
            kept[name] = entry
        known[group] = kept
    return known


def _codes(given: Any, counts: Counter[str]) -> list[str]:
    codes = given if isinstance(given, list) else str(given or "").replace("|", ";").replace(",", ";").split(";")
    found = []
    for one in dict.fromkeys(normal_form(str(code)) for code in codes if str(code).strip()):
        if meaning_of(one) is None:
            counts["codes that are none of ICD-10-CM, left out"] += 1
        else:
            found.append(one)
    return found


def _rows_of_table(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a table that ``python -m core table`` wrote, as the collection has them."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "image_path" not in table.columns:
        raise DatasetError(f"{path} has no column image_path; make it with python -m core table.")
    for row in table.to_dict("records"):
        labels = {one.chexpert: int(float(row[one.name])) for one in FINDINGS if one.chexpert and row.get(one.name)}
        versions = str(row.get("icd_versions") or "").split("|")
        codes = str(row.get("icd_codes") or "").split("|")
        # ICD-9 codes are targets of nothing here.
        tenth = [code for code, version in zip(codes, versions, strict=False) if version == "10"]
        patient = json.loads(row["ehr"]) if row.get("ehr") else None
        yield {
            "image_path": row["image_path"],
            "impression": row.get("report_impression", ""),
            "chexpert_labels": labels,
            "patient_data": patient,
            "patient_id": row.get("patient_id", ""),
            "icd_codes": tenth,
        }


def _record(study: Study, stage: str, record: dict[str, Any] | None, *, synthetic: bool) -> dict[str, Any]:
    labels = {name: study.labels.get(name) for name in CHEXPERT}
    made: dict[str, Any] = {"image": study.image_path, "stage": stage}
    if stage == "A":
        answer: dict[str, Any] = {"impression": study.impression, "chexpert": labels}
        request = render_stage("a", names=tuple(CHEXPERT))
    else:
        assert record is not None
        codes = [{"code": code, "meaning": meaning_of(code)} for code in study.codes]
        answer = {"reasoning": _reasoning(study, record), "impression": study.impression, "icd": codes}
        request = render_stage("b", context=in_one_line(record))
        made["synthetic_record"] = synthetic
    conversation = [
        {"from": "human", "value": f"<image>\n{request}"},
        {"from": "gpt", "value": json.dumps(answer, ensure_ascii=False)},
    ]
    return made | {"conversations": conversation}


def _reasoning(study: Study, record: dict[str, Any]) -> list[str]:
    """What image and record say, each named as what it is: nothing of the record becomes a finding."""
    called = [f"{name.lower()} {_STATED[value]}" for name, value in study.labels.items() if value in (1, -1)]
    steps = [
        f"Image: {', '.join(called) or 'no labelled finding'}.",
        f"Record: {in_one_line(record) or 'nothing known'}.",
    ]
    if study.codes:
        steps.append("Codes: " + "; ".join(f"{code} {meaning_of(code)}" for code in study.codes) + ".")
    return steps


def _coverage(records: list[dict[str, Any]]) -> dict[str, float]:
    counts = {f"any of {group}": sum(bool(record.get(group)) for record in records) for group in _GROUPS}
    counts |= Counter(name for record in records for group in _GROUPS for name in record.get(group) or {})
    return {name: count / len(records) for name, count in counts.items()}


def _digest(path: str) -> str | None:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None
