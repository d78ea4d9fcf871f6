"""Text in the PDF: styles, and a font for every letter."""

from functools import cache
from html import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

from core.plain_text import printable
from core.reporting.exports.pictures import DEJAVU

# One of the 14 fonts that every PDF reader has (ISO 32000-1 section 9.6.2.2); it writes Windows-1252.
FONT, _BOLD = "Helvetica", "Helvetica-Bold"
_FALLBACK = "DejaVuSans"

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


def paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    """A paragraph of plain text; runs that Helvetica does not write are in DejaVu Sans."""
    return Paragraph(_marked(plain_line(text)), style)


def plain_line(text: str) -> str:
    """Text without control characters."""
    return printable(text, instead=" ")


def _marked(text: str) -> str:
    """Text as ReportLab's markup, each foreign run in the fallback font."""
    pieces: list[tuple[bool, str]] = []
    for character in text:
        foreign = not _western(character)
        shown = character if not foreign or ord(character) in _fallback_letters() else "?"
        if pieces and pieces[-1][0] == foreign:
            pieces[-1] = (foreign, pieces[-1][1] + shown)
        else:
            pieces.append((foreign, shown))
    return "".join(
        f'<font name="{_FALLBACK}">{escape(run)}</font>' if foreign else escape(run) for foreign, run in pieces
    )


def _western(character: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


@cache
def _fallback_letters() -> frozenset[int]:
    """Code points that DejaVu Sans has; registers the font."""
    font = TTFont(_FALLBACK, str(DEJAVU))
    registerFont(font)
    return frozenset(font.face.charToGlyph)
