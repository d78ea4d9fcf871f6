"""Text of strangers made harmless: for names, for pages and files, and for cells of a table. Imports nothing."""

import re
from unicodedata import category

# What spreadsheet programs take for the beginning of a formula (OWASP, "CSV injection"), full-width forms included.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?")
_BREAK = re.compile(r"[\t\n\r\v\f]+")
_LONGEST_NAME = 255
# Persian words and some pictures are joined and divided by these two, which are invisible but harmless.
_JOINERS = "\u200c\u200d"


def printable(text: str, *, instead: str = "", keep: str = "") -> str:
    """Text without control characters, halves of surrogate pairs, and marks of direction; spaces of any kind stay.

    The latter turn ``gpj.exe`` into what looks like ``exe.jpg``; they are format characters (Unicode Cf).

    Args:
        text: any text.
        instead: what stands in the place of each.
        keep: characters that may stay, such as a line break.
    """
    if text.isprintable():
        return text
    keep += _JOINERS
    # str.isprintable() takes every space but the plain one for a control character, also the one of Chinese names.
    return "".join(
        letter if letter.isprintable() or letter in keep or category(letter) == "Zs" else instead for letter in text
    )


def clean_name(name: str | None) -> str:
    """The name of a file as it is stored and shown: one printable line of at most 255 characters, never empty."""
    return printable(_BREAK.sub(" ", name or "")).strip()[:_LONGEST_NAME] or "unnamed"


def csv_cell(text: str) -> str:
    """Text for a cell of CSV that no spreadsheet program runs as a formula; numbers stay as they are."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
