"""What is said of an observation behind it: "is not seen", "has resolved", "cannot be excluded", ": none", "(-)"."""

from enum import Enum, auto
from typing import NamedTuple

from core.labeler.cues import Kind
from core.labeler.tokens import Token
from core.labeler.wordlists import words_of

K = Kind


class Said(Enum):
    """What a predicate says of its subject."""

    THERE = auto()
    ABSENT = auto()
    IN_DOUBT = auto()
    LIKELY = auto()
    SPOKEN = auto()
    DESCRIBED = auto()  # a property or a change, which takes the finding for granted


class Predicate(NamedTuple):
    """A predicate.

    Attributes:
        said: of the subject.
        cue: the words that decided.
        finite: whether it has a verb of its own; one without ("effusion seen ...") gives way to one that has.
    """

    said: Said
    cue: str
    finite: bool


_ADVERBS = words_of(
    "yet also well still now again longer since so to fully entirely already ever been be quite very rather "
    "further otherwise as xxxx ___"
)
# Doubts whose denial is a denial: "is not suspected", but not "is not doubtful".
_DENIABLE = words_of("suspected considered favored favoured possible conceivable")
# Behind these a word in front is the predicate: "effusion possible on the left", "pneumonia is a possibility".
_ENDS = frozenset((K.IN, K.WITH, K.NOW, K.BEFORE, K.TO, K.BE, K.IF, K.QUERY))


def is_year(text: str) -> bool:
    """Whether a number is that of a year of which a report may speak."""
    return len(text) == 4 and text.isdigit() and text[:2] in ("19", "20")


def is_adverb(token: Token) -> bool:
    """Whether a token may stand inside a verb group without saying anything of the subject."""
    return token.text in _ADVERBS or (token.kind in (K.WORD, K.ONLY) and token.text.endswith("ly"))


def next_word(tokens: list[Token], index: int, end: int) -> int:
    """The index behind ``index`` of the first token that is no adverb; ``end`` where there is none."""
    index += 1
    while index < end and is_adverb(tokens[index]):
        index += 1
    return index


def ends_predicate(tokens: list[Token], index: int, end: int) -> bool:
    """Whether what stands at ``index`` closes a predicate: nothing that it could govern follows."""
    index += 1
    if index < end:
        return tokens[index].kind in _ENDS
    return index >= len(tokens) or tokens[index].kind is not K.TERM


