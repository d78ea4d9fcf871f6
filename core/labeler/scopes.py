"""What an operator ("no", "possible", "history of") governs.

A grammar of scopes over tokens. It goes back to NegEx and ConText (Chapman et al., J Biomed Inform 2001; Harkema et
al., J Biomed Inform 2009), but what a cue governs follows from the build of the sentence:

- A denial belongs to the head of its noun phrase: "no evidence of effusion" denies the effusion, "no cause for the
  effusion" the cause, so that the effusion stands.
- Behind the first observation it rests in a prepositional phrase ("no effusion in a patient with emphysema") and is
  taken up again by "or".
- A list hands an operator on, until a member begins a statement of its own ("no effusion, small nodule").
- A "but", a semicolon, a dash, ", which" and the like end what operators govern.
"""

from typing import Literal, NamedTuple

from core.labeler import kinds as K
from core.labeler.cues import NEWLY
from core.labeler.predicates import next_word
from core.labeler.presence import Presence
from core.labeler.segments import Segment, listed_on, opens
from core.labeler.tokens import Token

_SIDES = frozenset(("right", "left", "upper", "lower", "middle", "anterior", "posterior"))


Rest = Literal["nowhere", "place", "company", "taken"]
"""Where a denial rests.

``place``: in a phrase of place behind what it denied ("no mass in the consolidation"); ``company``: in a phrase of
another kind ("no pneumothorax after biopsy of the mass"); ``taken``: in a phrase behind another noun that it denied
("no cause for the effusion").
"""


class Scope(NamedTuple):
    """An operator that governs what follows.

    Attributes:
        presence: of what it governs.
        cue: its words.
        rest: where it rests.
        governed: observations that it has governed.
        inside: observations in the phrase in which it rests.
        known: it speaks of things that are taken for granted ("neither the", "none of the").
        clause: it governs a clause ("whether", "to suggest that").
        brief: it ends at the next comma ("if").
        whole: it governs the whole sentence ("on the previous film").
    """

    presence: Presence
    cue: str
    rest: Rest = "nowhere"
    governed: int = 0
    inside: int = 0
    known: bool = False
    clause: bool = False
    brief: bool = False
    whole: bool = False

    @property
    def denies(self) -> bool:
        """Whether it is a denial."""
        return self.presence == "absent"

    @property
    def active(self) -> bool:
        """Whether it governs what follows rather than rests."""
        return self.rest == "nowhere"


def handed_on(scope: Scope | None, tokens: list[Token], segments: list[Segment], number: int) -> Scope | None:
    """The scope with which segment ``number`` begins, where ``scope`` is the one that the segment before ends with."""
    if scope is None or number == 0:
        return scope
    segment, before = segments[number], segments[number - 1]
    if segment.breaks == K.BUT or (scope.brief and segment.comma):
        return None
    if scope.whole:
        return scope
    if segment.breaks == K.COLON:
        return None if before.terms else scope
    if segment.breaks == K.WHICH:
        return None if segment.comma else scope._replace(clause=True)
    if segment.breaks == K.OR:
        return resumed(scope, tokens[segment.first].text)
    if scope.denies:
        return _denial_handed_on(scope, tokens, segments, number)
    if scope.presence == "uncertain":
        first = tokens[segment.first]
        own = segment.clause or first.kind == K.THE or first.text == "there"
        return None if own and segment.terms else scope
    return None if opens(tokens, segment) or segment.clause else scope


def _denial_handed_on(scope: Scope, tokens: list[Token], segments: list[Segment], number: int) -> Scope | None:
    segment, before = segments[number], segments[number - 1]
    opening = opens(tokens, segment)
    if segment.breaks == K.AND:
        if not scope.governed and scope.active and {tokens[before.end - 1].text, tokens[segment.first].text} <= _SIDES:
            return scope
        if opening or (segment.clause and _own_clause(tokens, segment, before)):
            return None
        if scope.rest == "taken":
            return None
        if scope.rest == "company" or (scope.rest != "nowhere" and scope.inside):
            return scope
        return resumed(scope, tokens[segment.first].text)
    if listed_on(segments, number):
        return resumed(scope, tokens[segment.first].text)
    # "The apex, which contains no pneumothorax, shows ..."
    if tokens[segment.first].kind == K.SHOW and before.breaks == K.WHICH:
        return None
    if opening or segment.clause or scope.rest in ("taken", "company"):
        return None
    # "No effusion, no pneumothorax, cardiomegaly": where each member is denied by itself, the others are not.
    each = number > 1 and before.breaks == K.COMMA and tokens[before.first].kind == K.NO
    return None if each else resumed(scope, tokens[segment.first].text)


def _own_clause(tokens: list[Token], segment: Segment, before: Segment) -> bool:
    """Whether "and" joins clauses ("no mass is seen and effusions persist"), not members of one subject."""
    verb = tokens[segment.verb]
    after = next_word(tokens, segment.verb, segment.end)
    seen = after < segment.end and tokens[after].kind in (K.SEEN, K.NOT)
    return before.verb < before.end or verb.kind != K.BE or not seen


def resumed(scope: Scope, first: str) -> Scope:
    """A scope that rested, taken up again in front of the word ``first``."""
    if not scope.denies or scope.active:
        return scope
    if scope.rest == "taken" and scope.inside and first not in NEWLY:
        return scope
    return scope._replace(rest="nowhere", inside=0)
