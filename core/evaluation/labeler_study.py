"""How well the report labeler agrees with the human coding of Open-i, and how fast it is."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from core.findings import LABELS
from core.labeler import find_mentions, presences

Judge = Callable[[str], set[str]]


def by_labeler(report: str) -> set[str]:
    """Labels that the labeler calls present."""
    return {name for name, presence in presences(report).items() if presence == "present" and name in LABELS}


def by_keywords(report: str) -> set[str]:
    """The trivial baseline: labels that the report names at all, said to be present or not."""
    return {mention.observation for mention in find_mentions(report) if mention.observation in LABELS}


def study_labeler(table: pd.DataFrame, *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """F1 against the labels of the table, on each split and on all reports.

    Args:
        table: Open-i as ``load_openi(images=False)`` returns it; reports without coding are left out. Rows without a
            split belong to no split of R2Gen and count under "all" only.
        resamples: bootstrap resamples of the reports, each of which is one patient.
        seed: of the bootstrap.

    Returns:
        ``reports_per_second``, and under ``splits`` for each name ``n``, ``micro_f1`` and ``macro_f1`` with their
        ``_ci95``, the same two for ``keywords``, and ``per_label`` with precision, recall, f1 and counts. A label
        without positives has no part in the macro mean.
    """
    table = table[table[LABELS[0]].notna()].reset_index(drop=True)
    texts = [
        "\n\n".join(part for part in parts if part)
        for parts in zip(table["report_findings"], table["report_impression"], strict=True)
    ]
    started = time.process_time()
    ours = _matrix(texts, by_labeler)
    seconds = time.process_time() - started
    keywords = _matrix(texts, by_keywords)
    truth = table[list(LABELS)].to_numpy() > 0.5
    generator = np.random.default_rng(seed)
    splits = {}
    for name in ("train", "val", "test", "all"):
        rows = np.flatnonzero((table["split"] == name).to_numpy() | (name == "all"))
        if len(rows):
            splits[name] = _figures(truth[rows], ours[rows], keywords[rows], resamples, generator)
    return {"reports_per_second": len(texts) / seconds, "splits": splits}


def _matrix(texts: list[str], judge: Judge) -> np.ndarray:
    return np.array([[label in found for label in LABELS] for found in map(judge, texts)], dtype=bool)


def _counts(truth: np.ndarray, called: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """True positives, false positives and misses: (3, L)."""
    return np.stack([weights @ (truth & called), weights @ (~truth & called), weights @ (truth & ~called)])


def _f1(counts: np.ndarray) -> np.ndarray:
    tp, fp, fn = counts
    with np.errstate(invalid="ignore"):
        return np.where(tp + fn > 0, 2 * tp / (2 * tp + fp + fn), np.nan)


def _micro_macro(counts: np.ndarray) -> tuple[float, float]:
    return float(_f1(counts.sum(axis=1))), float(np.nanmean(_f1(counts)))


def _figures(
    truth: np.ndarray, ours: np.ndarray, keywords: np.ndarray, resamples: int, generator: np.random.Generator
) -> dict[str, Any]:
    ones = np.ones(len(truth))
    counts = _counts(truth, ours, ones)
    drawn = [
        _micro_macro(_counts(truth, ours, generator.multinomial(len(truth), ones / len(truth)).astype(float)))
        for _ in range(resamples)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0)
    micro, macro = _micro_macro(counts)
    by_chance = _micro_macro(_counts(truth, keywords, ones))
    return {
        "n": len(truth),
        "micro_f1": micro,
        "micro_f1_ci95": [float(low[0]), float(high[0])],
        "macro_f1": macro,
        "macro_f1_ci95": [float(low[1]), float(high[1])],
        "keywords": {"micro_f1": by_chance[0], "macro_f1": by_chance[1]},
        "per_label": {
            label: {
                "precision": float(tp / (tp + fp)) if tp + fp else None,
                "recall": float(tp / (tp + fn)) if tp + fn else None,
                "f1": float(2 * tp / (2 * tp + fp + fn)) if tp + fn else None,
                "tp": int(tp),
                "fp": int(fp),
                "fn": int(fn),
            }
            for label, (tp, fp, fn) in zip(LABELS, counts.T, strict=True)
        },
    }


def as_table(study: dict[str, Any]) -> str:
    """The figures as people read them."""
    lines = []
    for name, figures in study["splits"].items():
        title = "all indexed reports" if name == "all" else f"R2Gen {name}"
        lines.append(f"{title} ({figures['n']} reports)")
        lines.append(f"{'':<20}{'precision':>10}{'recall':>8}{'F1':>8}{'positives':>11}")
        for label, row in figures["per_label"].items():
            shown = [f"{row[key]:.3f}" if row[key] is not None else "-" for key in ("precision", "recall", "f1")]
            lines.append(f"{label:<20}{shown[0]:>10}{shown[1]:>8}{shown[2]:>8}{row['tp'] + row['fn']:>11}")
        for kind in ("micro", "macro"):
            low, high = figures[f"{kind}_f1_ci95"]
            lines.append(
                f"{kind}-F1 {figures[f'{kind}_f1']:.3f} [{low:.3f}, {high:.3f}]; keywords alone "
                f"{figures['keywords'][f'{kind}_f1']:.3f}"
            )
        lines.append("")
    lines.append(f"{study['reports_per_second']:,.0f} reports per second on one core, each read once.")
    return "\n".join(lines)
