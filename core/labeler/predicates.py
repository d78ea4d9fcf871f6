"""What is said of an observation behind it: "is not seen", "has resolved", "cannot be excluded", ": none", "(-)"."""

from typing import Literal, NamedTuple

from core.labeler import kinds as K
from core.labeler.tokens import Token
from core.labeler.wordlists import words_of

Said = Literal["there", "absent", "in doubt", "likely", "spoken of", "described"]
"""What a predicate says of its subject; ``described``: a property or a change, which takes the finding for granted."""


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
    return index >= len(tokens) or tokens[index].kind != K.TERM


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
        if kind == K.TERM:
            break
        if kind == K.NOT:
            denied = not denied
            modal = modal or token.text.startswith(("can", "could"))
            words = [token.text]
            continue
        if kind == K.BE:
            if verb and found and found.finite:
                break
            verb = True
            past = token.text in ("was", "were")
            continue
        if kind == K.MODAL:
            modal = verb = True
            words = [token.text]
            continue
        if kind == K.WOULD:
            would = verb = True
            words = [token.text]
            continue
        elif kind == K.HARD:
            hard = True
            words = [token.text]
            continue
        elif kind == K.PARTLY:
            partly = True
            continue
        elif kind == K.LESS:
            said = "in doubt"
        elif kind == K.DEEMED or is_adverb(token):
            continue
        elif kind == K.SEEN:
            # What was "not seen before" is new.
            formerly = index + 1 < end and tokens[index + 1].kind == K.BEFORE
            if denied and formerly:
                said = "described"
            elif formerly and past and tokens[index + 1].text.startswith("on"):
                said = "spoken of"
            elif denied:
                said = "spoken of" if would else "absent"
            else:
                said = "in doubt" if modal else "spoken of" if would else "there"
        elif kind == K.ABSENT:
            said = "there" if denied else "absent"
        elif kind in (K.NO, K.NONE):
            if not _closes(tokens, index, end):
                # "Is no larger", "shows no sign of clearing"
                still = verb or any(one.kind == K.GOING for one in tokens[index:end])
                return Predicate("described", token.text, verb) if still else found
            said = "absent"
        elif kind == K.GONE:
            said = "there" if denied or partly else "in doubt" if modal else "absent"
        elif kind == K.GOING:
            said = "there" if denied or partly else "absent"
        elif kind == K.SHOW and denied and index + 1 >= end and end >= len(tokens):
            said = "absent"  # "a nodule that I can no longer find"
        elif kind == K.EXCLUDE and end < len(tokens) and tokens[end].kind == K.TERM:
            return found  # "does not exclude pneumonia" says nothing of its subject
        elif kind in (K.EXCLUDED, K.EXCLUDE):
            said = "in doubt" if denied or modal or hard or would else "absent"
        elif kind == K.UNLIKELY:
            said = "in doubt" if denied else "absent"
        elif kind == K.LIKELY:
            said = "absent" if denied else "likely"
        elif kind == K.QUERY and index + 1 < end and tokens[index + 1].kind in (K.NO, K.NONE, K.ABSENT, K.SEEN):
            continue
        elif kind in (K.DOUBT, K.QUERY):
            # "A nodule of uncertain origin", "effusion, possibly from pancreatitis"
            if index + 1 < end and not verb and (placed or verbless):
                continue
            said = "absent" if denied and token.text in _DENIABLE else "in doubt"
        elif kind == K.MISSED:
            said = "spoken of" if modal or would else "described"
        elif kind == K.ASSESSED:
            said = "spoken of"
        elif kind == K.PLUS:
            said = "there"
        elif kind == K.MINUS:
            said = "absent"
        elif kind in (K.IN, K.OF, K.TO, K.WITH, K.BEFORE):
            # "Pneumonia in 2018."
            if (
                token.text == "in"
                and not verb
                and found is None
                and index + 2 == end
                and is_year(tokens[index + 1].text)
            ):
                return Predicate("spoken of", f"in {tokens[index + 1].text}", True)
            placed = True
            if found and found.finite:
                break
            continue
        elif kind == K.VERB or (verb and kind not in (K.A, K.THE)):
            if placed and not verb:
                continue
            said = "spoken of" if would and "be" in words[0] else "described"
        elif kind == K.WORD and denied and not placed:
            said = "described"
        else:
            continue
        now = Predicate(said, " ".join((*words, token.text)), verb)
        if found is None or (now.finite and not found.finite) or found.said == "described":
            found = now
        denied = modal = would = hard = partly = False
        if found.finite and found.said != "described":
            break
        if found.finite and found.said == "described" and kind != K.DOUBT and placed:
            break
    return found


def _closes(tokens: list[Token], index: int, end: int) -> bool:
    """Whether a "no" or "none" is the predicate: "effusion: none", not "effusion on the left, none on the right"."""
    if tokens[index].kind == K.NONE:
        return index + 1 >= end or tokens[index + 1].kind in (K.SEEN, K.BE, K.NOW)
    return tokens[index].text == "no" and ends_predicate(tokens, index, end)
