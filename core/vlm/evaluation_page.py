"""``report.html`` of a text evaluation: figures, tables, and reports side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from core import DISCLAIMER
from core.atomic import write_text
from core.findings import LABELS, display_name
from core.labeler import find_mentions
from core.pages import page_environment
from core.plotting import COLOURS, GREY, as_svg, drawing, panels
from core.vlm.evaluation import PATHOLOGIES, PUBLISHED, TextEvaluation
from core.vlm.evaluation_baselines import BASELINES, TEMPLATE
from core.vlm.evaluation_manifest import GENERATED, REFERENCE
from core.vlm.evaluation_table import rows_of, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLES = 10
_DRAWN = {
    "bleu_4": "BLEU-4 of Findings",
    "rouge_l": "ROUGE-L of Findings",
    "nih14.micro_f1": "NIH-14 micro F1",
    "chexpert14.micro_f1": "CheXpert-14 micro F1",
    "evidence.micro_f1": "micro F1 to the evidence",
    "violation_rate": "guard objects",
}
_MARKS = {"present": "present", "uncertain": "possible", "absent": "absent"}


def write_page(evaluation: TextEvaluation, path: str | Path) -> None:
    """Write the page; it loads nothing from elsewhere."""
    names = list(evaluation.systems)
    with drawing("text-scores"):
        figure = Markup(as_svg(_figure(evaluation)))
    page = (
        page_environment()
        .get_template("text_evaluation.html")
        .render(
            evaluation=evaluation,
            names=names,
            baselines=BASELINES,
            groups=rows_of(evaluation),
            shown=shown,
            figure=figure,
            pathologies=[(label, display_name(label)) for label in PATHOLOGIES],
            published=PUBLISHED,
            examples=_examples(evaluation),
            disclaimer=DISCLAIMER,
        )
    )
    write_text(path, page)


def _figure(evaluation: TextEvaluation) -> "Figure":
    """A panel a score, a bar a system, baselines grey."""
    had = [name for name in _DRAWN if any(name in one.scores for one in evaluation.systems.values())]
    names = list(evaluation.systems)
    figure, flat = panels(len(had), columns=2, side=2.9, shared=False)
    figure.set_size_inches(5.8, -(-len(had) // 2) * (0.9 + 0.25 * len(names)) + 0.2)
    for place, (axes, score) in enumerate(zip(flat, had, strict=True)):
        for row, name in enumerate(names):
            one = evaluation.systems[name].scores.get(score)
            if one is None or one.value is None:
                continue
            low, high = one.ci95 or (one.value, one.value)
            colour = GREY if name in BASELINES else COLOURS[0]
            axes.barh(row, one.value, height=0.6, color=colour, alpha=0.55)
            reach = np.array([[max(one.value - low, 0)], [max(high - one.value, 0)]])
            axes.errorbar(one.value, row, xerr=reach, color=colour, capsize=2, lw=1.2)
        axes.set_yticks(range(len(names)), names if place % 2 == 0 else [], fontsize=9)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_title(_DRAWN[score], fontsize=10)
        axes.tick_params(axis="x", labelsize=8)
        axes.tick_params(axis="y", length=0)
    return figure


def _examples(evaluation: TextEvaluation) -> list[dict[str, Any]]:
    """Ten studies, every second one with a label where there are so many: reference, systems and template."""
    systems = {name: table.set_index("id") for name, table in evaluation.studies.groupby("system", sort=False)}
    order = np.random.default_rng(0).permutation(evaluation.references["id"].to_numpy())
    labelled = [one for one in order if _states(evaluation.references.set_index("id").loc[one])]
    plain = [one for one in order if one not in set(labelled)]
    half = min(len(labelled), max(EXAMPLES // 2, EXAMPLES - len(plain)))
    chosen = [*labelled[:half], *plain[: EXAMPLES - half]]
    references = evaluation.references.set_index("id")
    shown_systems = [name for name in systems if name not in BASELINES or name == TEMPLATE]
    return [
        {
            "id": one,
            "texts": [
                ("reference", [marked(references.loc[one, column]) for column in REFERENCE]),
                *((name, [marked(systems[name].loc[one, column]) for column in GENERATED]) for name in shown_systems),
            ],
        }
        for one in chosen
    ]


def _states(row: "pd.Series[Any]") -> bool:
    """Whether a reference calls one of the 14 labels."""
    return any(
        mention.observation in LABELS and mention.presence in ("present", "uncertain")
        for column in REFERENCE
        for mention in find_mentions(row[column])
    )


def marked(text: str) -> Markup:
    """The text with the words that name a label marked by what is said of it."""
    pieces, end = [], 0
    for mention in find_mentions(text):
        if mention.observation not in LABELS or mention.presence not in _MARKS or mention.start < end:
            continue
        kind = _MARKS[mention.presence]
        title = f"{display_name(mention.observation)}: {kind}"
        pieces.append(escape(text[end : mention.start]))
        pieces.append(Markup('<mark class="{}" title="{}">{}</mark>').format(kind, title, mention.words))
        end = mention.end
    return Markup("").join([*pieces, escape(text[end:])])
