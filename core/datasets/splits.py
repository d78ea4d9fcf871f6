"""Patient-disjoint splits, stratified on the labels."""

import numpy as np
import pandas as pd

from core.findings import LABELS


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
        ValueError: the shares do not sum to 1.
    """
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise ValueError(f"Split shares must sum to 1, not {sum(fractions.values()):.3f}.")
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


def restore_validation(table: pd.DataFrame, validation_studies: list[str]) -> pd.DataFrame:
    """The table with the division into training and validation that a checkpoint was trained with.

    Args:
        table: as a reader returns it; its test rows stay test rows.
        validation_studies: ``study_id`` of the validation images, from the checkpoint.
    """
    divided = table["split"] != "test"
    in_validation = table["study_id"].isin(validation_studies)
    split = table["split"].mask(divided & in_validation, "val").mask(divided & ~in_validation, "train")
    return table.assign(split=split)
