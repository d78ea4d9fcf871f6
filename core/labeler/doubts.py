"""Operators that put what they govern in doubt: "possible", "may", "versus", "suggests"."""

from core.labeler import kinds as K
from core.labeler.governing import Governing, Handler
from core.labeler.kinds import Kind
from core.labeler.predicates import ends_predicate, is_adverb, next_word
from core.labeler.scopes import Scope
from core.labeler.segments import Segment


def _hard(state: Governing, index: int, segment: Segment) -> None:
    behind = next_word(state.tokens, index, segment.end)
    if behind < segment.end and state.tokens[behind].kind == K.EXCLUDE:
        state.operate(Scope("uncertain", f"{state.tokens[index].text} {state.tokens[behind].text}"))


def _exclude(state: Governing, index: int, segment: Segment) -> None:
    before = state.scope
    if before is not None and before.presence == "uncertain" and before.cue.endswith(state.tokens[index].text):
        return
    if any(term > index for term in segment.terms):
        doubted = any(state.tokens[one].kind in (K.MODAL, K.HARD) for one in range(segment.first, index))
        state.operate(Scope("uncertain" if doubted else "not mentioned", state.tokens[index].text))


def _doubt(state: Governing, index: int, segment: Segment) -> None:
    scope = state.scope
    if scope is not None and scope.denies and scope.active:
        return
    if scope is not None and scope.presence == "not mentioned" and not scope.governed:
        return
    behind_subject = any(term < index for term in segment.terms) or (
        segment.first > 0 and index > segment.first and state.tokens[index - 1].kind == K.BE
    )
    if behind_subject and not any(term > index for term in segment.terms):
        if ends_predicate(state.tokens, index, segment.end):
            return
    elif behind_subject and state.tokens[index - 1].kind in (K.BE, K.TERM) and _ends(state, index, segment):
        return
    setting = state.tokens[index].text.endswith(("setting", "context"))
    state.operate(Scope("uncertain", state.tokens[index].text, whole=setting))


def _ends(state: Governing, index: int, segment: Segment) -> bool:
    behind = next_word(state.tokens, index, segment.end)
    return behind < segment.end and state.tokens[behind].kind in (K.WITH, K.NOW, K.IN, K.BEFORE)


def _less(state: Governing, index: int, segment: Segment) -> None:
    if not any(term < index for term in segment.terms):
        state.operate(Scope("uncertain", state.tokens[index].text))


def _unlikely(state: Governing, index: int, segment: Segment) -> None:
    if not any(term < index for term in segment.terms):
        state.operate(Scope("absent", state.tokens[index].text))


def _alternative(state: Governing, index: int, segment: Segment) -> None:
    earlier = [term for term in segment.terms if term < index]
    doubt = Scope("uncertain", state.tokens[index].text)
    scope = state.scope
    if scope is not None and scope.denies and scope.active:
        return
    if earlier and (state.over.get(earlier[-1]) is None):
        state.over[earlier[-1]] = doubt
    state.operate(doubt)


def _either(state: Governing, index: int, segment: Segment) -> None:
    number = state.segments.index(segment)
    paired = number + 1 < len(state.segments) and state.segments[number + 1].breaks == K.OR
    if paired and not (state.scope is not None and state.scope.denies):
        state.operate(Scope("uncertain", "either"))


def _than(state: Governing, index: int, segment: Segment) -> None:
    between = index + 1 < segment.end and state.tokens[index + 1].kind == K.TERM and state.term_before(index)
    if state.tokens[index].text != ">" or between:
        state.operate(Scope("uncertain", state.tokens[index].text))


def _point(state: Governing, index: int, segment: Segment) -> None:
    """A sign of what follows: in doubt, unless the sign itself is denied."""
    scope = state.scope
    if scope is not None and scope.denies:
        state.operate(scope._replace(rest="nowhere", inside=0))
    elif scope is None or scope.presence != "not mentioned":
        state.operate(Scope("uncertain", state.tokens[index].text))


def _mean(state: Governing, index: int, segment: Segment) -> None:
    scope = state.scope
    if scope is not None and scope.denies:
        state.operate(scope._replace(rest="nowhere", inside=0))


def _whether(state: Governing, index: int, segment: Segment) -> None:
    state.operate(Scope("uncertain", state.tokens[index].text, clause=True))


def _modal(state: Governing, index: int, segment: Segment) -> None:
    scope = state.scope
    if scope is not None and (scope.denies or scope.presence == "not mentioned") and scope.active:
        return
    behind = index + 1
    while behind < segment.end and (state.tokens[behind].kind == K.BE or is_adverb(state.tokens[behind])):
        behind += 1
    kind = state.tokens[behind].kind if behind < segment.end else None
    if kind not in (K.MISSED, K.ASSESSED, K.GONE):
        state.operate(Scope("uncertain", state.tokens[index].text))


def _query(state: Governing, index: int, segment: Segment) -> None:
    leads = index + 1 < segment.end and (index == segment.first or not segment.terms or segment.terms[0] > index)
    if leads:
        state.operate(Scope("uncertain", "?"))


DOUBTS: dict[Kind, Handler] = {
    K.HARD: _hard,
    K.EXCLUDE: _exclude,
    K.DOUBT: _doubt,
    K.LESS: _less,
    K.UNLIKELY: _unlikely,
    K.ALTERNATIVE: _alternative,
    K.EITHER: _either,
    K.THAN: _than,
    K.POINT: _point,
    K.MEAN: _mean,
    K.WHETHER: _whether,
    K.MODAL: _modal,
    K.QUERY: _query,
}
"""What each of these kinds does."""
