"""Text in the PDF: styles, a font for every letter, and lines of scripts that run from right to left."""

from functools import cache
from html import escape
from unicodedata import bidirectional

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, Paragraph

from core.plain_text import printable
from core.reporting.exports.fonts import EAST_ASIAN, FALLBACK, letters_of
from core.reporting.exports.right_to_left import TwoWayParagraph

# One of the 14 fonts that every PDF reader has (ISO 32000-1 section 9.6.2.2); it writes Windows-1252.
FONT, _BOLD = "Helvetica", "Helvetica-Bold"

_INK, _MUTED, _WARNING = map(HexColor, ("#15181c", "#4c5560", "#a83a00"))


@cache
def styles(scale: float) -> dict[str, ParagraphStyle]:
    """Styles by name; ``scale`` shrinks the running text, not what is small already."""
    base = ParagraphStyle("base", fontName=FONT, fontSize=9 * scale, leading=11.7 * scale, textColor=_INK)
    cell = ParagraphStyle("cell", base, fontSize=8, leading=9.4)
    small = ParagraphStyle("small", base, fontSize=7.5, leading=9.4, textColor=_MUTED)
    return {
        style.name: style
        for style in (
            base,
            ParagraphStyle("title", base, fontName=_BOLD, fontSize=16, leading=20),
            ParagraphStyle("flag", base, fontName=_BOLD, fontSize=9, alignment=TA_RIGHT, textColor=_WARNING),
            ParagraphStyle("heading", base, fontName=_BOLD),
            small,
            cell,
            ParagraphStyle("cell_strong", cell, fontName=_BOLD),
        )
    }


def paragraph(text: str, style: ParagraphStyle) -> Flowable:
    """A paragraph of plain text; letters that Helvetica does not write are in a font that has them."""
    text = plain_line(text)
    if any(bidirectional(character) in ("R", "AL") for character in text):
        return TwoWayParagraph(text, style, _font)
    return Paragraph(_marked(text, style.fontName), style)


def plain_line(text: str) -> str:
    """Text without control characters, among them those that turn the direction of letters around."""
    return printable(text, instead=" ")


def _font(character: str, western: str) -> str | None:
    """The font that writes a character, ``western`` if it can; None where none does."""
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        code = ord(character)
        return next((font for font in (FALLBACK, EAST_ASIAN) if code in letters_of(font)), None)
    return western


def _marked(text: str, western: str) -> str:
    """Text as ReportLab's markup, each foreign run in its font."""
    pieces: list[tuple[str, str]] = []
    for character in text:
        font = _font(character, western)
        shown = character if font else "?"
        font = font or western
        if pieces and pieces[-1][0] == font:
            pieces[-1] = (font, pieces[-1][1] + shown)
        else:
            pieces.append((font, shown))
    return "".join(
        escape(run) if font == western else f'<font name="{font}">{escape(run)}</font>' for font, run in pieces
    )
