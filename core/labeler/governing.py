"""How far the reading of a sentence has come: the operator that governs, and the observations already governed."""

from collections.abc import Callable

from core.labeler import kinds as K
from core.labeler.cues import EVIDENCE, OPENING
from core.labeler.scopes import Scope
from core.labeler.segments import Segment
from core.labeler.tokens import Token

_HOLES = frozenset(("xxxx", "___"))


class Governing:
    """The state of a reading from left to right.

    Attributes:
        tokens: of the sentence.
        segments: of the sentence.
        over: for each index of a token that names an observation the scope it stands in; missing where there is none.
        scope: the operator that governs what follows.
        head: the noun read last since the operator.
        skip: index of the token to go on with where an operator took in more than one; else 0.
    """

    __slots__ = ("head", "over", "scope", "segments", "skip", "tokens")

    def __init__(self, tokens: list[Token], segments: list[Segment]) -> None:
        self.tokens = tokens
        self.segments = segments
        self.over: dict[int, Scope] = {}
        self.scope: Scope | None = None
        self.head: str | None = None
        self.skip = 0

    def operate(self, scope: Scope | None) -> None:
        """Open a scope, or end the one there is."""
        self.scope = scope
        self.head = None

    @property
    def denied(self) -> bool:
        """Whether a denial stands directly over the next word, so that the two cancel out."""
        return self.scope is not None and self.scope.denies and not self.scope.governed

    def term_before(self, index: int) -> bool:
        """Whether an observation stands directly in front of a token."""
        return index > 0 and self.tokens[index - 1].kind == K.TERM

    def preposition(self, index: int, segment: Segment, scope: Scope) -> None:
        """Let a denial rest behind what it denied, or behind another noun."""
        kind = self.tokens[index].kind
        if kind == K.TO and index + 1 < segment.end and self.tokens[index + 1].text in OPENING:
            return  # "moderate to large"
        if scope.governed:
            # "Effusion of pneumothorax": mistyped for "or", or the one a sign of the other.
            if kind == K.OF and index + 1 < segment.end and self.tokens[index + 1].kind == K.TERM:
                return
            self.scope = scope._replace(rest="place" if kind in (K.IN, K.OF) else "company")
        elif scope.cue == "nothing" and kind != K.IN:
            pass  # "nothing here to make me think of pneumonia"
        elif self.head is None or self.head in _HOLES or (self.head in EVIDENCE and kind != K.IN):
            pass
        elif not scope.clause:
            self.scope = scope._replace(rest="taken")


Handler = Callable[[Governing, int, Segment], None]
"""What one kind of operator does where it stands at an index in a segment."""
