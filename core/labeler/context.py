"""Whether each named observation of a sentence is there, absent, in doubt, or only spoken of.

The operator in front of an observation and the predicate behind it are put together: a predicate that says whether it
is there outweighs the operator ("the suspected effusion is not seen"), one that only describes it takes it for granted
("unclear whether the effusion has grown").
"""

import re
from functools import lru_cache

from core.labeler import kinds as K
from core.labeler.cues import OPENING, PHRASES
from core.labeler.kinds import Kind
from core.labeler.lexicon import Term
from core.labeler.operators import FORMER, operators_over
from core.labeler.predicates import Predicate, Said, ends_predicate, predicate_in
from core.labeler.presence import Judgement, Presence
from core.labeler.scopes import Scope
from core.labeler.segments import Segment, opens, segments_in
from core.labeler.tokens import MASK, Token, tokens_in

_PRESENT = Judgement("present", "")
# Where there is nothing else, nothing qualifies what is named.
_INERT = frozenset((K.TERM, K.WORD, K.IN, K.OF, K.TO, K.WITH, K.AND, K.COMMA, K.THE, K.A, K.BUT))
# Predicates that may change what the operators say.
_SAYING = frozenset(
    (K.NOT, K.NONE, K.GONE, K.GOING, K.ABSENT, K.EXCLUDE, K.EXCLUDED, K.UNLIKELY, K.LESS, K.DOUBT, K.MISSED, K.ASSESSED)
) | {K.MODAL, K.WOULD, K.MINUS, K.QUERY, K.BEFORE, K.HARD}
_GONE = frozenset(phrase.split(" ")[-1] for phrase in PHRASES[K.GONE])
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_QUALIFYING = FORMER | {"over"}
_SAID: dict[Said, Presence] = {
    "there": "present",
    "likely": "present",
    "absent": "absent",
    "in doubt": "uncertain",
    "spoken of": "not mentioned",
    "described": "present",
}


def judge_terms(sentence: str, terms: list[Term]) -> list[Judgement]:
    """Judge the observations that a sentence names.

    Args:
        sentence: in standard wording.
        terms: from left to right; where two overlap ("heart and mediastinum normal"), they are judged as one.

    Returns:
        One judgement for each term.
    """
    masked, places = _masked(sentence, terms)
    judged = _judged(masked)
    return [_stated(term, judged[place], sentence) for term, place in zip(terms, places, strict=True)]


# Sentences that name different observations in the same words are judged alike.
@lru_cache(maxsize=100_000)
def _judged(masked: str) -> tuple[Judgement, ...]:
    """The judgement of each mask."""
    tokens = tokens_in(masked)
    named = [index for index, token in enumerate(tokens) if token.kind == K.TERM]
    kinds = {token.kind for token in tokens}
    year = _YEAR.search(masked) is not None
    if kinds <= _INERT and not year and not any(token.text in _QUALIFYING for token in tokens):
        return (_PRESENT,) * len(named)
    segments = segments_in(tokens)
    over = operators_over(tokens, segments)
    said = _predicates(tokens, segments) if year or _deciding(tokens, kinds, over) else {}
    anaphora = _one(tokens, segments) if K.ONE in kinds else set()
    return tuple(
        _PRESENT if index in anaphora else _together(tokens, index, over.get(index), said.get(index)) for index in named
    )


def _deciding(tokens: list[Token], kinds: set[Kind], over: dict[int, Scope]) -> bool:
    """Whether a predicate may change what the operators say: "is seen" alone does not."""
    return (
        not kinds.isdisjoint(_SAYING)
        or any(scope.known or scope.clause or scope.cue in FORMER for scope in over.values())
        or (K.NO in kinds and any(token.kind == K.NO and _answers(tokens, index) for index, token in enumerate(tokens)))
    )


def _answers(tokens: list[Token], index: int) -> bool:
    """Whether a "no" may be the answer to what stands in front of it: "pneumothorax: no; effusion: yes"."""
    return ends_predicate(tokens, index, len(tokens)) or tokens[index + 1].kind in (K.BUT, K.COMMA)


def _masked(sentence: str, terms: list[Term]) -> tuple[str, list[int]]:
    """The sentence with each term, or run of terms that overlap, as one mask, and for each term which mask it is."""
    parts: list[str] = []
    places: list[int] = []
    done = masks = 0
    for term in terms:
        if term.start >= done:
            parts += (sentence[done : term.start], MASK)
            masks += 1
        places.append(masks - 1)
        done = max(done, term.end)
    return "".join((*parts, sentence[done:])), places


