"""What wrong labels do to AUROC: against adjudicated labels, and by assumption.

Of the images that are labelled positive let a share ``a`` be negative, and of those labelled negative a share ``b``
positive. If which ones are wrong does not depend on the score, the AUROC against the labels is
``0.5 + (1 - a - b) (A - 0.5)``, where ``A`` is the AUROC against the truth (Menon et al., ICML 2015, corollary 3).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.datasets import ADJUDICATED
from core.evaluation.bootstrap import RESAMPLES, bootstrap, interval
from core.evaluation.ranking import Array, auroc_per_label
from core.evaluation.subgroups import FEWEST
from core.findings import LABELS
from core.statistics import wilson

# Assumed shares of wrong positives and wrong negatives.
WRONG_POSITIVES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
WRONG_NEGATIVES = (0.0, 0.02, 0.05)


def auroc_against_truth(measured: float, wrong_positives: float, wrong_negatives: float) -> float | None:
    """The AUROC against the truth that explains a measured one, or None if none up to 1 does.

    Args:
        measured: AUROC against the labels.
        wrong_positives: share of those labelled positive that are negative.
        wrong_negatives: share of those labelled negative that are positive.
    """
    kept = 1 - wrong_positives - wrong_negatives
    if kept <= 0:
        return None
    value = 0.5 + (measured - 0.5) / kept
    return value if 0 <= value <= 1 else None


def noise_sensitivity(aurocs: dict[str, float | None], macro_auroc: float) -> list[dict[str, Any]]:
    """The AUROC against the truth of each label and of the macro mean, for each pair of assumed shares.

    Returns:
        Rows ``label`` (``macro`` for the mean), ``wrong_positives``, ``wrong_negatives``, ``auroc`` (None where no
        AUROC up to 1 explains what was measured, so that labels cannot be wrong in that way).
    """
    named = {name: value for name, value in aurocs.items() if value is not None} | {"macro": macro_auroc}
    return [
        {
            "label": name,
            "wrong_positives": a,
            "wrong_negatives": b,
            "auroc": auroc_against_truth(value, a, b),
        }
        for name, value in named.items()
        for a in WRONG_POSITIVES
        for b in WRONG_NEGATIVES
    ]


def mined_label_quality(adjudicated: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """How far mined labels agree with adjudicated ones, over all adjudicated images.

    Args:
        adjudicated: from ``load_adjudicated``.

    Returns:
        For each adjudicated label ``n_images``, and as a share with ``_ci95`` (Wilson) ``wrong_positives`` (1 - PPV),
        ``wrong_negatives`` (1 - NPV) and ``sensitivity``.
    """
    found = {}
    for name in ADJUDICATED:
        rows = adjudicated[adjudicated[name].notna()]
        truth, mined = rows[name].to_numpy() > 0.5, rows[f"mined {name}"].to_numpy() > 0.5
        found[name] = {
            "n_images": len(rows),
            **_share("wrong_positives", mined & ~truth, mined),
            **_share("wrong_negatives", ~mined & truth, ~mined),
            **_share("sensitivity", mined & truth, truth),
        }
    return found


def adjudicated_figures(
    table: pd.DataFrame,
    probabilities: Array,
    patients: npt.NDArray[Any],
    adjudicated: pd.DataFrame,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """AUROC against adjudicated and against mined labels, on the evaluated images that have both.

    The score of a label that stands for several of the 14 is the largest of their probabilities.

    Args:
        table: the evaluated images; only those of the source ``nih`` can be adjudicated.
        probabilities: (N, 14).
        patients: (N,) identifiers.
        adjudicated: from ``load_adjudicated``.

    Returns:
        For each adjudicated label ``n_images``, ``n_positive`` (adjudicated) and, where both kinds of label have ten
        positives and ten negatives, ``auroc_adjudicated``, ``auroc_mined``, ``difference``, each with ``_ci95``;
        otherwise these are None.
    """
    matched = adjudicated.reindex(table["study_id"].where(table["source"] == "nih"))
    found = {}
    for name, parts in ADJUDICATED.items():
        scores = probabilities[:, [LABELS.index(part) for part in parts]].max(axis=1)
        rows = matched[name].notna().to_numpy() & np.isfinite(scores)
        values = matched[[name, f"mined {name}"]][rows].to_numpy(dtype=float)
        figures: dict[str, Any] = {"n_images": int(rows.sum()), "n_positive": int(values[:, 0].sum())}
        names = ("auroc_adjudicated", "auroc_mined", "difference")
        figures |= {key: None for one in names for key in (one, f"{one}_ci95")}
        if rows.any() and min((values == value).sum(axis=0).min() for value in (0, 1)) >= FEWEST:
            both = np.stack([scores[rows]] * 2, axis=1)
            drawn = bootstrap(values, [both], patients[rows], resamples=resamples, seed=seed)[0]
            measured = auroc_per_label(values, both)
            for one, value, resampled in zip(
                names,
                (*measured, measured[0] - measured[1]),
                (drawn[:, 0], drawn[:, 1], drawn[:, 0] - drawn[:, 1]),
                strict=True,
            ):
                figures |= {one: float(value), f"{one}_ci95": interval(resampled)}
        found[name] = figures
    return found


def _share(name: str, part: npt.NDArray[np.bool_], whole: npt.NDArray[np.bool_]) -> dict[str, Any]:
    n, total = int(part.sum()), int(whole.sum())
    return {name: n / total if total else None, f"{name}_ci95": list(wilson(n, total))}
