"""What a look at the picture found: what it shows, how it lies, where lungs and heart are."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Turn = int
# Corners of a closed outline: x and y in shares of the picture's width and height, from its left and upper edge.
Outline = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Line:
    """A level line across the upright picture, in shares of its width and height.

    Attributes:
        y: height, from the upper edge.
        left, right: its ends, from the left edge.
    """

    y: float
    left: float
    right: float

    @property
    def length(self) -> float:
        """Share of the picture's width."""
        return self.right - self.left


@dataclass(frozen=True)
class Cardiothoracic:
    """The widest heart over the widest inner chest, each with its line."""

    heart: Line
    thorax: Line

    @property
    def ratio(self) -> float:
        """Between 0 and 1; above 0.5 the heart of a standing adult counts as enlarged (Danzer 1919)."""
        return self.heart.length / self.thorax.length


@dataclass(frozen=True)
class Anatomy:
    """What was found in one picture. All places are those of the upright picture.

    Attributes:
        frontal: probability that it is a frontal chest radiograph, in [0, 1].
        kind: what it looks like, one of ``core.anatomy.network.KINDS``.
        turned: degrees by which it lay turned, counter-clockwise: 0, 90, 180 or 270.
        inverted: whether it was a negative, bright where air is.
        right_lung, left_lung: outlines of the patient's lungs; None where they are doubtful.
        heart: its outline; None where it is doubtful.
        cardiothoracic: the two widths; None where lungs or heart are doubtful.
    """

    frontal: float
    kind: str
    turned: Turn
    inverted: bool
    right_lung: Outline | None = None
    left_lung: Outline | None = None
    heart: Outline | None = None
    cardiothoracic: Cardiothoracic | None = None

    @property
    def cardiothoracic_ratio(self) -> float | None:
        """The ratio, or None where it was not measured."""
        return None if self.cardiothoracic is None else self.cardiothoracic.ratio

    @classmethod
    def from_stored(cls, stored: dict[str, Any]) -> Self:
        """The anatomy of what ``dataclasses.asdict`` made of one, by way of JSON."""
        outlines = {
            name: None if stored[name] is None else tuple((float(x), float(y)) for x, y in stored[name])
            for name in ("right_lung", "left_lung", "heart")
        }
        widths = stored["cardiothoracic"]
        measured = None if widths is None else Cardiothoracic(Line(**widths["heart"]), Line(**widths["thorax"]))
        return cls(**{**stored, **outlines, "cardiothoracic": measured})


def filled(outline: Outline, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The inside of an outline on a grid of ``shape`` (rows, columns) over the picture."""
    # Drawn four times as fine, because a pixel belongs to the inside only if its middle does.
    fine = 4
    height, width = shape
    image = Image.new("1", (width * fine, height * fine))
    ImageDraw.Draw(image).polygon([(x * width * fine, y * height * fine) for x, y in outline], fill=1)
    return np.asarray(image)[fine // 2 :: fine, fine // 2 :: fine]
