"""A sentence in standard wording to tokens, each with what it does."""

import re
from typing import NamedTuple

from core.labeler.cues import PHRASES, Kind

MASK = "\x01"
"""Stands for the words that name an observation."""

_PIECE = re.compile(
    rf"[a-z0-9_]+(?:['-][a-z0-9_]+)*|{MASK}|\([+?-]\)|\[[x -]?\]"
    r"|(?<=\s)-{1,2}(?=\s)|(?<=\s)-(?=[,;]|$)|(?<=[^\d])[:=](?!\d)|\?+|\.(?=\s)|[,;&+|/*>]"
)


class Token(NamedTuple):
    """A word, a phrase or a mark.

    Attributes:
        kind: what it does.
        text: in standard wording.
    """

    kind: Kind
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
    words = _PIECE.findall(masked)
    tokens: list[Token] = []
    passed = 0
    for place, word in enumerate(words):
        if place < passed:
            continue
        phrases = _PHRASES.get(word)
        if phrases is None:
            tokens.append(Token(Kind.TERM if word == MASK else Kind.WORD, word))
            continue
        for phrase, kind in phrases:
            length = len(phrase)
            if length == 1 or tuple(words[place : place + length]) == phrase:
                # A minus behind a finding says that it is absent; elsewhere it is a dash.
                if word == "-" and words[place + 1 : place + 2] in ([], [","], [";"]):
                    kind = Kind.MINUS
                tokens.append(Token(kind, word if length == 1 else " ".join(phrase)))
                passed = place + length
                break
        else:
            tokens.append(Token(Kind.WORD, word))
    return tokens
