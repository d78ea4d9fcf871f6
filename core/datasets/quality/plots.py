"""The figures of the quality report as SVG that takes the page's text colour and font."""

from typing import Any

from core.findings import LABELS, display_name
from core.plotting import COLOURS, GREY, INK, MARKERS, as_svg, canvas, drawing

_MOST_ASSOCIATIONS = 16


def prevalence_figure(rows: list[dict[str, Any]], source: str) -> str:
    """Prevalence of each label with its interval, one marker a split; of one source."""
    own = [row for row in rows if row["source"] == source and row["ci95"]]
    splits = sorted({row["split"] for row in own}, key=_split_order)
    with drawing(f"prevalence {source}"):
        figure, axes = canvas(height=0.9 + 0.27 * len(LABELS) * max(1, len(splits) / 2))
        for index, split in enumerate(splits):
            shift = (index - (len(splits) - 1) / 2) * 0.24
            part = [row for row in own if row["split"] == split]
            places = [LABELS.index(row["label"]) + shift for row in part]
            shares = [100 * row["prevalence"] for row in part]
            spans = [
                [max(0.0, share - 100 * row["ci95"][0]) for share, row in zip(shares, part, strict=True)],
                [max(0.0, 100 * row["ci95"][1] - share) for share, row in zip(shares, part, strict=True)],
            ]
            colour, marker = COLOURS[index % 4], MARKERS[index % 4]
            axes.errorbar(shares, places, xerr=spans, fmt=marker, color=colour, markersize=5, lw=1.3, label=split)
        axes.set_yticks(range(len(LABELS)), [display_name(label) for label in LABELS])
        axes.set_ylim(len(LABELS) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.set_xlabel("Share of images, %, and 95% interval")
        if len(splits) > 1:
            figure.legend(frameon=False, ncols=len(splits), loc="outside upper center")
        return as_svg(figure)


def association_figure(associations: list[dict[str, Any]], margin: float) -> str:
    """The first associations with their intervals, beside the band in which nothing is flagged."""
    shown = associations[:_MOST_ASSOCIATIONS]
    with drawing("associations"):
        figure, axes = canvas(height=0.9 + 0.27 * len(shown))
        axes.axvspan(0.5 - margin, 0.5 + margin, color=GREY, alpha=0.22, lw=0)
        axes.axvline(0.5, color=INK, lw=0.8)
        for place, item in enumerate(shown):
            filled = COLOURS[1] if item["flagged"] else "none"
            colour = COLOURS[1] if item["flagged"] else COLOURS[0]
            axes.plot([item["low"], item["high"]], [place, place], color=colour, lw=1.3)
            axes.plot(item["auroc"], place, "o", color=colour, markerfacecolor=filled, markersize=5.5)
        names = [f"{display_name(item['label'])} by {item['feature']}" for item in shown]
        axes.set_yticks(range(len(shown)), names)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.set_xlabel("AUROC, 95% interval; filled: flagged")
        return as_svg(figure)


def coverage_figure(rows: list[dict[str, Any]]) -> str:
    """How many rows hold each field of the patient's record, one marker a split."""
    fields = list(dict.fromkeys(row["field"] for row in rows))
    splits = sorted({row["split"] for row in rows}, key=_split_order)
    with drawing("coverage"):
        figure, axes = canvas(height=0.9 + 0.27 * len(fields))
        for index, split in enumerate(splits):
            part = [row for row in rows if row["split"] == split]
            places = [fields.index(row["field"]) + (index - (len(splits) - 1) / 2) * 0.2 for row in part]
            shares = [100 * row["share"] for row in part]
            axes.plot(shares, places, MARKERS[index % 4], color=COLOURS[index % 4], markersize=5, label=split)
        axes.set_yticks(range(len(fields)), fields)
        axes.set_ylim(len(fields) - 0.4, -0.6)
        axes.set_xlim(0, 102)
        axes.grid(axis="x", color=GREY, alpha=0.35, lw=0.6)
        axes.set_xlabel("Share of images with the field, %")
        if len(splits) > 1:
            figure.legend(frameon=False, ncols=len(splits), loc="outside upper center")
        return as_svg(figure)


def _split_order(split: str) -> tuple[int, str]:
    order = ("train", "val", "test")
    return (order.index(split) if split in order else len(order), split)
