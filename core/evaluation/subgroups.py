"""AUROC by sex, age, view, source and original size, and the gaps that are larger than chance."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.datasets import patient_keys, smaller_originals
from core.evaluation.bootstrap import RESAMPLES, bootstrap_both, interval
from core.evaluation.comparison import flag_discoveries
from core.evaluation.ranking import Array, auroc_per_label, macro
from core.findings import LABELS
from core.statistics import two_sided_p

# A label is judged in a group from this many positives and as many negatives on.
FEWEST = 10
_AGES = (
    (0, 18, "under 18"),
    (18, 40, "18 to 39"),
    (40, 60, "40 to 59"),
    (60, 80, "60 to 79"),
    (80, 121, "80 and over"),
)
_SIZE = 1024


def subgroups(table: pd.DataFrame) -> dict[str, dict[str, npt.NDArray[np.bool_]]]:
    """For each variable that divides the images the rows of each group; rows without a value are in none."""
    found: dict[str, dict[str, Any]] = {
        "sex": _values(table["sex"]),
        "age": {name: ((table["age"] >= low) & (table["age"] < high)).to_numpy() for low, high, name in _AGES},
        "view": _values(table["view"]),
        "source": _values(table["source"]),
    }
    if "original_px" in table.columns and table["original_px"].notna().any():
        small = smaller_originals(table, _SIZE).to_numpy()
        given = table["original_px"].notna().to_numpy()
        found["original size"] = {f"under {_SIZE} pixels": small, f"{_SIZE} pixels or more": given & ~small}
    present = {
        variable: {name: rows for name, rows in groups.items() if rows.any()} for variable, groups in found.items()
    }
    return {variable: groups for variable, groups in present.items() if len(groups) > 1}


def subgroup_figures(
    table: pd.DataFrame, labels: Array, probabilities: Array, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[dict[str, Any]]:
    """Each group against all other images of known group.

    A label counts where the group and the others have ten positives and ten negatives each; both macro means are over
    the same labels. Gaps have paired patient-bootstrap intervals and are called larger than chance at a false
    discovery rate of 5% over all gaps of all groups and labels. Where a variable has two groups the gap stands with the
    first only, as the second's is the same with the other sign.

    Args:
        table: rows as in ``labels`` (N, 14) and ``probabilities`` (N, 14).

    Returns:
        A row a group: ``variable, group, n_images, n_patients, labels`` (those judged), ``macro_auroc``, ``ci95``,
        ``rest_macro_auroc``, ``rest_ci95``, ``gap``, ``gap_ci95``, ``p``, ``larger_than_chance`` and ``per_label``
        with ``label, n_positive, auroc, ci95, rest_auroc, gap, gap_ci95, p, larger_than_chance``. What cannot be
        judged is None.
    """
    patients = patient_keys(table).to_numpy()
    rows, gaps = [], []
    for variable, groups in subgroups(table).items():
        all_known = np.logical_or.reduce(list(groups.values()))
        for place, (name, inside) in enumerate(groups.items()):
            row: dict[str, Any] = {"variable": variable, "group": name, "n_images": int(inside.sum())}
            row |= {"n_patients": len(np.unique(patients[inside]))}
            mirrored = len(groups) == 2 and place == 1
            outside = all_known & ~inside
            row |= _against_the_rest(labels, probabilities, patients, inside, outside, mirrored, resamples, seed)
            rows.append(row)
            gaps += [row, *row["per_label"]]
    flag_discoveries(gaps)
    return rows


def _against_the_rest(
    labels: Array,
    probabilities: Array,
    patients: npt.NDArray[Any],
    inside: npt.NDArray[np.bool_],
    outside: npt.NDArray[np.bool_],
    mirrored: bool,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    known = np.isfinite(probabilities)
    counts = np.array([((labels == value) & known)[rows].sum(axis=0) for rows in (inside, outside) for value in (0, 1)])
    judged = np.flatnonzero(counts.min(axis=0) >= FEWEST)
    empty = dict.fromkeys(("macro_auroc", "ci95", "rest_macro_auroc", "rest_ci95", "gap", "gap_ci95", "p"))
    if not len(judged):
        return {"labels": [], **empty, "per_label": []}
    part = labels[:, judged], probabilities[:, judged]
    own, others = (auroc_per_label(part[0][rows], part[1][rows]) for rows in (inside, outside))
    drawn, _ = bootstrap_both(part[0], [part[1]], patients, groups=[inside, outside], resamples=resamples, seed=seed)
    macros = macro(drawn)
    return {
        "labels": [LABELS[i] for i in judged],
        "macro_auroc": float(own.mean()),
        "ci95": interval(macros[0]),
        "rest_macro_auroc": float(others.mean()),
        "rest_ci95": interval(macros[1]),
        **_gap(float((own - others).mean()), macros[0] - macros[1], mirrored),
        "per_label": [
            {
                "label": LABELS[i],
                "n_positive": int(counts[1][i]),
                "auroc": float(own[k]),
                "ci95": interval(drawn[0, :, k]),
                "rest_auroc": float(others[k]),
                **_gap(float(own[k] - others[k]), drawn[0, :, k] - drawn[1, :, k], mirrored),
            }
            for k, i in enumerate(judged)
        ],
    }


def _gap(value: float, resampled: Array, mirrored: bool) -> dict[str, Any]:
    if mirrored:
        return {"gap": None, "gap_ci95": None, "p": None}
    error = float(np.nanstd(resampled))
    p = two_sided_p(value, error) if error > 0 else None
    return {"gap": value, "gap_ci95": interval(resampled), "p": p}


def _values(column: pd.Series) -> dict[str, npt.NDArray[np.bool_]]:
    return {str(value): (column == value).to_numpy() for value in sorted(column.dropna().unique())}
