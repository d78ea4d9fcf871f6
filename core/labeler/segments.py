"""A sentence of tokens to segments: what stands between commas, conjunctions and stronger breaks."""

from typing import NamedTuple

from core.labeler.cues import OPENING, Kind
from core.labeler.tokens import Token

K = Kind
_BREAKS = frozenset((K.COMMA, K.AND, K.OR, K.WHICH, K.BUT, K.COLON))
# Where several come together, the strongest counts: ", and", ", which", "; however".
_STRENGTH = {K.COMMA: 0, K.AND: 1, K.OR: 2, K.WHICH: 3, K.COLON: 4, K.BUT: 5}
_FINITE = frozenset((K.BE, K.VERB, K.MODAL, K.WOULD))


class Segment(NamedTuple):
    """A part of a sentence.

    Attributes:
        first, end: its tokens.
        breaks: what stands in front of it, None at the beginning.
        comma: whether a comma does, too.
        terms: indices of the tokens that name an observation.
        verb: index of its first finite verb, ``end`` where there is none.
    """

    first: int
    end: int
    breaks: Kind | None
    comma: bool
    terms: tuple[int, ...]
    verb: int

    @property
    def clause(self) -> bool:
        """Whether it has a subject and a verb of its own."""
        return self.first < self.verb < self.end


def segments_in(tokens: list[Token]) -> list[Segment]:
    """Divide the tokens of a sentence."""
    found: list[Segment] = []
    breaks: Kind | None = None
    comma = False
    first = 0
    for index in range(len(tokens) + 1):
        kind = tokens[index].kind if index < len(tokens) else K.BUT
        if kind not in _BREAKS:
            continue
        if index > first:
            found.append(_segment(tokens, first, index, breaks, comma))
            breaks, comma = None, False
        first = index + 1
        comma = comma or kind is K.COMMA
        if breaks is None or _STRENGTH[kind] > _STRENGTH[breaks]:
            breaks = kind
    return found


def _segment(tokens: list[Token], first: int, end: int, breaks: Kind | None, comma: bool) -> Segment:
    terms = tuple(index for index in range(first, end) if tokens[index].kind is K.TERM)
    verb = next((index for index in range(first, end) if tokens[index].kind in _FINITE), end)
    return Segment(first, end, breaks, comma, terms, verb)


def opens(tokens: list[Token], segment: Segment) -> bool:
    """Whether a segment begins a statement of its own: "a small nodule", "the heart is enlarged"."""
    token = tokens[segment.first]
    return token.kind in (K.THE, K.A, K.PLUS, K.ONLY, K.NOW) or token.text in OPENING


def listed_on(segments: list[Segment], index: int) -> bool:
    """Whether an "or" further on keeps a list together: "no effusion, small nodule or mass"."""
    for segment in segments[index + 1 :]:
        if segment.breaks is K.OR:
            return True
        if segment.breaks is not K.COMMA:
            return False
    return False
