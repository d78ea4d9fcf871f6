"""Fonts that are embedded for letters beyond those of the fonts that every PDF reader has."""

import importlib.util
from functools import cache
from pathlib import Path

from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont

from core.reporting.exports.pictures import DEJAVU

# Latin, Greek, Cyrillic, Hebrew, Arabic and more.
FALLBACK = "DejaVuSans"
# WenQuanYi Micro Hei (Apache-2.0): Chinese of both kinds, Japanese and Korean in one file.
EAST_ASIAN = "WenQuanYiMicroHei"
# ReportLab tells PDF readers of no letter beyond the first plane rightly.
_LAST_CODE = 0xFFFF
_EAST_ASIAN_PACKAGE, _EAST_ASIAN_FILE = "paperang_p2_fonts_cjk", "fonts/wqy-microhei.ttc"


@cache
def letters_of(name: str) -> frozenset[int]:
    """Code points that a font has; registers it. Empty where its package is not installed."""
    path = DEJAVU if name == FALLBACK else _packaged()
    if path is None:
        return frozenset()
    font = TTFont(name, str(path))
    registerFont(font)
    # Of this moment: ReportLab adds code points of its own for joined letters.
    return frozenset(code for code in font.face.charToGlyph if code <= _LAST_CODE)


def _packaged() -> Path | None:
    """The font's file; only the package's data is read, it is never imported."""
    package = importlib.util.find_spec(_EAST_ASIAN_PACKAGE)
    folders = (package.submodule_search_locations or ()) if package else ()
    return next((path for folder in folders if (path := Path(folder) / _EAST_ASIAN_FILE).is_file()), None)
