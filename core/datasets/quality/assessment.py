"""What is wrong or unusual in a table of radiographs, found before a network is trained on it."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.datasets.quality.confounding import MARGIN, associations
from core.datasets.quality.duplicates import DUPLICATE_FROM, Pair, exact_duplicates, near_duplicates
from core.datasets.quality.files import FilePass, examine_files
from core.datasets.quality.summary import summarise
from core.datasets.table import Problem, patient_keys
from core.findings import LABELS
from core.statistics import wilson

NOT_DIVIDED = "no split"
_EHR_SINGLE = {"Age": "Age", "Sex": "Sex", "O2_device": "O2 device", "Chronic_conditions": "Chronic conditions"}
_EHR_GROUPS = {"Vitals": "Vital", "Labs": "Lab"}


def assess_quality(
    table: pd.DataFrame,
    problems: Sequence[Problem] = (),
    *,
    notes: Sequence[str] = (),
    cache_dir: str | Path | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Look at the table and at each of its files.

    Args:
        table: as a reader's ``Collection`` holds it.
        problems: the collection's.
        notes: the collection's.
        cache_dir: folder that keeps what was read of the files, so that a second run is quick; None keeps nothing.
        workers: number of processes, None for one a processor.

    Returns:
        What ``quality.json`` holds: ``summary`` (sentences with a ``level`` of ``fix``, ``declare`` or ``good``),
        ``counts``, ``files``, ``duplicates``, ``patients_in_several_splits``, ``prevalence``, ``confounding``,
        ``source_by_label``, ``ehr`` (None without such a column), ``problems``, ``notes``. Shares are of 1.
    """
    table = table.reset_index(drop=True).assign(image_path=lambda frame: frame["image_path"].astype(str))
    table["split"] = table["split"].where(table["split"].fillna("") != "", NOT_DIVIDED)
    files = examine_files(
        list(table["image_path"]), cache_dir=Path(cache_dir).absolute() if cache_dir else None, workers=workers
    )
    facts = files.facts.loc[table["image_path"]].reset_index(drop=True)
    patients = patient_keys(table)
    result = {
        "counts": _counts(table, facts, patients),
        "files": _files(files.facts),
        "duplicates": _duplicates(table, files, patients),
        "patients_in_several_splits": _shared_patients(table, patients),
        "prevalence": _prevalence(table),
        "confounding": {
            "margin": MARGIN,
            "associations": [item._asdict() for item in associations(table, _features(table, facts), patients)],
        },
        "source_by_label": _source_by_label(table),
        "ehr": _ehr_coverage(table),
        "problems": [{"item": item.item, "reason": item.reason} for item in problems],
        "notes": list(notes),
    }
    return {"summary": summarise(result), **result}


def _counts(table: pd.DataFrame, facts: pd.DataFrame, patients: pd.Series) -> list[dict[str, Any]]:
    """One row for each source and split."""
    frame = pd.DataFrame(
        {
            "source": table["source"].astype(str),
            "split": table["split"],
            "patient": patients,
            "study": table["source"].astype(str) + ":" + table["study_id"].astype(str),
            "missing": facts["missing"],
            "unreadable": (facts["problem"] != "") & ~facts["missing"].astype(bool),
        }
    )
    grouped = frame.groupby(["source", "split"], sort=True)
    counts = grouped.agg(
        images=("patient", "size"),
        patients=("patient", "nunique"),
        studies=("study", "nunique"),
        missing=("missing", "sum"),
        unreadable=("unreadable", "sum"),
    )
    return [
        {"source": source, "split": split, **{name: int(value) for name, value in row.items()}}
        for (source, split), row in counts.iterrows()
    ]


def _files(facts: pd.DataFrame) -> dict[str, Any]:
    read = facts[facts["problem"] == ""]
    broken = facts[(facts["problem"] != "") & ~facts["missing"].astype(bool)]
    sizes = read.groupby(["width", "height"]).size().sort_values(ascending=False)
    kinds = read.groupby(["format", "bits"]).size().sort_values(ascending=False)
    return {
        "examined": len(facts),
        "missing": list(facts.index[facts["missing"].astype(bool)]),
        "unreadable": [{"item": path, "reason": reason} for path, reason in broken["problem"].items()],
        "inverted": list(read.index[read["inverted"].astype(bool)]),
        "sizes": [{"width": int(w), "height": int(h), "images": int(n)} for (w, h), n in sizes.items()],
        "formats": [{"format": kind, "bits": bits, "images": int(n)} for (kind, bits), n in kinds.items()],
        "bytes": int(read["bytes"].sum()),
    }


