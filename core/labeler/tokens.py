"""A sentence in standard wording to tokens, each with what it does."""

import re
from functools import lru_cache
from typing import NamedTuple

from core.labeler.cues import PHRASES, Kind

MASK = "\x01"
"""Stands for the words that name an observation."""

_PIECE = re.compile(
    rf"(?<={MASK})-free\b|[a-z0-9_]+(?:['-][a-z0-9_]+)*|{MASK}|\([+?-]\)|\[[x -]?\]"
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


def _by_first_word() -> dict[str, tuple[tuple[tuple[str, ...], Token], ...]]:
    table: dict[str, list[tuple[tuple[str, ...], Token]]] = {}
    for kind, phrases in PHRASES.items():
        for phrase in phrases:
            words = tuple(_PIECE.findall(phrase) or (phrase,))
            table.setdefault(words[0], []).append((words, Token(kind, " ".join(words))))
    return {first: tuple(sorted(entries, key=lambda one: -len(one[0]))) for first, entries in table.items()}


_PHRASES = _by_first_word()
_TERM = Token(Kind.TERM, MASK)
_MINUS = Token(Kind.MINUS, "-")
_FREE = Token(Kind.ABSENT, "-free")
_COLON = Token(Kind.COLON, ":")
_SHORT_ANSWERS = {"n": "no", "y": "yes"}
_ANSWERS = frozenset(("no", "none", "nil", "yes", "absent", "present", "negative", "positive"))


def tokens_in(masked: str) -> list[Token]:
    """The tokens of a sentence whose observations are masked; the longest phrase at each place wins."""
    words = _PIECE.findall(masked)
    tokens: list[Token] = []
    passed = 0
    for place, word in enumerate(words):
        if place < passed:
            continue
        if word in _SHORT_ANSWERS and place + 1 == len(words) and tokens and tokens[-1].kind is Kind.COLON:
            word = _SHORT_ANSWERS[word]
        phrases = _PHRASES.get(word)
        if phrases is None:
            tokens.append(_TERM if word == MASK else _FREE if word == "-free" else _word(word))
            continue
        for phrase, token in phrases:
            length = len(phrase)
            if length == 1 or tuple(words[place : place + length]) == phrase:
                # A minus behind a finding says that it is absent; elsewhere it is a dash.
                if word == "-" and words[place + 1 : place + 2] in ([], [","], [";"]):
                    token = _MINUS
                elif word in ("-", "--") and tokens and tokens[-1] is _TERM and _answered(words, place + 1):
                    token = _COLON
                tokens.append(token)
                passed = place + length
                break
        else:
            tokens.append(_word(word))
    return tokens


def _answered(words: list[str], place: int) -> bool:
    """Whether an answer stands at a place and nothing that it could govern: "pneumothorax - no; effusion - yes"."""
    return words[place] in _ANSWERS and words[place + 1 : place + 2] in ([], [","], [";"])


@lru_cache(maxsize=100_000)
def _word(word: str) -> Token:
    return Token(Kind.WORD, word)
