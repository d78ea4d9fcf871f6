"""The quality report as ``quality.json`` and as one self-contained page."""

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from core.atomic import write_text
from core.datasets.quality.plots import association_figure, coverage_figure, prevalence_figure
from core.findings import LABELS
from core.pages import page_environment

# Longer lists are in ``quality.json`` as a whole.
LONGEST_LIST = 50


def write_quality_report(result: dict[str, Any], output_dir: str | Path) -> Path:
    """Write ``quality.json`` and ``quality.html``.

    Args:
        result: from ``assess_quality``.
        output_dir: made if there is none.

    Returns:
        The path of the page.
    """
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "quality.json", json.dumps(result, indent=1) + "\n")
    write_text(folder / "quality.html", render_page(result))
    return folder / "quality.html"


def render_page(result: dict[str, Any]) -> str:
    """The HTML; it loads nothing from elsewhere."""
    sources = sorted({row["source"] for row in result["prevalence"]})
    prevalence = {
        source: Markup(prevalence_figure(result["prevalence"], source))
        for source in sources
        if any(row["ci95"] for row in result["prevalence"] if row["source"] == source)
    }
    found = result["confounding"]
    figure = association_figure(found["associations"], found["margin"]) if found["associations"] else ""
    return (
        page_environment()
        .get_template("quality.html")
        .render(
            result=result,
            labels=LABELS,
            longest=LONGEST_LIST,
            prevalence_figures=prevalence,
            association_figure=Markup(figure),
            coverage_figure=Markup(coverage_figure(result["ehr"])) if result["ehr"] else "",
        )
    )
