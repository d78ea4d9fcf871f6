"""The figures of the quality report as SVG that takes the page's text colour and font."""

import io
import re
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from core.findings import LABELS, display_name

# Okabe and Ito's palette: told apart by colour-blind readers and legible on white and on black; each split has a
# marker of its own besides.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
_MARKERS = ("o", "s", "^", "D")
_INK = "#010203"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_MOST_ASSOCIATIONS = 16


def prevalence_figure(rows: list[dict[str, Any]], source: str) -> str:
    """Prevalence of each label with its interval, one marker a split; of one source."""
    own = [row for row in rows if row["source"] == source and row["ci95"]]
    splits = sorted({row["split"] for row in own}, key=_split_order)
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": f"prevalence {source}"}):
        figure, axes = _canvas(height=0.9 + 0.27 * len(LABELS) * max(1, len(splits) / 2))
        for index, split in enumerate(splits):
            shift = (index - (len(splits) - 1) / 2) * 0.24
            part = [row for row in own if row["split"] == split]
            places = [LABELS.index(row["label"]) + shift for row in part]
            shares = [100 * row["prevalence"] for row in part]
            spans = [
                [max(0.0, share - 100 * row["ci95"][0]) for share, row in zip(shares, part, strict=True)],
                [max(0.0, 100 * row["ci95"][1] - share) for share, row in zip(shares, part, strict=True)],
            ]
            colour, marker = _COLOURS[index % 4], _MARKERS[index % 4]
            axes.errorbar(shares, places, xerr=spans, fmt=marker, color=colour, markersize=5, lw=1.3, label=split)
        axes.set_yticks(range(len(LABELS)), [display_name(label) for label in LABELS])
        axes.set_ylim(len(LABELS) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel("Share of images, %, and 95% interval")
        if len(splits) > 1:
            figure.legend(frameon=False, ncols=len(splits), loc="outside upper center")
        return _svg(figure)


def association_figure(associations: list[dict[str, Any]], margin: float) -> str:
    """The first associations with their intervals, beside the band in which nothing is flagged."""
    shown = associations[:_MOST_ASSOCIATIONS]
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": "associations"}):
        figure, axes = _canvas(height=0.9 + 0.27 * len(shown))
        axes.axvspan(0.5 - margin, 0.5 + margin, color="#888888", alpha=0.22, lw=0)
        axes.axvline(0.5, color=_INK, lw=0.8)
        for place, item in enumerate(shown):
            filled = _COLOURS[1] if item["flagged"] else "none"
            colour = _COLOURS[1] if item["flagged"] else _COLOURS[0]
            axes.plot([item["low"], item["high"]], [place, place], color=colour, lw=1.3)
            axes.plot(item["auroc"], place, "o", color=colour, markerfacecolor=filled, markersize=5.5)
        names = [f"{display_name(item['label'])} by {item['feature']}" for item in shown]
        axes.set_yticks(range(len(shown)), names)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.set_xlabel("AUROC, 95% interval; filled: flagged")
        return _svg(figure)


def coverage_figure(rows: list[dict[str, Any]]) -> str:
    """How many rows hold each field of the patient's record, one marker a split."""
    fields = list(dict.fromkeys(row["field"] for row in rows))
    splits = sorted({row["split"] for row in rows}, key=_split_order)
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": "coverage"}):
        figure, axes = _canvas(height=0.9 + 0.27 * len(fields))
        for index, split in enumerate(splits):
            part = [row for row in rows if row["split"] == split]
            places = [fields.index(row["field"]) + (index - (len(splits) - 1) / 2) * 0.2 for row in part]
            shares = [100 * row["share"] for row in part]
            axes.plot(shares, places, _MARKERS[index % 4], color=_COLOURS[index % 4], markersize=5, label=split)
        axes.set_yticks(range(len(fields)), fields)
        axes.set_ylim(len(fields) - 0.4, -0.6)
        axes.set_xlim(0, 102)
        axes.grid(axis="x", color="#888888", alpha=0.35, lw=0.6)
        axes.set_xlabel("Share of images with the field, %")
        if len(splits) > 1:
            figure.legend(frameon=False, ncols=len(splits), loc="outside upper center")
        return _svg(figure)


def _split_order(split: str) -> tuple[int, str]:
    order = ("train", "val", "test")
    return (order.index(split) if split in order else len(order), split)


def _canvas(*, height: float) -> tuple[Figure, Any]:
    """A figure without a window system, as narrow as a telephone, so that its text stays legible there."""
    figure = Figure(figsize=(5.3, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"font-family:[^;\"]*;", "", text)
    return text.replace(_INK, "currentColor")
