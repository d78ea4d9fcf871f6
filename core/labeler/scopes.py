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

from enum import Enum, auto
from typing import NamedTuple

from core.labeler.cues import CHANGES, EVIDENCE, NEWLY, OPENING, Kind
from core.labeler.predicates import ends_predicate, is_adverb, next_word
from core.labeler.presence import Presence
from core.labeler.segments import Segment, listed_on, opens
from core.labeler.tokens import Token

K = Kind


class Rest(Enum):
    """Where a denial rests."""

    NOWHERE = auto()
    PLACE = auto()  # in a phrase of place behind what it denied: "no mass in the consolidation"
    COMPANY = auto()  # in a phrase of another kind: "no pneumothorax after biopsy of the mass"
    TAKEN = auto()  # in a phrase behind another noun that it denied: "no cause for the effusion"


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
    rest: Rest = Rest.NOWHERE
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
        return self.rest is Rest.NOWHERE


_SIDES = frozenset(["right", "left", "upper", "lower", "middle", "anterior", "posterior"])
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
        self._handed = False
        for number, segment in enumerate(segments):
            self._scope = self._handed_on(number)
            index = segment.first
            while index < segment.end:
                index = self._read(index, segment)

    def _handed_on(self, number: int) -> Scope | None:
        """The scope with which a segment begins."""
        scope = self._scope
        if scope is None or number == 0:
            return scope
        segment, before = self.segments[number], self.segments[number - 1]
        if segment.breaks is K.BUT or (scope.brief and segment.comma):
            return None
        if scope.whole:
            return scope
        if segment.breaks is K.COLON:
            return None if before.terms else scope
        if segment.breaks is K.WHICH:
            return None if segment.comma else scope._replace(clause=True)
        if segment.breaks is K.OR:
            return self._resumed(scope, segment)
        opening = opens(self.tokens, segment)
        if scope.denies:
            return self._denial_handed_on(scope, number, opening)
        if scope.presence == "uncertain":
            first = self.tokens[segment.first]
            own = segment.clause or first.kind is K.THE or first.text == "there"
            return None if own and segment.terms else scope
        return None if opening or segment.clause else scope

    def _denial_handed_on(self, scope: Scope, number: int, opening: bool) -> Scope | None:
        segment, before = self.segments[number], self.segments[number - 1]
        listed = listed_on(self.segments, number)
        if segment.breaks is K.AND:
            if not scope.governed and scope.active and self._sided(before.end - 1, segment.first):
                return scope
            if opening or (segment.clause and self._own_clause(segment, before)):
                return None
            if scope.rest is Rest.TAKEN:
                return None
            if scope.rest is Rest.COMPANY or (scope.rest is not Rest.NOWHERE and scope.inside):
                return scope
            return self._resumed(scope, segment)
        if listed:
            return self._resumed(scope, segment)
        if opening or segment.clause or scope.rest in (Rest.TAKEN, Rest.COMPANY):
            return None
        # "No effusion, no pneumothorax, cardiomegaly": where each member is denied by itself, the others are not.
        each = number > 1 and before.breaks is K.COMMA and self.tokens[before.first].kind is K.NO
        return None if each else self._resumed(scope, segment)

    def _own_clause(self, segment: Segment, before: Segment) -> bool:
        """Whether "and" joins clauses ("no mass is seen and effusions persist"), not members of one subject."""
        verb = self.tokens[segment.verb]
        after = next_word(self.tokens, segment.verb, segment.end)
        seen = after < segment.end and self.tokens[after].kind in (K.SEEN, K.NOT)
        return before.verb < before.end or verb.kind is not K.BE or not seen

    def _sided(self, before: int, behind: int) -> bool:
        return self.tokens[before].text in _SIDES and self.tokens[behind].text in _SIDES

    def _resumed(self, scope: Scope, segment: Segment) -> Scope:
        if not scope.denies or scope.active:
            return scope
        if scope.rest is Rest.TAKEN and scope.inside and self.tokens[segment.first].text not in NEWLY:
            return scope
        self._head = None
        return scope._replace(rest=Rest.NOWHERE, inside=0)

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
        kind = self.tokens[behind].kind
        follows = any(term > behind for term in segment.terms) or kind is K.TERM
        if kind is K.EXCLUDE or (kind is K.UNLIKELY and follows):
            self._operate(Scope("uncertain", f"{token.text} {self.tokens[behind].text}"))
            self._skip = behind + 1
        elif kind in (K.SHOW, K.POINT, K.MEAN, K.A, K.TERM) or (kind is K.LIKELY and follows):
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
        elif index == 0 and token.text == "in" and following is not None and _is_year(following.text):
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
        if index == 0 and self.tokens[index].text in ("should", "were") and segment.terms:
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
        if not any(term < index for term in segment.terms):
            self._operate(Scope("not mentioned", self.tokens[index].text))

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


def _is_year(text: str) -> bool:
    return len(text) == 4 and text.isdigit() and text[:2] in ("19", "20")


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
    K.EXCEPT: Operators._except,
    K.ONLY: Operators._only,
    K.NOW: Operators._now,
    K.WITH: Operators._with,
    K.QUERY: Operators._query,
}
