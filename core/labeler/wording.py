"""A sentence as written to a sentence in standard wording, with the place of each word in the original."""

import re
from bisect import bisect_right
from functools import lru_cache
from typing import NamedTuple

from core.labeler.abbreviations import WRITTEN_OUT
from core.labeler.spelling import mended

_PIECE = re.compile(r"\s{2,}|[\n\t\r]|no\. ?(?=\d)|[a-z]/[a-z]+\.?|w/|[a-z]+(?:'[a-z]+)?\.?")
# "CM" is the heart, "cm" a length.
_HEART = re.compile(r"(?<![\d.])(?<!\d )(?<!x )\bCM\b")
_RUN = re.compile(r"\s{2}|[\n\t\r]")
# Words, with the marks that stand at them, in which nothing was to change: most sentences consist of them.
_STANDARD: set[str] = set()
_MOST = 100_000


class _Change(NamedTuple):
    start: int
    end: int
    original_start: int
    original_end: int


class Wording(NamedTuple):
    """A sentence in lower case with single blanks, short forms written out and typing errors mended.

    Attributes:
        text: the sentence.
        changes: what was written otherwise, from left to right.
    """

    text: str
    changes: tuple[_Change, ...]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The place in the original of the words that stand at ``start`` to ``end`` here."""
        return self._place(start, opening=True), self._place(end, opening=False)

    def _place(self, place: int, *, opening: bool) -> int:
        which = bisect_right(self.changes, place, key=lambda one: one.start) - 1
        if not opening and which >= 0 and self.changes[which].start == place:
            which -= 1
        if which < 0:
            return place
        change = self.changes[which]
        if place >= change.end:
            return place - change.end + change.original_end
        return change.original_start if opening else change.original_end


def standard_wording(sentence: str) -> Wording:
    """Bring a sentence in plain characters to standard wording."""
    lowered = sentence.lower()
    if len(lowered) != len(sentence):  # a letter of another alphabet whose small form is longer
        lowered = "".join(small if len(small := letter.lower()) == 1 else letter for letter in sentence)
    words = lowered.split()
    hearts = {found.start() for found in _HEART.finditer(sentence)} if "CM" in sentence else ()
    standard = _STANDARD.issuperset(words) or all(map(_is_standard, words))
    if standard and not hearts and (" ".join(words) == lowered or _RUN.search(lowered) is None):
        return Wording(lowered, ())
    changed = [
        (found.start(), found.end(), new)
        for found in _PIECE.finditer(lowered)
        if (new := "cardiomegaly" if found.start() in hearts else _standard(found[0])) is not None
    ]
    parts: list[str] = []
    changes: list[_Change] = []
    done = length = 0
    for start, end, new in changed:
        kept = lowered[done:start]
        parts += (kept, new)
        length += len(kept)
        changes.append(_Change(length, length + len(new), start, end))
        length += len(new)
        done = end
    return Wording("".join((*parts, lowered[done:])), tuple(changes))


def _is_standard(word: str) -> bool:
    """Whether nothing is to change in a word with the marks that stand at it."""
    if word in _STANDARD:
        return True
    standard = all(_standard(piece) is None for piece in _PIECE.findall(word))
    if standard and len(_STANDARD) < _MOST:
        _STANDARD.add(word)
    return standard


@lru_cache(maxsize=100_000)
def _standard(piece: str) -> str | None:
    """The standard wording of a word or a run of blanks; None where it is the standard one already."""
    if not piece[0].isalpha():
        return " "
    if piece.startswith("no."):
        return "number "
    if (long := WRITTEN_OUT.get(piece)) is not None:
        return long
    if piece.endswith(".") and (long := WRITTEN_OUT.get(piece[:-1])) is not None:
        return long + "."
    word = piece.rstrip(".")
    right = mended(word)
    return None if right == word else right + piece[len(word) :]
