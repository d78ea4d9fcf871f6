"""Paragraphs with letters that run from right to left: Hebrew, Arabic, Persian, among western words and figures.

The order of the letters is that of the Unicode bidirectional algorithm (UAX #9), their joined forms and marks are those
of the font's own rules (HarfBuzz). ReportLab's paragraph needs a library for the order that is in no registry.
"""

from collections.abc import Callable
from itertools import groupby, pairwise
from typing import NamedTuple
from unicodedata import bidirectional

from bidi import algorithm
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfbase.ttfonts import ShapedStr, shapeStr
from reportlab.platypus import Flowable

from core.reporting.exports.fonts import FALLBACK, letters_of

_JOINERS = "\u200c\u200d"

# More letters than any line has; the time to shape a word grows with the square of its length.
_LONGEST = 200

FontOf = Callable[[str, str], str | None]


class _Run(NamedTuple):
    """Letters of one font and direction, as they are drawn from left to right."""

    text: str
    font: str
    width: float


class TwoWayParagraph(Flowable):
    """Lines of text of both directions; they begin at the right where the first letter belongs there.

    Args:
        text: in the order in which it is read.
        style: font, size, leading, colour and alignment.
        font_of: the font that writes a character, given the western one; None where none does.
    """

    def __init__(self, text: str, style: ParagraphStyle, font_of: FontOf) -> None:
        super().__init__()
        letters_of(FALLBACK)  # registers the font
        self._text, self.style, self._font_of = text, style, font_of
        self._base = algorithm.get_base_level(text)
        self._lines: list[str] = []
        self._broken_for: float | None = None

    def wrap(self, available_width: float, _: float) -> tuple[float, float]:
        """Break the lines; width and height that they take, in points."""
        self.width = available_width
        if available_width != self._broken_for:
            self._lines, self._broken_for = self._broken(available_width), available_width
        self.height = len(self._lines) * self.style.leading
        return available_width, self.height

    def split(self, available_width: float, available_height: float) -> list[Flowable]:
        """What fits, and the rest; nothing where no line fits."""
        self.wrap(available_width, available_height)
        fitting = int(available_height / self.style.leading)
        if fitting >= len(self._lines):
            return [self]
        return [self._part(self._lines[:fitting]), self._part(self._lines[fitting:])] if fitting else []

    def draw(self) -> None:
        """Draw on the canvas that ReportLab has set."""
        right = self._base == 1 or self.style.alignment == TA_RIGHT
        self.canv.setFillColor(self.style.textColor)
        for number, line in enumerate(self._lines):
            runs = self._runs(line)
            x = self.width - sum(run.width for run in runs) if right else 0.0
            y = self.height - number * self.style.leading - self.style.fontSize
            for run in runs:
                self.canv.setFont(run.font, self.style.fontSize)
                self.canv.drawString(x, y, run.text)
                x += run.width

    def _part(self, lines: list[str]) -> "TwoWayParagraph":
        part = TwoWayParagraph(" ".join(lines), self.style, self._font_of)
        part._base, part._lines, part._broken_for = self._base, lines, self._broken_for
        return part

    def _broken(self, width: float) -> list[str]:
        lines: list[str] = []
        left = 0.0  # what the last line has left
        space = stringWidth(" ", FALLBACK, self.style.fontSize)
        for word in self._text.split(" "):
            needed = self._width(word[:_LONGEST])
            if lines and needed + space <= left:
                lines[-1] += f" {word}"
                left -= needed + space
                continue
            while needed > width or len(word) > _LONGEST:  # a single word may be longer than the line
                fitting = max(1, int(width / needed * min(len(word), _LONGEST)))
                while fitting > 1 and self._width(word[:fitting]) > width:
                    fitting -= 1 + fitting // 50
                lines.append(word[:fitting])
                word = word[fitting:]
                needed = self._width(word[:_LONGEST])
            lines.append(word)
            left = width - needed
        return lines

    def _width(self, line: str) -> float:
        return sum(run.width for run in self._runs(line))

    def _runs(self, line: str) -> list[_Run]:
        storage = algorithm.get_empty_storage()
        storage["base_level"], storage["base_dir"] = self._base, "LR"[self._base]
        algorithm.get_embedding_levels(line, storage)
        for before, character in pairwise([{}, *storage["chars"]]):
            # The algorithm drops joiners (rule X9), which the font needs: they stay with the letter before.
            if character["ch"] in _JOINERS and before:
                before["logical"] += character["ch"]
            character["logical"] = character["ch"]
        algorithm.explicit_embed_and_overrides(storage)
        algorithm.resolve_weak_types(storage)
        algorithm.resolve_neutral_types(storage, False)
        algorithm.resolve_implicit_levels(storage, False)
        algorithm.reorder_resolved_levels(storage, False)
        algorithm.apply_mirroring(storage, False)
        drawn = [
            (self._font(one["ch"], backwards=one["level"] % 2 == 1), one["level"] % 2 == 1, one)
            for one in storage["chars"]
        ]
        runs = []
        for (font, backwards), group in groupby(drawn, key=lambda one: one[:2]):
            letters = [one for _, _, one in group]
            strong = any(bidirectional(one["ch"]) in ("R", "AL") for one in letters)
            if backwards and strong:
                # HarfBuzz takes letters in the order of reading, joins them, mirrors brackets and turns all around.
                runs.append(self._shaped("".join(one["logical"] for one in reversed(letters)), font))
            else:
                text = "".join(one["ch"] if self._known(one["ch"], font) else "?" for one in letters)
                runs.append(_Run(text, font, stringWidth(text, font, self.style.fontSize)))
        return runs

    def _shaped(self, text: str, font: str) -> _Run:
        text = "".join(one if self._known(one, font) else "?" for one in text)
        shaped = shapeStr(text, font, self.style.fontSize, force=True)
        if not isinstance(shaped, ShapedStr):
            raise TypeError("ReportLab did not shape the text; install uharfbuzz")
        advance = sum(one.x_advance for one in shaped.__shapeData__)
        return _Run(shaped, font, advance * self.style.fontSize / 1000)

    def _font(self, character: str, *, backwards: bool) -> str:
        # Spaces and brackets between Hebrew or Arabic words belong to their run, which must not be cut.
        if backwards and ord(character) in letters_of(FALLBACK):
            return FALLBACK
        return self._font_of(character, self.style.fontName) or self.style.fontName

    def _known(self, character: str, font: str) -> bool:
        return self._font_of(character, font) == font or (font == FALLBACK and ord(character) in letters_of(font))
