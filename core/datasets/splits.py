"""Patient-disjoint splits, stratified on the labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.datasets.table import SPLITS, DatasetError, Problem, patient_keys
from core.findings import LABELS

FRACTIONS = (0.7, 0.15, 0.15)
# A patient whose images a source gives to several splits goes whole to the most guarded one.
_GUARDED = {"test": 3, "val": 2, "train": 1, "": 0}


def split_table(
    table: pd.DataFrame, *, fractions: Sequence[float] = FRACTIONS, seed: int = 0, given: bool = True
) -> tuple[pd.DataFrame, list[Problem]]:
    """Give each row a split; no patient stands in two, whatever the sources say.

    Patients are told apart by source and id together. Splits that a source gives are kept; its other patients are
    divided, stratified on the labels, among the splits that it does not give, in proportion to ``fractions``, and go
    to the training split where it gives all three.

    Args:
        table: with ``source``, ``patient_id``, ``split`` (empty where the source gives none) and the labels.
        fractions: shares of train, val and test; they sum to 1.
        seed: decides the order of equal patients.
        given: keep the splits that sources give, rather than dividing anew.

    Returns:
        The table with ``split`` filled, and the patients that a source had given to several splits.

    Raises:
        DatasetError: the shares are not three, below 0, or do not sum to 1.
    """
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise DatasetError(f"Three split shares of 0 or more must sum to 1, not {', '.join(map(str, fractions))}.")
    keys = patient_keys(table)
    split = table["split"] if given else pd.Series("", index=table.index)
    rank = split.map(_GUARDED).groupby(keys)
    highest = rank.transform("max")
    torn = (split != "") & (split.map(_GUARDED) < highest)
    names = {value: name for name, value in _GUARDED.items()}
    problems = [
        Problem(key, f"Patient {key} was given to several splits; all images went to {names[value]}.")
        for key, value in dict(zip(keys[torn], highest[torn], strict=True)).items()
    ]
    split = highest.map(names)
    for _, rows in table.groupby("source", sort=True):
        part = split.loc[rows.index]
        undecided = part == ""
        if not undecided.any():
            continue
        shares = {
            name: share for name, share in zip(SPLITS, fractions, strict=True) if name not in set(part) and share > 0
        } or {"train": 1.0}
        total = sum(shares.values())
        split.loc[rows.index[undecided]] = assign_splits(
            rows[undecided].assign(patient_id=keys),
            fractions={name: share / total for name, share in shares.items()},
            seed=seed,
        )
    return table.assign(split=split), problems


def assign_splits(table: pd.DataFrame, *, fractions: dict[str, float], seed: int = 0) -> pd.Series:
    """Divide patients among splits so that each split gets its share of images and of each label.

    Iterative stratification (Sechidis et al., ECML 2011) with the patient as the unit: patients that carry the
    rarest label are placed first, each into the split that lacks most of that label.

    Args:
        table: one row per image, with ``patient_id`` and any of the 14 label columns (NaN counts as not positive).
        fractions: share of the images for each split name; the shares sum to 1.
        seed: decides the order of equal patients.

    Returns:
        The split name for each row of ``table``, on its index.

    Raises:
        DatasetError: the shares do not sum to 1.
    """
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise DatasetError(f"Split shares must sum to 1, not {sum(fractions.values()):.3f}.")
    labels = [label for label in LABELS if label in table.columns]
    counts = table[labels].fillna(0).groupby(table["patient_id"]).sum()
    counts["images"] = table.groupby("patient_id").size()
    counts = counts.sample(frac=1, random_state=seed)
    values = counts.to_numpy(dtype=float)

    names = list(fractions)
    shares = np.array([fractions[name] for name in names])
    wanting = shares[:, None] * values.sum(axis=0)[None, :]
    chosen = np.full(len(values), -1)
    # Rarest label first; "images", the last column, takes the patients that carry no label at all.
    columns = [*np.argsort(values[:, :-1].sum(axis=0), kind="stable"), values.shape[1] - 1]
    for column in columns:
        # In random order: placing patients with many images first would send them all to the largest split.
        for patient in np.flatnonzero((chosen < 0) & (values[:, column] > 0)):
            split = int(np.lexsort((-wanting[:, -1], -wanting[:, column]))[0])
            chosen[patient] = split
            wanting[split] -= values[patient]
    split_of = dict(zip(counts.index, (names[index] for index in chosen), strict=True))
    return table["patient_id"].map(split_of)


def restore_validation(table: pd.DataFrame, provenance: Mapping[str, Any]) -> pd.DataFrame:
    """The table with the division into training and validation that a checkpoint was trained with.

    Further images of a validation patient, such as those of another folder, are left out: to train on them would teach
    what is asked, and to validate on them would change the figures from one collection to the next.

    Args:
        table: as ``load_table`` returns it; its test rows stay test rows.
        provenance: of the checkpoint: ``validation_studies``, the ``study_id`` of its validation images, and
            ``validation_patients``, the keys of their patients (``patient_keys``); either may be missing. A table that
            has none of these images keeps its own division, but for the patients.
    """
    divided = table["split"] != "test"
    in_validation = divided & table["study_id"].isin(set(provenance.get("validation_studies", ())))
    keys = patient_keys(table)
    patients = {*provenance.get("validation_patients", ()), *keys[in_validation]}
    if in_validation.any():
        table = table.assign(split=table["split"].mask(in_validation, "val").mask(divided & ~in_validation, "train"))
    return table[~(divided & ~in_validation & keys.isin(patients))]


def validating_rows(table: pd.DataFrame, provenance: Mapping[str, Any]) -> pd.DataFrame:
    """The images by which a checkpoint may be judged, as split ``val``: none of them taught it.

    Those that validated it; where the table has none of them, further images of their patients, which no training saw;
    of sources that it did not learn from, the table's own division.

    Args:
        table: as ``load_table`` returns it.
        provenance: of the checkpoint, as of ``restore_validation``.

    Raises:
        DatasetError: it may have learned from any of the images.
    """
    studies, patients = set(provenance.get("validation_studies", ())), set(provenance.get("validation_patients", ()))
    divided = table[table["split"] != "test"]
    if not studies or divided["study_id"].isin(studies).any():
        restored = restore_validation(table, provenance)
        return restored[restored["split"] == "val"]
    further = divided[patient_keys(divided).isin(patients)]
    if len(further):
        return further.assign(split="val")
    learned = {key.partition(":")[0] for key in patients}
    if known := sorted(learned & set(divided["source"])):
        raise DatasetError(
            f"None of these images validated the checkpoint, and it may have learned from any of them ({known[0]}): "
            "give the --data_dir that it was trained on, or evaluate --split test."
        )
    return divided[divided["split"] == "val"]
