"""Operators that deny: "no", "not", "neither", "resolved", and what takes a denial back."""

from core.labeler import kinds as K
from core.labeler.governing import Governing, Handler
from core.labeler.kinds import Kind
from core.labeler.predicates import ends_predicate, is_adverb, next_word
from core.labeler.scopes import Scope
from core.labeler.segments import Segment

_SURE = frozenset(("doubt", "question", "doubtful", "questions"))


def _no(state: Governing, index: int, segment: Segment) -> None:
    token, scope = state.tokens[index], state.scope
    absence = token.text.startswith(("absence", "lack"))
    if scope is not None and scope.denies and scope.active and not scope.governed and absence:
        state.operate(None)
    elif token.text != "no" or not ends_predicate(state.tokens, index, segment.end):
        behind = next_word(state.tokens, index, segment.end)
        if behind < segment.end and state.tokens[behind].text in _SURE:
            state.operate(None)
            state.skip = behind + 1
        else:
            state.operate(Scope("absent", token.text))


def _none(state: Governing, index: int, segment: Segment) -> None:
    if state.tokens[index].text == "nil" and any(term > index for term in segment.terms):
        state.operate(Scope("absent", "nil"))


def _neither(state: Governing, index: int, segment: Segment) -> None:
    state.operate(Scope("absent", state.tokens[index].text, known=True))


def _not(state: Governing, index: int, segment: Segment) -> None:
    token = state.tokens[index]
    behind = next_word(state.tokens, index, segment.end)
    if behind >= segment.end:
        return
    if token.text == "never" and state.tokens[behind].kind == K.BE:
        behind = next_word(state.tokens, behind, segment.end)
        if behind >= segment.end:
            return
    kind = state.tokens[behind].kind
    follows = any(term > behind for term in segment.terms) or kind == K.TERM
    if kind == K.EXCLUDE or (kind == K.UNLIKELY and follows):
        state.operate(Scope("uncertain", f"{token.text} {state.tokens[behind].text}"))
        state.skip = behind + 1
    elif kind in (K.SHOW, K.POINT, K.MEAN, K.A, K.TERM) or (kind in (K.LIKELY, K.ONE) and follows):
        state.operate(Scope("absent", token.text))
        state.skip = behind + (kind != K.TERM)
    elif kind == K.NO:
        state.operate(None)
        state.skip = behind + 1
    elif kind == K.ASSESSED:
        state.operate(Scope("not mentioned", token.text))


def _gone(state: Governing, index: int, segment: Segment) -> None:
    before = any(term < index for term in segment.terms)
    if before or not any(term > index for term in segment.terms) or state.denied:
        return
    behind = index - 1
    while behind >= segment.first and is_adverb(state.tokens[behind]):
        behind -= 1
    between = state.tokens[behind].kind if behind >= segment.first else None
    if between == K.PARTLY:
        state.operate(None)
    elif between not in (K.BE, K.NOT, K.IN, K.OF):
        state.operate(Scope("absent", state.tokens[index].text))


def _going(state: Governing, index: int, segment: Segment) -> None:
    scope = state.scope
    if index + 1 >= segment.end or state.tokens[index + 1].kind != K.OF:
        return
    if scope is not None and scope.presence == "not mentioned" and not scope.brief:
        return
    leading = [one.kind for one in state.tokens[max(segment.first, index - 3) : index]]
    if state.denied or K.PARTLY in leading or K.UNTIL in leading:
        state.operate(None)
    else:
        state.operate(Scope("absent", state.tokens[index].text))


def _absent(state: Governing, index: int, segment: Segment) -> None:
    if index + 1 < segment.end and state.tokens[index + 1].kind == K.TERM and state.scope is None:
        state.operate(Scope("absent", state.tokens[index].text))


def _the(state: Governing, index: int, segment: Segment) -> None:
    """Behind what is denied, "the" begins another subject: "in the absence of effusion the opacity is ..."."""
    scope = state.scope
    ended = scope is not None and scope.denies and scope.active and scope.governed and state.term_before(index)
    if ended and index + 1 < segment.end:
        state.operate(None)


def _except(state: Governing, index: int, segment: Segment) -> None:
    state.operate(None)


def _only(state: Governing, index: int, segment: Segment) -> None:
    if state.scope is not None and state.scope.denies:
        state.operate(None)


DENIALS: dict[Kind, Handler] = {
    K.NO: _no,
    K.NONE: _none,
    K.NEITHER: _neither,
    K.NOT: _not,
    K.GONE: _gone,
    K.GOING: _going,
    K.ABSENT: _absent,
    K.THE: _the,
    K.EXCEPT: _except,
    K.ONLY: _only,
}
"""What each of these kinds does."""
