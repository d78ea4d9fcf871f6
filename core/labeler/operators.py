"""The operators of a sentence ("no", "possible", "history of") and what each governs.

The tokens are read from left to right; each operator opens a scope, and prepositions, other nouns and other operators
let it rest or end it (``core.labeler.scopes``).
"""

from core.labeler.cues import CHANGES, EVIDENCE, OPENING, Kind
from core.labeler.predicates import ends_predicate, is_adverb, is_year, next_word
from core.labeler.scopes import Rest, Scope, handed_on
from core.labeler.segments import Segment
from core.labeler.tokens import Token

K = Kind
FORMER = frozenset(("previous", "prior", "remote"))
"""Adjectives of what was there once, unless the sentence says how it fares now."""
_HOLES = frozenset(("xxxx", "___"))
_SURE = frozenset(("doubt", "question", "doubtful", "questions"))
# Kinds of words that may be the noun in front of a preposition.
_NOUNS = frozenset((K.WORD, K.DOUBT, K.LIKELY, K.PARTLY, K.SEEN, K.VERB, K.POINT))
# Adjectives that a denial in text without commas takes in: "no pneumothorax large effusion" denies both.
_DENIABLE = frozenset(("large", "moderate", "enlarged", "massive"))


class Operators:
    """The operator over each observation of a sentence.

    Attributes:
        over: for each index of a token that names an observation the scope it stands in; missing where there is none.
    """

    def __init__(self, tokens: list[Token], segments: list[Segment]) -> None:
        self.tokens = tokens
        self.segments = segments
        self.over: dict[int, Scope] = {}
        self._scope: Scope | None = None
        self._head: str | None = None
        for number, segment in enumerate(segments):
            self._hand_on(number)
            index = segment.first
            while index < segment.end:
                index = self._read(index, segment)

    def _hand_on(self, number: int) -> None:
        before = self._scope
        first = self.segments[number].first
        if number and self.tokens[first - 1].text == "nor" and not (before is not None and before.denies):
            self._operate(Scope("absent", "nor"))
        elif before is not None and number:
            self._scope = handed_on(before, self.tokens, self.segments, number)
            if self._scope is not None and self._scope.active and not before.active:
                self._head = None

    def _read(self, index: int, segment: Segment) -> int:
        """Take one token; the index of the next one."""
        token = self.tokens[index]
        scope = self._scope
        kind = token.kind
        if kind is K.TERM:
            if scope is not None:
                self.over[index] = scope
                inside = 0 if scope.active else 1
                self._scope = scope._replace(governed=scope.governed + 1 - inside, inside=scope.inside + inside)
        elif kind in _HANDLERS:
            _HANDLERS[kind](self, index, segment)
            if self._skip:
                skipped, self._skip = self._skip, 0
                return skipped
        elif scope is not None and scope.denies and scope.active and kind in (K.IN, K.OF, K.TO, K.WITH):
            self._preposition(index, segment, scope)
        if kind in _NOUNS:
            self._head = token.text
        return index + 1

    _skip = 0

    def _operate(self, scope: Scope | None) -> None:
        self._scope = scope
        self._head = None

    def _preposition(self, index: int, segment: Segment, scope: Scope) -> None:
        kind = self.tokens[index].kind
        if kind is K.TO and index + 1 < segment.end and self.tokens[index + 1].text in OPENING:
            return  # "moderate to large"
        if scope.governed:
            # "Effusion of pneumothorax": mistyped for "or", or the one a sign of the other.
            if kind is K.OF and index + 1 < segment.end and self.tokens[index + 1].kind is K.TERM:
                return
            self._scope = scope._replace(rest=Rest.PLACE if kind in (K.IN, K.OF) else Rest.COMPANY)
        elif scope.cue == "nothing" and kind is not K.IN:
            pass  # "nothing here to make me think of pneumonia"
        elif self._head is None or self._head in _HOLES or (self._head in EVIDENCE and kind is not K.IN):
            pass
        elif not scope.clause:
            self._scope = scope._replace(rest=Rest.TAKEN)

    def _word(self, index: int, segment: Segment) -> None:
        """An adjective that opens a statement of its own ends a denial in text without commas."""
        scope, text = self._scope, self.tokens[index].text
        if text in FORMER and scope is None and self._leads_to_term(index, segment):
            self._operate(Scope("not mentioned", text))
        elif scope is None or not scope.denies or not scope.active:
            return
        elif text in CHANGES and not scope.governed:
            self._scope = scope._replace(rest=Rest.TAKEN)
        elif scope.governed:
            behind = text in OPENING and text not in _DENIABLE and any(term > index for term in segment.terms)
            if behind and index > segment.first and self.tokens[index - 1].kind in (K.TERM, K.SEEN):
                self._scope = None

    def _leads_to_term(self, index: int, segment: Segment) -> bool:
        """Whether nothing but adjectives stands between a word and an observation."""
        behind = index + 1
        while behind < segment.end and self.tokens[behind].kind is K.WORD:
            behind += 1
        return behind < segment.end and self.tokens[behind].kind is K.TERM

    def _no(self, index: int, segment: Segment) -> None:
        token, scope = self.tokens[index], self._scope
        absence = token.text.startswith(("absence", "lack"))
        if scope is not None and scope.denies and scope.active and not scope.governed and absence:
            self._operate(None)
        elif token.text != "no" or not ends_predicate(self.tokens, index, segment.end):
            behind = next_word(self.tokens, index, segment.end)
            if behind < segment.end and self.tokens[behind].text in _SURE:
                self._operate(None)
                self._skip = behind + 1
            else:
                self._operate(Scope("absent", token.text))

    def _none(self, index: int, segment: Segment) -> None:
        if self.tokens[index].text == "nil" and any(term > index for term in segment.terms):
            self._operate(Scope("absent", "nil"))

    def _neither(self, index: int, segment: Segment) -> None:
        self._operate(Scope("absent", self.tokens[index].text, known=True))

    def _not(self, index: int, segment: Segment) -> None:
        token = self.tokens[index]
        behind = next_word(self.tokens, index, segment.end)
        if behind >= segment.end:
            return
        if token.text == "never" and self.tokens[behind].kind is K.BE:
            behind = next_word(self.tokens, behind, segment.end)
            if behind >= segment.end:
                return
        kind = self.tokens[behind].kind
        follows = any(term > behind for term in segment.terms) or kind is K.TERM
        if kind is K.EXCLUDE or (kind is K.UNLIKELY and follows):
            self._operate(Scope("uncertain", f"{token.text} {self.tokens[behind].text}"))
            self._skip = behind + 1
        elif kind in (K.SHOW, K.POINT, K.MEAN, K.A, K.TERM) or (kind in (K.LIKELY, K.ONE) and follows):
            self._operate(Scope("absent", token.text))
            self._skip = behind + (kind is not K.TERM)
        elif kind is K.NO:
            self._operate(None)
            self._skip = behind + 1
        elif kind is K.ASSESSED:
            self._operate(Scope("not mentioned", token.text))

    def _hard(self, index: int, segment: Segment) -> None:
        behind = next_word(self.tokens, index, segment.end)
        if behind < segment.end and self.tokens[behind].kind is K.EXCLUDE:
            self._operate(Scope("uncertain", f"{self.tokens[index].text} {self.tokens[behind].text}"))

    def _exclude(self, index: int, segment: Segment) -> None:
        before = self._scope
        if before is not None and before.presence == "uncertain" and before.cue.endswith(self.tokens[index].text):
            return
        if any(term > index for term in segment.terms):
            doubted = any(self.tokens[one].kind in (K.MODAL, K.HARD) for one in range(segment.first, index))
            self._operate(Scope("uncertain" if doubted else "not mentioned", self.tokens[index].text))

    def _gone(self, index: int, segment: Segment) -> None:
        before = any(term < index for term in segment.terms)
        if before or not any(term > index for term in segment.terms) or self._denied(index, segment):
            return
        behind = index - 1
        while behind >= segment.first and is_adverb(self.tokens[behind]):
            behind -= 1
        between = self.tokens[behind].kind if behind >= segment.first else None
        if between is K.PARTLY:
            self._operate(None)
        elif between not in (K.BE, K.NOT, K.IN, K.OF):
            self._operate(Scope("absent", self.tokens[index].text))

    def _going(self, index: int, segment: Segment) -> None:
        scope = self._scope
        if index + 1 >= segment.end or self.tokens[index + 1].kind is not K.OF:
            return
        if scope is not None and scope.presence == "not mentioned" and not scope.brief:
            return
        leading = [one.kind for one in self.tokens[max(segment.first, index - 3) : index]]
        if self._denied(index, segment) or K.PARTLY in leading or K.UNTIL in leading:
            self._operate(None)
        else:
            self._operate(Scope("absent", self.tokens[index].text))

    def _denied(self, index: int, segment: Segment) -> bool:
        """Whether a denial stands directly over a word, so that the two cancel out."""
        scope = self._scope
        return scope is not None and scope.denies and not scope.governed

    def _doubt(self, index: int, segment: Segment) -> None:
        scope = self._scope
        if scope is not None and scope.denies and scope.active:
            return
        if scope is not None and scope.presence == "not mentioned" and not scope.governed:
            return
        behind_subject = any(term < index for term in segment.terms) or (
            segment.first > 0 and index > segment.first and self.tokens[index - 1].kind is K.BE
        )
        if behind_subject and not any(term > index for term in segment.terms):
            if ends_predicate(self.tokens, index, segment.end):
                return
        elif behind_subject and self.tokens[index - 1].kind in (K.BE, K.TERM) and self._ends(index, segment):
            return
        setting = self.tokens[index].text.endswith(("setting", "context"))
        self._operate(Scope("uncertain", self.tokens[index].text, whole=setting))

    def _ends(self, index: int, segment: Segment) -> bool:
        behind = next_word(self.tokens, index, segment.end)
        return behind < segment.end and self.tokens[behind].kind in (K.WITH, K.NOW, K.IN, K.BEFORE)

    def _less(self, index: int, segment: Segment) -> None:
        if not any(term < index for term in segment.terms):
            self._operate(Scope("uncertain", self.tokens[index].text))

    def _unlikely(self, index: int, segment: Segment) -> None:
        if not any(term < index for term in segment.terms):
            self._operate(Scope("absent", self.tokens[index].text))

    def _alternative(self, index: int, segment: Segment) -> None:
        earlier = [term for term in segment.terms if term < index]
        doubt = Scope("uncertain", self.tokens[index].text)
        scope = self._scope
        if scope is not None and scope.denies and scope.active:
            return
        if earlier and (self.over.get(earlier[-1]) is None):
            self.over[earlier[-1]] = doubt
        self._operate(doubt)

    def _either(self, index: int, segment: Segment) -> None:
        number = self.segments.index(segment)
        paired = number + 1 < len(self.segments) and self.segments[number + 1].breaks is K.OR
        if paired and not (self._scope is not None and self._scope.denies):
            self._operate(Scope("uncertain", "either"))

    def _than(self, index: int, segment: Segment) -> None:
        between = index + 1 < segment.end and self.tokens[index + 1].kind is K.TERM and self._term_before(index)
        if self.tokens[index].text != ">" or between:
            self._operate(Scope("uncertain", self.tokens[index].text))

    def _in(self, index: int, segment: Segment) -> None:
        token, scope = self.tokens[index], self._scope
        following = self.tokens[index + 1] if index + 1 < segment.end else None
        if (token.text == "over" and scope is not None and scope.cue.startswith(("favo", "prefer"))) or (
            token.text == "over" and following is not None and following.kind is K.TERM and self._term_before(index)
        ):
            self._operate(Scope("uncertain", "over"))
        elif index == 0 and token.text == "in" and following is not None and is_year(following.text):
            self._operate(Scope("not mentioned", f"in {following.text}", whole=True))
        elif scope is not None and scope.denies and scope.active:
            self._preposition(index, segment, scope)

    def _point(self, index: int, segment: Segment) -> None:
        """A sign of what follows: in doubt, unless the sign itself is denied."""
        scope = self._scope
        if scope is not None and scope.denies:
            self._operate(scope._replace(rest=Rest.NOWHERE, inside=0))
        elif scope is None or scope.presence != "not mentioned":
            self._operate(Scope("uncertain", self.tokens[index].text))

    def _mean(self, index: int, segment: Segment) -> None:
        scope = self._scope
        if scope is not None and scope.denies:
            self._operate(scope._replace(rest=Rest.NOWHERE, inside=0))

    def _spoken(self, index: int, segment: Segment) -> None:
        text = self.tokens[index].text
        given = index + 1 < segment.end and self.tokens[index + 1].kind is K.THE
        # "CT for evaluation of the nodule" takes it for granted, "evaluate for nodules" does not.
        if given and text.endswith(("evaluation of", "assessment of")):
            self._operate(None)
        else:
            self._operate(Scope("not mentioned", self.tokens[index].text))

    def _if(self, index: int, segment: Segment) -> None:
        self._operate(Scope("not mentioned", self.tokens[index].text, brief=True))

    def _whether(self, index: int, segment: Segment) -> None:
        self._operate(Scope("uncertain", self.tokens[index].text, clause=True))

    def _term_before(self, index: int) -> bool:
        return index > 0 and self.tokens[index - 1].kind is K.TERM

    def _past(self, index: int, segment: Segment) -> None:
        following = self.tokens[index + 1].kind if index + 1 < segment.end else None
        if self.tokens[index].text != "had" or following not in (K.SEEN, K.GONE, K.VERB, K.NOT):
            self._operate(Scope("not mentioned", self.tokens[index].text, brief=index > 0, whole=index == 0))

    def _before(self, index: int, segment: Segment) -> None:
        text = self.tokens[index].text
        formerly = text in ("previously", "formerly") and segment.end == 1
        if index == 0 and (text.startswith("on") or formerly):
            self._operate(Scope("not mentioned", self.tokens[index].text, whole=True))

    def _be(self, index: int, segment: Segment) -> None:
        # "Should the effusion grow" takes it for granted, "should pneumonia develop" does not.
        given = index + 1 < segment.end and self.tokens[index + 1].kind is K.THE
        if index == 0 and self.tokens[index].text in ("should", "were") and segment.terms and not given:
            self._operate(Scope("not mentioned", self.tokens[index].text, brief=True))

    def _modal(self, index: int, segment: Segment) -> None:
        scope = self._scope
        if scope is not None and (scope.denies or scope.presence == "not mentioned") and scope.active:
            return
        behind = index + 1
        while behind < segment.end and (self.tokens[behind].kind is K.BE or is_adverb(self.tokens[behind])):
            behind += 1
        kind = self.tokens[behind].kind if behind < segment.end else None
        if kind not in (K.MISSED, K.ASSESSED, K.GONE):
            self._operate(Scope("uncertain", self.tokens[index].text))

    def _would(self, index: int, segment: Segment) -> None:
        # "Nothing that would suggest pneumonia"
        if self._denied(index, segment):
            return
        if not any(term < index for term in segment.terms):
            self._operate(Scope("not mentioned", self.tokens[index].text))

    def _absent(self, index: int, segment: Segment) -> None:
        if index + 1 < segment.end and self.tokens[index + 1].kind is K.TERM and self._scope is None:
            self._operate(Scope("absent", self.tokens[index].text))

    def _the(self, index: int, segment: Segment) -> None:
        """Behind what is denied, "the" begins another subject: "in the absence of effusion the opacity is ..."."""
        scope = self._scope
        ended = scope is not None and scope.denies and scope.active and scope.governed and self._term_before(index)
        if ended and index + 1 < segment.end:
            self._operate(None)

    def _except(self, index: int, segment: Segment) -> None:
        self._operate(None)

    def _only(self, index: int, segment: Segment) -> None:
        if self._scope is not None and self._scope.denies:
            self._operate(None)

    def _now(self, index: int, segment: Segment) -> None:
        if self._scope is not None and self._scope.presence == "not mentioned":
            self._operate(None)

    def _with(self, index: int, segment: Segment) -> None:
        scope = self._scope
        if scope is not None and scope.denies and scope.active:
            self._preposition(index, segment, scope)
        elif scope is not None and scope.presence == "not mentioned" and not scope.brief and index + 1 < segment.end:
            following = self.tokens[index + 1]
            if following.kind in (K.A, K.THE) or following.text in OPENING:
                self._operate(None)

    def _query(self, index: int, segment: Segment) -> None:
        leads = index + 1 < segment.end and (index == segment.first or not segment.terms or segment.terms[0] > index)
        if leads:
            self._operate(Scope("uncertain", "?"))


