"""Operators behind which an observation is only spoken of: "history of", "if", "had", "would"."""

from core.labeler import kinds as K
from core.labeler.governing import Governing, Handler
from core.labeler.kinds import Kind
from core.labeler.scopes import Scope
from core.labeler.segments import Segment


def _spoken(state: Governing, index: int, segment: Segment) -> None:
    text = state.tokens[index].text
    given = index + 1 < segment.end and state.tokens[index + 1].kind == K.THE
    # "CT for evaluation of the nodule" takes it for granted, "evaluate for nodules" does not.
    if given and text.endswith(("evaluation of", "assessment of")):
        state.operate(None)
    else:
        state.operate(Scope("not mentioned", state.tokens[index].text))


def _if(state: Governing, index: int, segment: Segment) -> None:
    state.operate(Scope("not mentioned", state.tokens[index].text, brief=True))


def _past(state: Governing, index: int, segment: Segment) -> None:
    following = state.tokens[index + 1].kind if index + 1 < segment.end else None
    if state.tokens[index].text != "had" or following not in (K.SEEN, K.GONE, K.VERB, K.NOT):
        state.operate(Scope("not mentioned", state.tokens[index].text, brief=index > 0, whole=index == 0))


def _before(state: Governing, index: int, segment: Segment) -> None:
    text = state.tokens[index].text
    formerly = text in ("previously", "formerly") and segment.end == 1
    if index == 0 and (text.startswith("on") or formerly):
        state.operate(Scope("not mentioned", state.tokens[index].text, whole=True))


def _be(state: Governing, index: int, segment: Segment) -> None:
    # "Should the effusion grow" takes it for granted, "should pneumonia develop" does not.
    given = index + 1 < segment.end and state.tokens[index + 1].kind == K.THE
    if index == 0 and state.tokens[index].text in ("should", "were") and segment.terms and not given:
        state.operate(Scope("not mentioned", state.tokens[index].text, brief=True))


def _would(state: Governing, index: int, segment: Segment) -> None:
    # "Nothing that would suggest pneumonia"
    if state.denied:
        return
    if not any(term < index for term in segment.terms):
        state.operate(Scope("not mentioned", state.tokens[index].text))


def _now(state: Governing, index: int, segment: Segment) -> None:
    if state.scope is not None and state.scope.presence == "not mentioned":
        state.operate(None)


MENTIONS: dict[Kind, Handler] = {
    K.SPOKEN: _spoken,
    K.PURPOSE: _spoken,
    K.IF: _if,
    K.PAST: _past,
    K.BEFORE: _before,
    K.BE: _be,
    K.WOULD: _would,
    K.NOW: _now,
}
"""What each of these kinds does."""