def _duplicates(table: pd.DataFrame, files: FilePass, patients: pd.Series) -> dict[str, Any]:
    digests = files.facts["digest"].to_numpy()
    exact = exact_duplicates(digests)
    again = {pair.second for pair in exact}
    distinct = np.array([row for row, digest in enumerate(digests) if digest and row not in again], dtype=int)
    near = [
        Pair(int(distinct[pair.first]), int(distinct[pair.second]), pair.similarity)
        for pair in near_duplicates(files.thumbnails[distinct])
    ]
    row_of = {path: row for row, path in reversed(list(enumerate(table["image_path"])))}
    labels = table[list(LABELS)].to_numpy(dtype=float)
    pairs = []
    for kind, found in (("exact", exact), ("near", near)):
        for pair in found:
            first, second = (row_of[files.facts.index[row]] for row in (pair.first, pair.second))
            pairs.append(
                {
                    "kind": kind,
                    "similarity": pair.similarity,
                    "first": table["image_path"][first],
                    "second": table["image_path"][second],
                    "splits": [table["split"][first], table["split"][second]],
                    "across_splits": bool(table["split"][first] != table["split"][second]),
                    "different_patients": bool(patients[first] != patients[second]),
                    "different_labels": _contradicting(labels[first], labels[second]),
                }
            )
    repeated = table["image_path"][table["image_path"].duplicated()]
    return {
        "threshold": DUPLICATE_FROM,
        "exact": len(exact),
        "near": len(near),
        **{
            name: sum(bool(pair[name]) for pair in pairs)
            for name in ("across_splits", "different_patients", "different_labels")
        },
        "pairs": pairs,
        "repeated_rows": list(repeated),
    }


def _contradicting(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> list[str]:
    """Labels that are known for both and differ."""
    differ = np.isfinite(first) & np.isfinite(second) & (first != second)
    return [label for label, yes in zip(LABELS, differ, strict=True) if yes]


def _shared_patients(table: pd.DataFrame, patients: pd.Series) -> list[dict[str, Any]]:
    splits = table.groupby(patients)["split"].unique()
    return [{"patient": name, "splits": sorted(found)} for name, found in splits.items() if len(found) > 1]


def _prevalence(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for (source, split), part in table.groupby(["source", "split"], sort=True):
        for label in LABELS:
            known = part[label].dropna()
            positive = int((known > 0.5).sum())
            rows.append(
                {
                    "label": label,
                    "source": source,
                    "split": split,
                    "known": len(known),
                    "positive": positive,
                    "prevalence": positive / len(known) if len(known) else None,
                    "ci95": list(wilson(positive, len(known))) if len(known) else None,
                    "unknown_share": 1 - len(known) / len(part),
                }
            )
    return rows


def _features(table: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """What should tell nothing of a finding, by image; NaN where the file could not be read."""
    read = facts["problem"] == ""
    features = {
        "source": table["source"].astype(object),
        "view": table["view"].astype(object),
        "file format": facts["format"].astype(object).where(read),
        "image width": facts["width"].astype(float).where(read),
        "image height": facts["height"].astype(float).where(read),
        "file bytes per pixel": (facts["bytes"] / (facts["width"] * facts["height"]).where(read)).astype(float),
        "sharpness": facts["roughness"].astype(float).where(read),
    }
    if "original_px" in table.columns:
        features["original size"] = pd.to_numeric(table["original_px"], errors="coerce").astype(float)
    return pd.DataFrame(features)


def _source_by_label(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "source": source,
            "images": len(part),
            "positive": {label: int((part[label] > 0.5).sum()) for label in LABELS},
            "known": {label: int(part[label].notna().sum()) for label in LABELS},
        }
        for source, part in table.groupby("source", sort=True)
    ]


def _ehr_coverage(table: pd.DataFrame) -> list[dict[str, Any]] | None:
    """Share of the rows of each split that hold each field of the ``ehr`` column."""
    if "ehr" not in table.columns:
        return None
    held = [_ehr_fields(text) for text in table["ehr"]]
    fields = {*_EHR_SINGLE.values()}.union(*held) if any(held) else set()
    rows = []
    for split, places in table.groupby("split", sort=True).indices.items():
        names = Counter(name for place in places for name in held[place])
        for field in sorted(fields):
            share = names[field] / len(places)
            rows.append({"field": field, "split": split, "rows": len(places), "share": share})
    return sorted(rows, key=lambda row: (row["field"].split(":")[0], row["field"], row["split"]))


def _ehr_fields(text: object) -> set[str]:
    try:
        record = json.loads(text) if isinstance(text, str) else None
    except json.JSONDecodeError:
        return set()
    if not isinstance(record, dict):
        return set()
    fields = {shown for name, shown in _EHR_SINGLE.items() if record.get(name) not in (None, "", [])}
    for group, shown in _EHR_GROUPS.items():
        values = record.get(group)
        fields |= {f"{shown}: {name}" for name, value in values.items() if value} if isinstance(values, dict) else set()
    return fields