_HANDLERS = {
    K.WORD: Operators._word,
    K.NO: Operators._no,
    K.NONE: Operators._none,
    K.NEITHER: Operators._neither,
    K.NOT: Operators._not,
    K.HARD: Operators._hard,
    K.EXCLUDE: Operators._exclude,
    K.GONE: Operators._gone,
    K.GOING: Operators._going,
    K.DOUBT: Operators._doubt,
    K.LESS: Operators._less,
    K.UNLIKELY: Operators._unlikely,
    K.ALTERNATIVE: Operators._alternative,
    K.EITHER: Operators._either,
    K.THAN: Operators._than,
    K.IN: Operators._in,
    K.POINT: Operators._point,
    K.MEAN: Operators._mean,
    K.SPOKEN: Operators._spoken,
    K.PURPOSE: Operators._spoken,
    K.IF: Operators._if,
    K.WHETHER: Operators._whether,
    K.PAST: Operators._past,
    K.BEFORE: Operators._before,
    K.BE: Operators._be,
    K.MODAL: Operators._modal,
    K.WOULD: Operators._would,
    K.ABSENT: Operators._absent,
    K.THE: Operators._the,
    K.EXCEPT: Operators._except,
    K.ONLY: Operators._only,
    K.NOW: Operators._now,
    K.WITH: Operators._with,
    K.QUERY: Operators._query,
}
