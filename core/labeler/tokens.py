"""A sentence in standard wording to tokens, each with its place and what it does."""

import re
from typing import NamedTuple

from core.labeler.cues import PHRASES, Kind

MASK = "\x01"
"""Stands for each letter of words that name an observation."""

_PIECE = re.compile(
    rf"{MASK}+|\((?:[+?-])\)|\[[x -]?\]|and/or|n/a\b|e\.g\.|vs\.|[a-z0-9_]+(?:['-][a-z0-9_]+)*"
    r"|(?<=\s)-{1,2}(?=\s)|(?<=\s)-(?=[,;]|$)|(?<=[^\d])[:=](?!\d)|\?+|\.(?=\s)|[,;&+|/*]"
)


class Token(NamedTuple):
    """A word, a phrase or a mark.

    Attributes:
        kind: what it does.
        start, end: its place in the sentence, in characters.
        text: in standard wording.
    """

    kind: Kind
    start: int
    end: int
    text: str


def _by_first_word() -> dict[str, tuple[tuple[tuple[str, ...], Kind], ...]]:
    table: dict[str, list[tuple[tuple[str, ...], Kind]]] = {}
    for kind, phrases in PHRASES.items():
        for phrase in phrases:
            words = tuple(_PIECE.findall(phrase) or (phrase,))
            table.setdefault(words[0], []).append((words, kind))
    return {first: tuple(sorted(entries, key=lambda one: -len(one[0]))) for first, entries in table.items()}


_PHRASES = _by_first_word()


def tokens_in(masked: str) -> list[Token]:
    """The tokens of a sentence whose observations are masked; the longest phrase at each place wins."""
    pieces = [(found[0], found.start(), found.end()) for found in _PIECE.finditer(masked)]
    words = [piece[0] for piece in pieces]
    tokens: list[Token] = []
    place = 0
    while place < len(pieces):
        word, start, end = pieces[place]
        if word[0] == MASK:
            tokens.append(Token(Kind.TERM, start, end, word))
        else:
            for phrase, kind in _PHRASES.get(word, ()):
                length = len(phrase)
                if length == 1 or tuple(words[place : place + length]) == phrase:
                    end = pieces[place + length - 1][2]
                    tokens.append(Token(kind, start, end, masked[start:end]))
                    place += length - 1
                    break
            else:
                tokens.append(Token(Kind.WORD, start, end, word))
        place += 1
    return tokens
