"""The operators of a sentence ("no", "possible", "history of") and what each governs.

The tokens are read from left to right; each operator opens a scope, and prepositions, other nouns and other operators
let it rest or end it (``core.labeler.scopes``).
"""

from core.labeler import kinds as K
from core.labeler.cues import CHANGES, OPENING
from core.labeler.denials import DENIALS
from core.labeler.doubts import DOUBTS
from core.labeler.governing import Governing, Handler
from core.labeler.kinds import Kind
from core.labeler.mentions import MENTIONS
from core.labeler.predicates import is_year
from core.labeler.scopes import Scope, handed_on
from core.labeler.segments import Segment
from core.labeler.tokens import Token

FORMER = frozenset(("previous", "prior", "remote"))
"""Adjectives of what was there once, unless the sentence says how it fares now."""
# Adjectives that a denial in text without commas takes in: "no pneumothorax large effusion" denies both.
_DENIABLE = frozenset(("large", "moderate", "enlarged", "massive"))
# All other plain words say nothing.
_SAYING = FORMER | CHANGES | OPENING
# Kinds of operators that may be the noun in front of a preposition.
_NOUNS = frozenset((K.DOUBT, K.LIKELY, K.PARTLY, K.SEEN, K.VERB, K.POINT))


def operators_over(tokens: list[Token], segments: list[Segment]) -> dict[int, Scope]:
    """The operator over each observation of a sentence.

    Returns:
        For each index of a token that names an observation the scope it stands in; missing where there is none.
    """
    state = Governing(tokens, segments)
    for number, segment in enumerate(segments):
        if number:
            _hand_on(state, number)
        index = segment.first
        while index < segment.end:
            kind, text = tokens[index]
            if kind == K.WORD:
                if text in _SAYING:
                    _word(state, index, segment)
                state.head = text
            elif kind == K.TERM:
                _govern(state, index)
            elif (handler := _HANDLERS.get(kind)) is not None:
                handler(state, index, segment)
                if state.skip:
                    index, state.skip = state.skip, 0
                    continue
            if kind in _NOUNS:
                state.head = text
            index += 1
    return state.over


def _govern(state: Governing, index: int) -> None:
    scope = state.scope
    if scope is not None:
        state.over[index] = scope
        if scope.active:
            state.scope = scope._replace(governed=scope.governed + 1)
        else:
            state.scope = scope._replace(inside=scope.inside + 1)


def _hand_on(state: Governing, number: int) -> None:
    before = state.scope
    first = state.segments[number].first
    if state.tokens[first - 1].text == "nor" and not (before is not None and before.denies):
        state.operate(Scope("absent", "nor"))
    elif before is not None:
        state.scope = handed_on(before, state.tokens, state.segments, number)
        if state.scope is not None and state.scope.active and not before.active:
            state.head = None


def _word(state: Governing, index: int, segment: Segment) -> None:
    """An adjective that opens a statement of its own ends a denial in text without commas."""
    scope, text = state.scope, state.tokens[index].text
    if text in FORMER and scope is None and _leads_to_term(state, index, segment):
        state.operate(Scope("not mentioned", text))
    elif scope is None or not scope.denies or not scope.active:
        return
    elif text in CHANGES and not scope.governed:
        state.scope = scope._replace(rest="taken")
    elif scope.governed:
        behind = text in OPENING and text not in _DENIABLE and any(term > index for term in segment.terms)
        if behind and index > segment.first and state.tokens[index - 1].kind in (K.TERM, K.SEEN):
            state.scope = None


def _leads_to_term(state: Governing, index: int, segment: Segment) -> bool:
    """Whether nothing but adjectives stands between a word and an observation."""
    behind = index + 1
    while behind < segment.end and state.tokens[behind].kind == K.WORD:
        behind += 1
    return behind < segment.end and state.tokens[behind].kind == K.TERM


def _in(state: Governing, index: int, segment: Segment) -> None:
    token, scope = state.tokens[index], state.scope
    following = state.tokens[index + 1] if index + 1 < segment.end else None
    if (token.text == "over" and scope is not None and scope.cue.startswith(("favo", "prefer"))) or (
        token.text == "over" and following is not None and following.kind == K.TERM and state.term_before(index)
    ):
        state.operate(Scope("uncertain", "over"))
    elif index == 0 and token.text == "in" and following is not None and is_year(following.text):
        state.operate(Scope("not mentioned", f"in {following.text}", whole=True))
    elif scope is not None and scope.denies and scope.active:
        state.preposition(index, segment, scope)


def _with(state: Governing, index: int, segment: Segment) -> None:
    scope = state.scope
    if scope is not None and scope.denies and scope.active:
        state.preposition(index, segment, scope)
    elif scope is not None and scope.presence == "not mentioned" and not scope.brief and index + 1 < segment.end:
        following = state.tokens[index + 1]
        if following.kind in (K.A, K.THE) or following.text in OPENING:
            state.operate(None)


def _of(state: Governing, index: int, segment: Segment) -> None:
    scope = state.scope
    if scope is not None and scope.denies and scope.active:
        state.preposition(index, segment, scope)


_HANDLERS: dict[Kind, Handler] = {**DENIALS, **DOUBTS, **MENTIONS, K.IN: _in, K.WITH: _with, K.OF: _of, K.TO: _of}
