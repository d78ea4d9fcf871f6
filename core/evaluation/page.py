"""``report.html``, one self-contained page, and its figures as PNG files with the tables behind them as CSV."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from core import DISCLAIMER
from core.atomic import write_text
from core.classifier.call_figures import STUDY_FIGURES
from core.evaluation import plots, tables
from core.evaluation.calibration_error import BINS
from core.evaluation.label_noise import WRONG_POSITIVES
from core.evaluation.localisation_table import published
from core.evaluation.ranking import Array
from core.evaluation.subgroups import FEWEST
from core.evaluation.thresholds import RULES
from core.evaluation.words import target_sentence, why_accuracy_proves_nothing
from core.findings import LABELS
from core.pages import page_environment
from core.plotting import as_svg, drawing, save_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_report(
    metrics: dict[str, Any],
    labels: Array,
    probabilities: Array,
    output_dir: str | Path,
    *,
    localisation: dict[str, Any] | None = None,
) -> Path:
    """Write ``report.html`` and the folder ``figures``.

    Args:
        metrics: the object of ``metrics.json``.
        labels, probabilities: (N, 14) that it was computed from, for the curves.
        localisation: the object of ``localization.json``, or None.

    Returns:
        The path of the page.
    """
    folder = Path(output_dir)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, (table, draw) in _figures(metrics, labels, probabilities).items():
        write_text(folder / "figures" / f"{name}.csv", table.to_csv(index=False, float_format="%.6g"))
        with drawing(name):
            figure = draw()
            save_png(figure, folder / "figures" / f"{name}.png")
            drawn[name] = Markup(as_svg(figure))
    tested = _gaps(metrics)
    page = (
        page_environment()
        .get_template("evaluation.html")
        .render(
            metrics=metrics,
            figures=drawn,
            labels=LABELS,
            target_sentence=target_sentence,
            accuracy_sentence=why_accuracy_proves_nothing(metrics),
            rules=RULES,
            study_figures=STUDY_FIGURES,
            bins=BINS,
            fewest=FEWEST,
            gaps=[row for row in tested if row["larger_than_chance"]],
            n_gaps=len(tested),
            noise=_noise_rows(metrics),
            wrong_positives=WRONG_POSITIVES,
            localisation=localisation,
            published=published,
            disclaimer=DISCLAIMER,
        )
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _figures(
    metrics: dict[str, Any], labels: Array, probabilities: Array
) -> "dict[str, tuple[pd.DataFrame, Callable[[], Figure]]]":
    """For each figure the table behind it, and what draws it."""
    discrimination, decisions = tables.discrimination_table(metrics), tables.decision_table(metrics)
    led = decisions[decisions["thresholds"] == metrics["decided_by"]]
    roc, precision_recall = tables.curve_tables(labels, probabilities)
    policies, calls = tables.policy_table(metrics), tables.call_table(metrics)
    reliability, noise = tables.reliability_table(metrics), tables.noise_table(metrics)
    found: dict[str, tuple[pd.DataFrame, Callable[[], Figure]]] = {
        "auroc": (discrimination, lambda: plots.auroc_figure(discrimination)),
        "roc": (roc, lambda: plots.roc_figure(roc, discrimination, led)),
        "precision_recall": (
            precision_recall,
            lambda: plots.precision_recall_figure(precision_recall, discrimination, led),
        ),
        "confusion": (decisions, lambda: plots.confusion_figure(led)),
        "f1": (led, lambda: plots.f1_figure(led)),
        "policies": (policies, lambda: plots.policy_figure(policies)),
        "calls": (calls, lambda: plots.call_figure(calls[calls["policy"] == metrics["policy"]])),
        "reliability": (reliability, lambda: plots.reliability_figure(reliability)),
        "label_noise": (noise, lambda: plots.noise_figure(noise)),
    }
    if metrics["comparisons"]:
        comparison = tables.comparison_table(metrics)
        found["comparison"] = (comparison, lambda: plots.comparison_figure(comparison))
    groups = tables.subgroup_table(metrics)
    if len(groups) and (groups["label"] == "macro").any() and groups["auroc"].notna().any():
        found["subgroups"] = (groups, lambda: plots.subgroup_figure(groups))
    return found


def _gaps(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Each gap that was tested, the macro ones first."""
    wholes = [group | {"label": "macro"} for group in metrics["subgroups"] if group["p"] is not None]
    parts = [
        {"variable": group["variable"], "group": group["group"]} | one
        for group in metrics["subgroups"]
        for one in group["per_label"]
        if one["p"] is not None
    ]
    return wholes + parts


def _noise_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """For each label its AUROC against the truth at each assumed share of wrong positives, no negative being wrong."""
    rows: dict[str, dict[float, float | None]] = {}
    for one in metrics["label_noise"]["sensitivity"]:
        if one["wrong_negatives"] == 0:
            rows.setdefault(one["label"], {})[one["wrong_positives"]] = one["auroc"]
    return [{"label": label, "aurocs": values} for label, values in rows.items()]
