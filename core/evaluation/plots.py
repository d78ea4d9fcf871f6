"""The figures of the evaluation report, drawn from the tables that are written beside them."""

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.classifier.call_figures import STUDY_FIGURES
from core.evaluation.metrics import TARGET_RANGE
from core.findings import LABELS, display_name
from core.plotting import COLOURS, GREY, INK, MARKERS, canvas, panels, rectangle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 0.27
# Figures of a policy that are no shares.
_COUNTS = ("false_calls_per_normal", "calls_per_abnormal")


def auroc_figure(table: pd.DataFrame) -> "Figure":
    """AUROC of each label with its interval."""
    figure, axes = canvas(height=1.1 + _ROW * len(table))
    _dots(axes, table, "auroc", range(len(table)), 0)
    _auroc_axes(axes, table)
    return figure


def comparison_figure(table: pd.DataFrame) -> "Figure":
    """Our AUROC less that of each other model on the images that both have, a row a model and a column a label.

    Where a difference is larger than chance its number is framed.
    """
    models, labels = list(dict.fromkeys(table["model"])), ["macro", *(n for n in LABELS if n in set(table["label"]))]
    cells = table.set_index(["model", "label"])
    values = np.full((len(models), len(labels)), np.nan)
    figure, axes = canvas(height=2.2 + 1.2 * _ROW * len(models))
    figure.set_size_inches(10, figure.get_size_inches()[1])
    for row, model in enumerate(models):
        for column, label in enumerate(labels):
            if (model, label) not in cells.index:
                continue
            cell = cells.loc[(model, label)]
            values[row, column] = cell["difference"]
            axes.text(column, row, f"{100 * cell['difference']:+.0f}", ha="center", va="center", fontsize=9, color=INK)
            if cell["larger_than_chance"]:
                edge = rectangle(column - 0.45, row - 0.42, 0.9, 0.84, fill=False, edgecolor=INK, lw=1.2)
                axes.add_patch(edge)
    # Pale at both ends, so that the numbers can be read on every colour.
    axes.imshow(values, cmap="PuOr", vmin=-0.4, vmax=0.4, aspect="auto")
    counts = cells["n_images"].groupby("model").first()
    axes.set_yticks(range(len(models)), [f"{model} ({counts[model]:,})" for model in models])
    axes.set_xticks(range(len(labels)), [display_name(label) for label in labels], rotation=40, ha="right")
    axes.tick_params(length=0)
    axes.set_xlabel("our AUROC less theirs, in hundredths (framed: larger than chance; in brackets: shared images)")
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    return figure


def roc_figure(curves: pd.DataFrame, discrimination: pd.DataFrame, decisions: pd.DataFrame) -> "Figure":
    """ROC curves, a panel a label, with the decision threshold marked."""
    aurocs = discrimination.set_index("label")["auroc"]
    points = decisions.set_index("label")
    names = list(aurocs.index)
    figure, flat = panels(len(names))
    for axes, label in zip(flat, names, strict=True):
        own = curves[curves["label"] == label]
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
        axes.plot(own["false_positive_rate"], own["sensitivity"], color=COLOURS[0], lw=1.4)
        if label in points.index:
            point = points.loc[label]
            axes.plot(1 - point["specificity"], point["recall"], MARKERS[3], color=COLOURS[1], markersize=5)
        _title(axes, label, f"AUROC {aurocs[label]:.3f}")
    _square(flat)
    figure.supxlabel("1 - specificity", fontsize=10)
    figure.supylabel("sensitivity", fontsize=10)
    return figure


def precision_recall_figure(curves: pd.DataFrame, discrimination: pd.DataFrame, decisions: pd.DataFrame) -> "Figure":
    """Precision against recall, a panel a label, with chance and the decision threshold marked."""
    figures = discrimination.set_index("label")
    points = decisions.set_index("label")
    figure, flat = panels(len(figures))
    for axes, label in zip(flat, figures.index, strict=True):
        own = curves[curves["label"] == label]
        axes.axhline(figures.loc[label, "prevalence"], color=GREY, lw=0.8, ls=":")
        axes.step(own["recall"], own["precision"], where="post", color=COLOURS[0], lw=1.4)
        if label in points.index and pd.notna(points.loc[label, "precision"]):
            axes.plot(points.loc[label, "recall"], points.loc[label, "precision"], MARKERS[3], color=COLOURS[1], ms=5)
        _title(axes, label, f"AP {figures.loc[label, 'average_precision']:.3f}")
    _square(flat)
    figure.supxlabel("recall", fontsize=10)
    figure.supylabel("precision", fontsize=10)
    return figure