def _together(tokens: list[Token], index: int, scope: Scope | None, predicate: Predicate | None) -> Judgement:
    before = _PRESENT if scope is None or not scope.active else Judgement(scope.presence, scope.cue)
    if predicate is None:
        return before
    said = predicate.said
    if said == "absent" and scope is not None and scope.denies and (scope.known or scope.clause):
        # "Neither effusion has resolved", "no evidence that it has cleared"
        return _PRESENT if predicate.cue.split(" ")[-1] in _GONE else before
    if said == "described":
        if before.cue in FORMER:
            return _PRESENT
        granted = scope is not None and (scope.known or (scope.clause and _definite(tokens, index)))
        return _PRESENT if granted and before.presence != "not mentioned" else before
    if said in ("there", "likely"):
        return before
    if said == "spoken of" and before.presence == "absent":
        return before
    if said == "in doubt" and before.presence == "absent" and "exclu" not in predicate.cue:
        confirmed = predicate.cue.startswith(("cannot", "could", "not")) or scope is None or "absence" not in scope.cue
        if confirmed and not (scope is not None and "absence" in scope.cue):
            return before
    return Judgement(_SAID[said], predicate.cue)


def _definite(tokens: list[Token], index: int) -> bool:
    """Whether "the" stands in front of an observation, with nothing but its adjectives between."""
    for token in reversed(tokens[max(0, index - 4) : index]):
        if token.kind == K.THE:
            return True
        if token.kind != K.WORD and token.text not in OPENING:
            return False
    return False


def _predicates(tokens: list[Token], segments: list[Segment]) -> dict[int, Predicate]:
    """The predicate of each observation that has one, by the index of its token."""
    said: dict[int, Predicate] = {}
    waiting: list[int] = []  # members of a list whose predicate may follow
    last: list[int] = []  # what a predicate without subject is said of
    for segment in segments:
        if not segment.terms:
            subjects = waiting if segment.breaks == K.AND and waiting else last
            predicate = predicate_in(tokens, segment.first, segment.end, verbless=True) if subjects else None
            for subject in subjects:
                if predicate is not None and _outweighs(predicate, said.get(subject)):
                    said[subject] = predicate
            waiting = [] if segment.breaks != K.AND else waiting
            continue
        if segment.breaks in (K.BUT, K.WHICH, K.COLON) or (segment.breaks != K.OR and opens(tokens, segment)):
            waiting = []
        own: list[int] = []
        joined = waiting if segment.breaks in (K.AND, K.OR) else []
        verb_before = segment.verb < segment.terms[0]
        for place, term in enumerate(segment.terms):
            end = segment.terms[place + 1] if place + 1 < len(segment.terms) else segment.end
            predicate = predicate_in(tokens, term + 1, end, verbless=False)
            own.append(term)
            if predicate is not None:
                for subject in (*joined, *own) if place == len(segment.terms) - 1 else own:
                    if subject == term or subject not in said:
                        said[subject] = predicate
        leading = tokens[segment.first].kind in (K.NO, K.NEITHER)
        ended = any(term in said for term in segment.terms)
        waiting = [] if ended or (verb_before and not leading) else [*waiting, *own]
        last = [*joined, *own] if ended and joined else own
    return said


def _outweighs(new: Predicate, old: Predicate | None) -> bool:
    return old is None or new.said != "described"


def _one(tokens: list[Token], segments: list[Segment]) -> set[int]:
    """Observations that a later "one" takes up: "not a large effusion, but a small one"."""
    found: set[int] = set()
    last: int | None = None
    for segment in segments:
        for index in range(segment.first, segment.end):
            token = tokens[index]
            if token.kind == K.TERM:
                last = index
            elif token.kind == K.ONE and last is not None and segment.breaks in (K.BUT, K.AND) and not segment.terms:
                found.add(last)
    return found


def _stated(term: Term, judgement: Judgement, sentence: str) -> Judgement:
    """Weigh words that state the presence themselves: only a doubt can weaken "the heart is enlarged"."""
    if term.states is None:
        return judgement
    if not term.states:
        return Judgement("absent", "")
    if judgement.presence in ("uncertain", "not mentioned"):
        return judgement
    inside = next((one for one in tokens_in(sentence[term.start : term.end]) if one.kind in (K.DOUBT, K.MODAL)), None)
    return Judgement("uncertain", inside.text) if inside else _PRESENT
