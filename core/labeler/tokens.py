"""A sentence in standard wording to tokens, each with its place and what it does."""

import re
from typing import NamedTuple

from core.labeler.cues import PHRASES, Kind

MASK = "\x01"
"""Stands for each letter of words that name an observation."""

_PIECE = re.compile(
    rf"[a-z0-9_]+(?:['-][a-z0-9_]+)*|{MASK}+|\([+?-]\)|\[[x -]?\]"
    r"|(?<=\s)-{1,2}(?=\s)|(?<=\s)-(?=[,;]|$)|(?<=[^\d])[:=](?!\d)|\?+|\.(?=\s)|[,;&+|/*>]"
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
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    for found in _PIECE.finditer(masked):
        words.append(found[0])
        spans.append(found.span())
    tokens: list[Token] = []
    passed = 0
    for place, word in enumerate(words):
        if place < passed:
            continue
        start, end = spans[place]
        if (phrases := _PHRASES.get(word)) is None:
            tokens.append(Token(Kind.TERM if word[0] == MASK else Kind.WORD, start, end, word))
        elif word == "-" and masked[end : end + 1] in ("", ",", ";"):
            tokens.append(Token(Kind.MINUS, start, end, word))
        else:
            for phrase, kind in phrases:
                length = len(phrase)
                if length == 1:
                    tokens.append(Token(kind, start, end, word))
                    break
                if tuple(words[place : place + length]) == phrase:
                    end = spans[place + length - 1][1]
                    tokens.append(Token(kind, start, end, masked[start:end]))
                    passed = place + length
                    break
            else:
                tokens.append(Token(Kind.WORD, start, end, word))
    return tokens