def f1_figure(decisions: pd.DataFrame) -> "Figure":
    """F1 of each label with its interval, beside that of calling it at random at its prevalence."""
    figure, axes = canvas(height=1.1 + _ROW * len(decisions))
    _dots(axes, decisions, "f1", range(len(decisions)), 0, "this model")
    axes.plot(
        decisions["f1_of_chance"], range(len(decisions)), MARKERS[1], color=COLOURS[1], mfc="none", label="chance"
    )
    figure.legend(frameon=False, ncols=2, loc="outside upper center")
    _name_rows(axes, [display_name(label) for label in decisions["label"]])
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1, 95% interval")
    return figure


def policy_figure(table: pd.DataFrame) -> "Figure":
    """The shares of the study under each policy with their intervals, beside those of chance."""
    own = table[~table["figure"].isin(_COUNTS)]
    names = list(own["figure"].unique())
    policies = list(own["policy"].unique())
    figure, axes = canvas(height=1.4 + _ROW * 1.6 * len(names))
    places = np.arange(len(names))
    for series, policy in enumerate(policies):
        part = own[own["policy"] == policy]
        _dots(axes, part, "value", places + 0.22 * (series - (len(policies) - 1) / 2), series, policy)
    chance = own[own["policy"] == policies[0]]["chance"]
    axes.plot(chance, places, "|", color=INK, markersize=11, label="chance")
    figure.legend(frameon=False, ncols=len(policies) + 1, loc="outside upper center")
    _name_rows(axes, [fill(STUDY_FIGURES[name], 26) for name in names])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share, 95% interval")
    return figure


def call_figure(table: pd.DataFrame) -> "Figure":
    """Precision and sensitivity of what a policy calls, label by label, with the prevalence, which chance has."""
    figure, axes = canvas(height=1.1 + _ROW * 1.5 * len(table))
    places = np.arange(len(table))
    _dots(axes, table, "precision", places - 0.17, 0, "precision")
    _dots(axes, table, "sensitivity", places + 0.17, 1, "sensitivity")
    axes.plot(table["prevalence"], places, "|", color=INK, markersize=11, label="chance")
    figure.legend(frameon=False, ncols=3, loc="outside upper center")
    _name_rows(axes, [display_name(label) for label in table["label"]])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share, 95% interval")
    return figure


def confusion_figure(decisions: pd.DataFrame) -> "Figure":
    """Confusion matrices, a panel a label; the darker, the larger the cell's share of its row."""
    figure, flat = panels(len(decisions), side=1.75)
    for axes, row in zip(flat, decisions.to_dict("records"), strict=True):
        for y, cells in enumerate(((row["tp"], row["fn"]), (row["fp"], row["tn"]))):
            for x, count in enumerate(cells):
                share = count / max(sum(cells), 1)
                look = {"facecolor": COLOURS[0], "alpha": 0.06 + 0.5 * share, "lw": 0}
                axes.add_patch(rectangle(x - 0.48, y - 0.48, 0.96, 0.96, **look))
                axes.text(x, y, f"{count:,}", ha="center", va="center", fontsize=9)
        axes.set_xlim(-0.5, 1.5)
        axes.set_ylim(1.5, -0.5)
        axes.set_xticks([0, 1], ["called", "not called"], fontsize=8)
        axes.set_yticks([0, 1], ["present", "absent"], fontsize=8)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        _title(axes, row["label"], "")
    return figure


