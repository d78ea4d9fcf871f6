"""Any sources, alone or mixed, to one labelled and split table."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.datasets.sources import load_csv, load_mimic, load_nih, load_openi, load_rexgradient
from core.datasets.sources.readers import Rule
from core.datasets.splits import FRACTIONS, split_table
from core.datasets.table import Collection, DatasetError, complete
from core.findings import LABELS
from core.labeler import presences

SOURCES = ("nih", "openi", "rexgradient", "mimic", "csv")
Reading = Literal["unknown", "present", "absent"]
ReadReports = Callable[[Sequence[str]], Sequence[Mapping[str, str] | None]]
"""Texts of reports to what each says of the labels, as ``presences``; None for one that could not be read."""
_VALUE: dict[Reading, float] = {"unknown": math.nan, "present": 1.0, "absent": 0.0}


@dataclass(frozen=True)
class ReportReading:
    """How statements of a report become labels.

    Attributes:
        uncertain: what a finding in doubt becomes.
        not_mentioned: what a finding becomes that the report does not speak of. Radiologists describe what they see,
            so that silence counts as absence by default, as in the labels of NIH ChestX-ray14.
        unread: what all findings become where the report speaks of none of them, such as "No acute disease." or a text
            that is no report: that they are absent is then not read but supposed. As ``not_mentioned`` where None.
    """

    uncertain: Reading = "unknown"
    not_mentioned: Reading = "absent"
    unread: Reading | None = None


def read_in_turn(texts: Sequence[str]) -> list[Mapping[str, str] | None]:
    """Read reports one after the other."""
    return [presences(text) for text in texts]


def load_table(
    datasets: Sequence[str],
    data_dirs: Sequence[str | Path],
    *,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    given_splits: bool = True,
    reading: ReportReading = ReportReading(),
    mimic_iv: str | Path | None = None,
    r2gen_split: str | Path | None = None,
    images: bool = True,
    readers: Rule = "majority",
    read_reports: ReadReports = read_in_turn,
) -> Collection:
    """Read sources, label what has only a report, and divide the patients.

    Args:
        datasets: names from ``SOURCES``; one may come several times.
        data_dirs: a folder (for ``csv`` also a file) for each of them, in the same order.
        fractions, seed, given_splits: see ``split_table``.
        reading: how statements of reports become labels.
        mimic_iv: folder of MIMIC-IV, for ages and health records of MIMIC-CXR.
        r2gen_split: file with the R2Gen division of Open-i, if it is not in the folder of Open-i.
        images: False to read the reports of Open-i without images.
        readers: what a label of ``csv`` becomes on which several rows of one image differ.
        read_reports: reads the reports.

    Returns:
        One table of all sources, with every row in a split.

    Raises:
        DatasetError: a source cannot be read, or the numbers of sources and folders differ.
        ValueError: the split shares do not sum to 1.
    """
    if len(datasets) != len(data_dirs):
        raise DatasetError(
            f"--data_dir must be given once for each --dataset: found {len(data_dirs)} for {len(datasets)}."
        )
    loaders: dict[str, Callable[[str | Path], Collection]] = {
        "nih": load_nih,
        "openi": lambda folder: load_openi(folder, images=images, r2gen_split=r2gen_split),
        "rexgradient": load_rexgradient,
        "mimic": lambda folder: load_mimic(
            folder,
            mimic_iv=mimic_iv,
            uncertain=_VALUE[reading.uncertain],
            blank=_VALUE[reading.not_mentioned],
        ),
        "csv": lambda folder: load_csv(
            folder,
            uncertain=_VALUE[reading.uncertain],
            blank=_VALUE[reading.not_mentioned],
            readers=readers,
        ),
    }
    if unknown := set(datasets) - set(loaders):
        raise DatasetError(f"There is no source {sorted(unknown)[0]!r}: choose from {', '.join(SOURCES)}.")
    collections = [loaders[name](folder) for name, folder in zip(datasets, data_dirs, strict=True)]
    table = complete(pd.concat([one.table for one in collections], ignore_index=True))
    if doubled := int(table["image_path"].dropna().duplicated().sum()):
        raise DatasetError(f"{doubled} images come from two of the sources: give each folder to one --dataset only.")
    labelled = label_from_reports(table, reading, read_reports)
    notes = _mined_notes(table, labelled)
    table, torn = split_table(labelled, fractions=fractions, seed=seed, given=given_splits)
    return Collection(
        table,
        tuple(problem for one in collections for problem in one.problems) + tuple(torn),
        (*(note for one in collections for note in one.notes), *notes),
    )


def _mined_notes(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """What was filled from reports in sources that also have labels of their own: the two are not of one worth."""
    names = list(LABELS)
    filled = before[names].isna() & after[names].notna()
    notes = []
    for source, rows in filled.groupby(before["source"]):
        own = before.loc[rows.index, names].notna()
        if own.any(axis=None) and (count := int(rows.any(axis=1).sum())):
            mined = ", ".join(name for name in names if rows[name].any())
            notes.append(
                f"{source} has labels of its own; in {count:,} of its {len(rows):,} rows labels that nobody gave were "
                f"mined from the report ({mined})."
            )
    return notes


def report_texts(table: pd.DataFrame) -> list[str]:
    """Both sections of each row's report as one text; empty where there is none."""
    return [
        "\n\n".join(part for part in parts if isinstance(part, str) and part.strip())
        for parts in zip(table["report_findings"], table["report_impression"], strict=True)
    ]


def label_from_reports(
    table: pd.DataFrame, reading: ReportReading = ReportReading(), read_reports: ReadReports = read_in_turn
) -> pd.DataFrame:
    """Fill from the reports the labels that a source does not annotate itself.

    A source that annotates a label keeps its own value, the unknown ones too: an annotator's doubt is not overruled by
    the report. Rows without any annotation and without report text keep unknown labels.

    Args:
        table: ``COLUMNS`` in order; labels 1.0, 0.0 or NaN.
        reading: how statements become labels.
        read_reports: reads the reports.
    """
    labels = table[list(LABELS)].to_numpy(dtype=np.float32, copy=True)
    annotated = ~np.isnan(labels)
    texts = report_texts(table)
    has_text = np.array([bool(text) for text in texts], dtype=bool)
    never = np.zeros_like(annotated)
    for source in table["source"].unique():
        rows = (table["source"] == source).to_numpy()
        never[rows] = ~annotated[rows].any(axis=0)
    wanted = (never | ~annotated.any(axis=1)[:, None]) & has_text[:, None]

    values = {"present": 1.0, "absent": 0.0, "uncertain": _VALUE[reading.uncertain]}
    silent = _VALUE[reading.not_mentioned]
    unread = silent if reading.unread is None else _VALUE[reading.unread]
    rows = np.flatnonzero(wanted.any(axis=1))
    # Several images of one study share its report.
    distinct = list(dict.fromkeys(texts[row] for row in rows))
    mined: dict[str, list[float]] = {}
    for text, found in zip(distinct, read_reports(distinct), strict=True):
        stated = [None if found is None else values.get(found.get(label, "not mentioned")) for label in LABELS]
        missing = math.nan if found is None else silent if any(value is not None for value in stated) else unread
        mined[text] = [missing if value is None else value for value in stated]
    for row in rows:
        labels[row] = np.where(wanted[row], mined[texts[row]], labels[row])
    return table.assign(**dict(zip(LABELS, labels.T, strict=True)))