def predicate_in(tokens: list[Token], first: int, end: int, *, verbless: bool) -> Predicate | None:
    """The predicate that begins at ``first`` or later.

    Args:
        tokens: of the sentence.
        first: the token behind the subject.
        end: of the segment.
        verbless: whether a participle or an adjective without a verb may be the predicate from the start ("effusion,
            no longer seen"); otherwise only where it follows the subject.
    """
    found: Predicate | None = None
    denied = modal = would = hard = partly = verb = placed = past = False
    words: list[str] = []
    for index in range(first, end):
        token = tokens[index]
        kind = token.kind
        said: Said | None = None
        if kind is K.TERM:
            break
        if kind is K.NOT:
            denied = not denied
            modal = modal or token.text.startswith(("can", "could"))
            words = [token.text]
            continue
        if kind is K.BE:
            if verb and found and found.finite:
                break
            verb = True
            past = token.text in ("was", "were")
            continue
        if kind is K.MODAL:
            modal = verb = True
            words = [token.text]
            continue
        if kind is K.WOULD:
            would = verb = True
            words = [token.text]
            continue
        elif kind is K.HARD:
            hard = True
            words = [token.text]
            continue
        elif kind is K.PARTLY:
            partly = True
            continue
        elif kind is K.LESS:
            said = Said.IN_DOUBT
        elif kind is K.DEEMED or is_adverb(token):
            continue
        elif kind is K.SEEN:
            # What was "not seen before" is new.
            formerly = index + 1 < end and tokens[index + 1].kind is K.BEFORE
            if denied and formerly:
                said = Said.DESCRIBED
            elif formerly and past and tokens[index + 1].text.startswith("on"):
                said = Said.SPOKEN
            elif denied:
                said = Said.SPOKEN if would else Said.ABSENT
            else:
                said = Said.IN_DOUBT if modal else Said.SPOKEN if would else Said.THERE
        elif kind is K.ABSENT:
            said = Said.THERE if denied else Said.ABSENT
        elif kind in (K.NO, K.NONE):
            if not _closes(tokens, index, end):
                # "Is no larger", "shows no sign of clearing"
                still = verb or any(one.kind is K.GOING for one in tokens[index:end])
                return Predicate(Said.DESCRIBED, token.text, verb) if still else found
            said = Said.ABSENT
        elif kind is K.GONE:
            said = Said.THERE if denied or partly else Said.IN_DOUBT if modal else Said.ABSENT
        elif kind is K.GOING:
            said = Said.THERE if denied or partly else Said.ABSENT
        elif kind is K.SHOW and denied and index + 1 >= end and end >= len(tokens):
            said = Said.ABSENT  # "a nodule that I can no longer find"
        elif kind is K.EXCLUDE and end < len(tokens) and tokens[end].kind is K.TERM:
            return found  # "does not exclude pneumonia" says nothing of its subject
        elif kind in (K.EXCLUDED, K.EXCLUDE):
            said = Said.IN_DOUBT if denied or modal or hard or would else Said.ABSENT
        elif kind is K.UNLIKELY:
            said = Said.IN_DOUBT if denied else Said.ABSENT
        elif kind is K.LIKELY:
            said = Said.ABSENT if denied else Said.LIKELY
        elif kind is K.QUERY and index + 1 < end and tokens[index + 1].kind in (K.NO, K.NONE, K.ABSENT, K.SEEN):
            continue
        elif kind in (K.DOUBT, K.QUERY):
            # "A nodule of uncertain origin", "effusion, possibly from pancreatitis"
            if index + 1 < end and not verb and (placed or verbless):
                continue
            said = Said.ABSENT if denied and token.text in _DENIABLE else Said.IN_DOUBT
        elif kind is K.MISSED:
            said = Said.SPOKEN if modal or would else Said.DESCRIBED
        elif kind is K.ASSESSED:
            said = Said.SPOKEN
        elif kind is K.PLUS:
            said = Said.THERE
        elif kind is K.MINUS:
            said = Said.ABSENT
        elif kind in (K.IN, K.OF, K.TO, K.WITH, K.BEFORE):
            # "Pneumonia in 2018."
            if (
                token.text == "in"
                and not verb
                and found is None
                and index + 2 == end
                and is_year(tokens[index + 1].text)
            ):
                return Predicate(Said.SPOKEN, f"in {tokens[index + 1].text}", True)
            placed = True
            if found and found.finite:
                break
            continue
        elif kind is K.VERB or (verb and kind not in (K.A, K.THE)):
            if placed and not verb:
                continue
            said = Said.SPOKEN if would and "be" in words[0] else Said.DESCRIBED
        elif kind is K.WORD and denied and not placed:
            said = Said.DESCRIBED
        else:
            continue
        now = Predicate(said, " ".join((*words, token.text)), verb)
        if found is None or (now.finite and not found.finite) or found.said is Said.DESCRIBED:
            found = now
        denied = modal = would = hard = partly = False
        if found.finite and found.said is not Said.DESCRIBED:
            break
        if found.finite and found.said is Said.DESCRIBED and kind is not K.DOUBT and placed:
            break
    return found


def _closes(tokens: list[Token], index: int, end: int) -> bool:
    """Whether a "no" or "none" is the predicate: "effusion: none", not "effusion on the left, none on the right"."""
    if tokens[index].kind is K.NONE:
        return index + 1 >= end or tokens[index + 1].kind in (K.SEEN, K.BE, K.NOW)
    return tokens[index].text == "no" and ends_predicate(tokens, index, end)
