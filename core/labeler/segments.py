"""A sentence of tokens to segments: what stands between commas, conjunctions and stronger breaks."""

from typing import NamedTuple

from core.labeler import kinds as K
from core.labeler.cues import OPENING
from core.labeler.kinds import Kind
from core.labeler.tokens import Token

# What divides; where several come together, the strongest counts: ", and", ", which", "; however".
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
    terms: list[int] = []
    verb = -1
    for index, (kind, _) in enumerate(tokens):
        if kind == K.TERM:
            terms.append(index)
        elif kind in _FINITE:
            if verb < 0:
                verb = index
        elif kind in _STRENGTH:
            if index > first:
                found.append(Segment(first, index, breaks, comma, tuple(terms), verb if verb >= 0 else index))
                breaks, comma, terms, verb = None, False, [], -1
            first = index + 1
            comma = comma or kind == K.COMMA
            if breaks is None or _STRENGTH[kind] > _STRENGTH[breaks]:
                breaks = kind
    end = len(tokens)
    if end > first:
        found.append(Segment(first, end, breaks, comma, tuple(terms), verb if verb >= 0 else end))
    return found


def opens(tokens: list[Token], segment: Segment) -> bool:
    """Whether a segment begins a statement of its own: "a small nodule", "the heart is enlarged"."""
    token = tokens[segment.first]
    return token.kind in (K.THE, K.A, K.PLUS, K.ONLY, K.NOW) or token.text in OPENING


def listed_on(segments: list[Segment], index: int) -> bool:
    """Whether an "or" further on keeps a list together: "no effusion, small nodule or mass"."""
    for segment in segments[index + 1 :]:
        if segment.breaks == K.OR:
            return True
        if segment.breaks != K.COMMA:
            return False
    return False
