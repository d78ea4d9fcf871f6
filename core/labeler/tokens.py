"""A sentence in standard wording to tokens, each with what it does."""

import re
from typing import NamedTuple

from core.labeler import kinds as K
from core.labeler.cues import PHRASES
from core.labeler.kinds import Kind

MASK = "\x01"
"""Stands for the words that name an observation."""

# Each kind of piece is told by its first character, so that all others are passed over at once.
_PIECE = re.compile(
    rf"[a-z0-9_{MASK}(\[\-:=?.,;&+|/*>](?:(?<=[a-z0-9_])[a-z0-9_]*(?:['-][a-z0-9_]+)*|(?<=[{MASK},;&+|/*>])"
    rf"|(?<={MASK}-)free\b|(?<=\()[+?-]\)|(?<=\[)[x -]?\]|(?<=\s-)-?(?=\s)|(?<=\s-)(?=[,;]|$)"
    r"|(?<=[^\d][:=])(?!\d)|(?<=\?)\?*|(?<=\.)(?=\s))"
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
_FOLLOWING: dict[str, frozenset[str]] = {
    first: frozenset(phrase[1] for phrase, _ in entries if len(phrase) > 1) for first, entries in _PHRASES.items()
}
_SINGLE: dict[str, Token] = {
    first: next((token for phrase, token in entries if len(phrase) == 1), Token(K.WORD, first))
    for first, entries in _PHRASES.items()
}
_TERM = Token(K.TERM, MASK)
_MINUS = Token(K.MINUS, "-")
_FREE = Token(K.ABSENT, "-free")
_COLON = Token(K.COLON, ":")
_DASHES = ("-", "--")
_SHORT_ANSWERS = {"n": "no", "y": "yes"}
_ANSWERS = frozenset(("no", "none", "nil", "yes", "absent", "present", "negative", "positive"))
_MOST = 100_000


class _Alone(dict[str, Token | None]):
    """The token of each word that is the same whatever stands around it; None for the others."""

    def __missing__(self, word: str) -> Token | None:
        token = Token(K.WORD, word)
        if len(self) < _MOST:
            self[word] = token
        return token


_ALONE = _Alone(
    {
        **{first: None if _FOLLOWING[first] else token for first, token in _SINGLE.items()},
        **dict.fromkeys((*_DASHES, *_SHORT_ANSWERS)),
        MASK: _TERM,
        "-free": _FREE,
    }
)


def tokens_in(masked: str) -> list[Token]:
    """The tokens of a sentence whose observations are masked; the longest phrase at each place wins."""
    words = _PIECE.findall(masked)
    tokens: list[Token] = []
    place, end = 0, len(words)
    while place < end:
        word = words[place]
        token = _ALONE[word]
        length = 1
        if token is None:
            token, length = _phrase(words, place, tokens)
        tokens.append(token)
        place += length
    return tokens


def _phrase(words: list[str], place: int, before: list[Token]) -> tuple[Token, int]:
    """The token that begins at ``place`` with a word of several meanings, and how many words it takes in."""
    word = words[place]
    following = words[place + 1] if place + 1 < len(words) else ""
    if word in _SHORT_ANSWERS:
        answer = not following and before and before[-1].kind == K.COLON
        return _SINGLE[_SHORT_ANSWERS[word]] if answer else Token(K.WORD, word), 1
    # A minus behind a finding says that it is absent; elsewhere it is a dash.
    if word == "-" and following in ("", ",", ";"):
        return _MINUS, 1
    if word in _DASHES and before and before[-1] is _TERM and following in _ANSWERS and _closes(words, place + 2):
        return _COLON, 1
    if following in _FOLLOWING[word]:
        for phrase, token in _PHRASES[word]:
            if tuple(words[place : place + len(phrase)]) == phrase:
                return token, len(phrase)
    return _SINGLE[word], 1


def _closes(words: list[str], place: int) -> bool:
    """Whether nothing that an answer could govern follows: "pneumothorax - no; effusion - yes"."""
    return words[place : place + 1] in ([], [","], [";"])
