"""One image in several rows: equal rows merged, what several readers say brought to one label by a stated rule."""

from pathlib import Path
from typing import Literal

import pandas as pd

from core.datasets.table import Problem
from core.findings import LABELS

Rule = Literal["majority", "any", "unknown"]
RULES: tuple[Rule, ...] = ("majority", "any", "unknown")


_IN_WORDS = {
    "majority": "the majority was taken, and unknown where there is none",
    "any": "a finding that any row calls present is present",
    "unknown": "labels on which they differ are unknown",
}


def merge_rows(
    table: pd.DataFrame, path: Path, problems: list[Problem], notes: list[str], *, rule: Rule
) -> pd.DataFrame:
    """One row for each image.

    Args:
        table: with ``image_path`` and labels (1.0, 0.0 or NaN); the index is the row's number in the file.
        path: the file, for its name.
        problems: gets an entry for each column of an image on which its rows differ.
        notes: gets a sentence on what was merged.
        rule: what a label becomes on which rows differ; rows that do not know it have no say. Of all other columns
            the first row that says anything is taken.

    Returns:
        In the order of the first row of each image.
    """
    several = table["image_path"].duplicated(keep=False)
    if not several.any():
        return table
    labels = [name for name in LABELS if name in table.columns]
    again = table[several]
    rows = again.mask(again == "").groupby("image_path", sort=False)
    merged, differ = rows.first(), rows.nunique() > 1
    share = rows[labels].mean()
    present, even = (share > 0, share < 0) if rule == "any" else (share > 0.5, share == 0.5)
    decided = present.astype(float).mask(even)
    if rule == "unknown":
        decided = decided.mask(differ[labels])
    merged[labels] = decided.where(share.notna())
    numbers = rows.groups
    for name in differ.columns:
        for image in differ.index[differ[name]]:
            shown = ", ".join(map(str, numbers[image]))
            problems.append(Problem(f"{path.name} rows {shown}, column {name}", f"The rows differ on {image}."))
    conflicts = int(differ.to_numpy().sum())
    kept = table[~table["image_path"].duplicated()]
    filled = merged.reindex(kept["image_path"]).set_axis(kept.index)
    filled["image_path"] = kept["image_path"]
    kept = filled[table.columns].where(several.reindex(kept.index), kept)
    differ_note = f"; on {conflicts:,} values they differ, and of labels {_IN_WORDS[rule]} (--readers)"
    notes.append(
        f"{int(several.sum()):,} rows of {path.name} name {len(merged):,} images several times"
        f"{differ_note if conflicts else ''}."
    )
    return kept.astype(dict.fromkeys(labels, float))
