"""One look for the figures of reports: SVG that takes the page's text colour and font, and the same drawn as PNG.

What draws is imported once something is drawn: most commands that can draw are started for something else.
"""

import io
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

# Okabe and Ito's palette: told apart by colour-blind readers and legible on white and on black; each series has a
# marker or a line style of its own besides.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
MARKERS = ("o", "s", "^", "D")
GREY = "#888888"
# Becomes the page's text colour in SVG; black for the eye elsewhere.
INK = "#010203"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def drawing(name: str) -> AbstractContextManager[None]:
    """The style in which a figure is drawn and saved.

    Args:
        name: of the figure, unlike that of any other on the page: the ids inside the SVG come from it.
    """
    return matplotlib.rc_context(_STYLE | {"svg.hashsalt": name})


def canvas(*, height: float) -> "tuple[Figure, Any]":
    """A figure without a window system, as narrow as a telephone, so that its text stays legible there.

    Args:
        height: in inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.3, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def panels(count: int, *, columns: int = 4, side: float = 1.9, shared: bool = True) -> "tuple[Figure, list[Any]]":
    """Small multiples, for curves that would lie over each other in one picture.

    Args:
        count: of panels.
        columns: panels in a row.
        side: of a panel, in inches.
        shared: whether all panels have the same axes.
    """
    from matplotlib.figure import Figure

    rows = -(-count // columns)
    figure = Figure(figsize=(columns * side, rows * side + 0.5), layout="constrained")
    figure.patch.set_alpha(0)
    grid = figure.subplots(rows, columns, sharex=shared, sharey=shared, squeeze=False)
    flat = [axes for row in grid for axes in row]
    for place, axes in enumerate(flat):
        axes.patch.set_alpha(0)
        if place >= count:
            axes.set_axis_off()
        elif place + columns >= count:
            axes.tick_params(labelbottom=True)
    return figure, flat[:count]


def rectangle(x: float, y: float, width: float, height: float, **look: Any) -> "Rectangle":
    """A rectangle to add to axes, from its lower left corner in their coordinates."""
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, **look)


def as_svg(figure: "Figure") -> str:
    """The figure as text for a page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"font-family:[^;\"]*;", "", text)
    return text.replace(INK, "currentColor")


def save_png(figure: "Figure", path: str | Path) -> None:
    """The figure on white at 200 dots per inch, for print."""
    figure.patch.set_alpha(1)
    figure.savefig(path, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    figure.patch.set_alpha(0)
