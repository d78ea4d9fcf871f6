"""Characters as they come out of hospital systems to plain ones, with the place of each in the original."""

import re
import unicodedata
from typing import NamedTuple

_ENTITIES = {"nbsp": " ", "amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ODD = re.compile(
    r"<(?P<line>br|/?p|/?div|/?li|/tr)\b[^<>]{0,40}>|</?[a-z][a-z0-9]{0,9}(?:\s[^<>]{0,60})?/?>"
    r"|(?P<leader>[ \t]*\.{4,}[ \t]*)|&(?P<entity>nbsp|amp|lt|gt|quot|apos|#\d{1,5});|[^\x00-\x7f]",
    re.IGNORECASE,
)
_CHARACTERS = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    **dict.fromkeys("\u2014\u2015", " - "),
    **dict.fromkeys("\u2028\u2029\u0085", "\n"),
    **dict.fromkeys("\u2022\u2023\u2043\u2219\u25a0\u25aa\u25cf\u25cb\u25e6\u00b7\uf0b7\u27a2\u25ba", "\u2022"),
    **dict.fromkeys("\u2611\u2612\u2713\u2714", "[x]"),
    "\u2610": "[ ]",
    "\u00b1": "+/-",
    "\u2026": "...",
    "\u2192": " ",
    "\u00ac": "-",
}
# A soft hyphen is where a word may be divided, and with it goes the line break that divides it.
_INVISIBLE = re.compile("[\u200b\u200c\u200d\u2060\ufeff]|\u00ad[ \t]*(?:\r?\n[ \t]*)?")


class Plain(NamedTuple):
    """A text in plain characters.

    Attributes:
        text: letters of ASCII, ordinary blanks, quotes and hyphens; line breaks stay, markup becomes line breaks, a
            bullet is U+2022.
        places: for each character of ``text`` and for its end, the index in the original; None where both are alike.
    """

    text: str
    places: tuple[int, ...] | None

    def original(self, place: int) -> int:
        """The index in the original of a place in ``text``."""
        return place if self.places is None else self.places[place]


def plain(text: str) -> Plain:
    """Write ``text`` in plain characters: blanks of any width, ligatures, typographic quotes and dashes, HTML."""
    if text.isascii() and "<" not in text and "&" not in text and "...." not in text:
        return Plain(text, None)
    parts: list[str] = []
    places: list[int] = []
    done = 0
    pieces = [(found.start(), found.end(), "") for found in _INVISIBLE.finditer(text)]
    hidden = {place for start, end, _ in pieces for place in range(start, end)}
    pieces += [
        (found.start(), found.end(), _written(found)) for found in _ODD.finditer(text) if found.start() not in hidden
    ]
    for start, end, written in sorted(pieces):
        parts.append(text[done:start])
        places += range(done, start)
        parts.append(written)
        places += [start] * len(written)
        done = end
    parts.append(text[done:])
    places += range(done, len(text) + 1)
    return Plain("".join(parts), tuple(places))


def _written(found: "re.Match[str]") -> str:
    """What stands for one odd piece of text."""
    if found["entity"]:
        name = found["entity"].lower()
        return _character(chr(int(name[1:]))) if name.startswith("#") else _ENTITIES[name]
    if found["leader"]:
        return ": "
    if found["line"]:
        return "\n"
    return " " if found[0].startswith("<") else _character(found[0])


def _character(one: str) -> str:
    if one.isascii():
        return one
    if one in _CHARACTERS:
        return _CHARACTERS[one]
    category = unicodedata.category(one)
    if category == "Zs":
        return " "
    if category in ("Mn", "Cf"):
        return ""
    letters = unicodedata.normalize("NFKD", one.replace("\u0153", "oe").replace("\u0152", "OE"))
    letters = letters.replace("\u00e6", "ae").replace("\u00c6", "AE")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