def reliability_figure(table: pd.DataFrame) -> "Figure":
    """Share of positives against mean probability, a panel a label, before and after calibration."""
    labels = list(table["label"].unique())
    figure, flat = panels(len(labels), shared=False)
    for axes, label in zip(flat, labels, strict=True):
        own = table[table["label"] == label]
        limit = max(0.02, float(own[["mean_probability", "share_positive"]].max().max()) * 1.08)
        axes.plot([0, limit], [0, limit], color=GREY, lw=0.8, ls=":")
        for kind, place, line in (("before", 1, "--"), ("after", 0, "-")):
            part = own[own["probabilities"] == kind]
            if len(part):
                marker, colour = MARKERS[place], COLOURS[place]
                name = f"{kind} calibration" if label == labels[0] else None
                fill = colour if kind == "after" else "none"
                x, y = part["mean_probability"], part["share_positive"]
                axes.plot(x, y, marker=marker, ls=line, lw=1.1, ms=3.5, color=colour, mfc=fill, label=name)
        axes.set_xlim(0, limit)
        axes.set_ylim(0, limit)
        axes.locator_params(nbins=3)
        axes.tick_params(labelsize=8)
        _title(axes, label, "")
    if table["probabilities"].nunique() > 1:
        figure.legend(frameon=False, ncols=2, loc="outside upper center")
    figure.supxlabel("mean probability of a tenth of the images", fontsize=10)
    figure.supylabel("share of positives", fontsize=10)
    return figure


def subgroup_figure(table: pd.DataFrame) -> "Figure":
    """Macro AUROC of each group beside that of all other images, over the same labels."""
    own = table[(table["label"] == "macro") & table["auroc"].notna()]
    figure, axes = canvas(height=1.1 + _ROW * 1.2 * len(own))
    _dots(axes, own, "auroc", range(len(own)), 0, "group")
    axes.plot(own["rest_auroc"], range(len(own)), MARKERS[1], color=COLOURS[1], mfc="none", label="all others")
    figure.legend(frameon=False, ncols=2, loc="outside upper center")
    _name_rows(axes, [f"{row.variable}: {row.group}" for row in own.itertuples()])
    axes.set_xlim(min(0.5, axes.get_xlim()[0]), 1)
    axes.set_xlabel("macro AUROC, 95% interval")
    return figure


def noise_figure(table: pd.DataFrame) -> "Figure":
    """AUROC against the truth for assumed shares of wrong labels, a panel a label and one for the mean."""
    labels = list(table["label"].unique())
    figure, flat = panels(len(labels))
    styles = (("-", "o"), ("--", "s"), (":", "^"))
    for axes, label in zip(flat, labels, strict=True):
        own = table[table["label"] == label]
        for place, (share, part) in enumerate(own.groupby("wrong_negatives")):
            line, marker = styles[place % 3]
            name = f"{share:.0%} of negatives wrong" if label == labels[0] else None
            x, y = part["wrong_positives"], part["auroc"].astype(float)
            axes.plot(x, y, ls=line, marker=marker, ms=3, lw=1.1, color=COLOURS[place], label=name)
        _title(axes, label, "")
        axes.set_ylim(0.5, 1.02)
        axes.set_xticks([0, 0.25, 0.5], ["0", "25%", "50%"])
        axes.tick_params(labelsize=8)
    figure.legend(frameon=False, ncols=3, loc="outside upper center", fontsize=9)
    figure.supxlabel("assumed share of positives that are wrong", fontsize=10)
    figure.supylabel("AUROC against the truth", fontsize=10)
    return figure


def _dots(axes: Any, table: pd.DataFrame, name: str, places: Any, series: int, label: str | None = None) -> None:
    values = table[name].astype(float).to_numpy()
    low, high = table[f"{name}_low"].astype(float).to_numpy(), table[f"{name}_high"].astype(float).to_numpy()
    spans = np.nan_to_num(np.clip([values - low, high - values], 0, None))
    colour, marker = COLOURS[series], MARKERS[series]
    axes.errorbar(values, places, xerr=spans, fmt=marker, color=colour, markersize=5, lw=1.3, label=label)


def _auroc_axes(axes: Any, table: pd.DataFrame) -> None:
    axes.axvspan(*TARGET_RANGE, color=GREY, alpha=0.22, lw=0)
    axes.axvline(0.5, color=INK, lw=0.8)
    _name_rows(axes, [display_name(label) for label in table["label"]])
    axes.set_xlim(min(0.45, axes.get_xlim()[0]), 1)
    axes.set_xlabel("AUROC, 95% interval; line: chance; band: target")


def _name_rows(axes: Any, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _title(axes: Any, label: str, figure: str) -> None:
    name = "Macro mean" if label == "macro" else display_name(label)
    axes.set_title(f"{name}\n{figure}" if figure else name, fontsize=9, loc="left")


def _square(flat: list[Any]) -> None:
    for axes in flat:
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.tick_params(labelsize=8)
