"""What is wrong with one sentence, whatever the evidence, and what of it lies outside the 14 findings."""

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from core.findings import BY_NAME
from core.labeler.observations import INFECTION
from core.reporting.guard import vocabulary
from core.reporting.guard.claims import WORD, Claim, details_in, parts_of
from core.reporting.guard.form import garbled
from core.reporting.guard.places import UNEQUAL_SIDES, organs_in, organs_of
from core.reporting.guard.statements import Statement
from core.reporting.guard.surroundings import Surrounding, surroundings_in
from core.reporting.guard.verdict import ViolationKind

# Words that must belong to a finding or a statement that is understood.
_UNDERSTOOD = vocabulary.JUDGING_WORDS | vocabulary.FINDING_WORDS | vocabulary.IMPLIED_WORDS
_FREE = frozenset(
    [
        "widened",
        "dilated",
        "big",
        "enlarged",
        "enlargement",
        "blood",
        "air",
        "water",
        "growth",
        "spot",
        "lump",
        "fluid",
        "haze",
    ]
)
_UNCLEAR = re.compile(
    r"\bnegative(?! for\b)|\bfree(?! (?:of|from)\b)|\bconcerning(?! for\b)|\bother sides?\b"
    r"|\bthan\b(?<!other than)|\btypical(?! (?:findings? )?of\b)"
    # "Alveolar edema"
    r"|\b(?:alveolar|infectious)(?! (?:or )?(?:\w+ )?(?:opaci|disease|process|infiltrat|consolid|changes?\b|air))"
)
_AIR_SPACE = re.compile(r"\bair[- ]spaces?\b")
# A denial of a denial, which no one should have to work out.
_TWICE_DENIED = re.compile(
    r"\b(?:(?:no|not|without|never|neither|nor|cannot)\b(?:(?! and | but )[^,;])*?"
    r"\b(?:not|cannot|never|without|absent|absence|free|negative|clear of|unremarkable|unlikely)"
    r"|(?:no|without|never|neither)\b(?:(?! and | but )[^,;])*?\bexcluded?)\b"
)
_DENIAL = re.compile(r"\b(?:no|not|without|neither|nor|cannot|absent|absence|unlikely|negative|excluded?)\b")
_DOUBT = re.compile(
    r"\b(?:may|might|could|possibl[ey]|possibility|potential(?:ly)?|question\w*|uncertain|equivocal|unclear|perhaps|maybe"
    r"|whether|doubtful|doubt|unproven|unconfirmed|not (?:certain|definite|sure|proven|confirmed)|suspect(?:ed|s)?)\b"
)
# In the singular, or with "present": "no effusion, pneumothorax and consolidation are seen" is one denial.
_THERE = re.compile(r"\bis (?:also )?(?:seen|noted|identified|visualized|demonstrated)\b|\bpresent\b")
# Words that say something of nothing where no finding stands beside them.
_NEEDY = re.compile(
    r"\b(?:suspicio\w+|suspected|concern\w*|focal|discrete|areas?|regions?|findings?|evidence|signs?"
    r"|collections?)\b"
)
# Findings that change something: "emphysematous changes", "changes of fibrosis".
_CHANGES = re.compile(
    r"\b(?:emphysematous|fibrotic|atelectatic) changes?\b"
    r"|\bchanges? (?:of|(?:most )?(?:consistent|compatible) with|suggest(?:ive of|ing)|representing)(?: \w+){0,2}"
    r" (?:emphysema|fibrosis|atelectasis)\b"
)
_MEASURE = re.compile(
    r"\d(?![- ]views?\b)|%"
    r"|\b(?:cm|mm|centimet\w+|millimet\w+|inch(?:es)?|percent|measur\w+|diameter|ml|lit(?:er|re)s?)\b"
)
_MEASURED = re.compile(r"\d ?%|\b(?:cm|mm|centimet\w+|millimet\w+|inch(?:es)?|percent|measur\w+|diameter)\b")
# Words of certainty about what another sentence or part spoke of: "it is definite".
_SURE = re.compile(
    r"\b(?:definite|certain|certainty|sure|proven|confirmed|real|genuine|established|doubt|doubtful|questionable|former|latter|unequivocal"
    r"|obvious|verified|substantiated|corroborated|validated|ascertained)\b"
    # "... and a smaller one beside it".
    r"|\b(?:an?|another|the|two|other|further)(?: \w+)? ones?\b"
)
_JUDGEMENTS = frozenset(
    ["normal", "normally", "limits", "unremarkable", "disease", "diseases", "process", "abnormal", "abnormality"]
)
_ELSEWHERE_ONLY = frozenset(("outside", "device"))
# Organs that hold none of the findings, in front of one or behind it.
_FOREIGN = re.compile(
    r"\b(?:mediastin\w*|bon(?:e|es|y)|oss[eo]\w*|ribs?|spin(?:e|al)|vertebra\w*|breasts?|pericard\w*|thyroid|abdom\w*"
    r"|liver|aort\w*|trachea\w*|esophag\w*|soft tissues?|skin|muscul\w*|stern\w+|shoulders?|axill\w+|vascul\w*)\b"
)
# Where something lies, and not what holds it: "projects behind the heart".
_BESIDE = re.compile(r"\b(?:behind|beside|above|below|near|next to|adjacent to|lateral to|medial to) (?:the )?$")
_BEFORE_IT = re.compile(r"[\s-]*(?:\w+ )?$")
_BEHIND_IT = re.compile(r"^ (?:is |are )?(?:seen )?(?:of|in|within|involving|at|from) (?:the )?(?:\w+ )?$")


class Fault(NamedTuple):
    """Something wrong with a sentence, or outside what can be checked.

    Attributes:
        kind: of it.
        message: one plain sentence.
        words: the part concerned; empty for the whole sentence.
    """

    kind: ViolationKind
    message: str
    words: str


def faults_in(
    sentence: str, lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]
) -> tuple[tuple[Fault, ...], str]:
    """All that is wrong with a sentence whatever the evidence, and all that lies outside it.

    Also gives the sentence with blanks for the parts that lie outside, where a side or a level is no finding's.
    """
    own = tuple(one for one in claims if one.observation in BY_NAME or one.implied is not None)
    covered = lowered
    for words in (vocabulary.COVERED_SILHOUETTE, _AIR_SPACE):
        covered = words.sub(lambda found: " " * len(found[0]), covered)
    around = [
        one
        for one in surroundings_in(covered)
        if not any(claim.start <= one.start < claim.end for claim in own if _in_its_own_words(claim))
    ]
    aside = bool(around) and not own and not statements
    faults: list[Fault] = []
    if fault := garbled(sentence, lowered, aside=aside):
        faults.append(Fault(*fault, ""))
    parts = list(parts_of(lowered))
    read = [
        _Part(begin, end, _within(own, begin, end), _within(statements, begin, end), _inside(around, begin, end))
        for begin, end in parts
    ]
    for part in read:
        faults += _part_faults(sentence, covered, part, read)
    if own or statements:
        faults += _misread(lowered, own, statements, read)
    faults += [
        Fault("outside", f"It speaks of {_shown(one)} without saying whether it is there.", "")
        for one in own
        if one.presence == "not mentioned"
    ]
    if not own and not statements and not faults:
        faults.append(Fault("outside", "It says nothing that the evidence covers.", ""))
    checked = lowered
    for part in read:
        # "Effusions, greater on the left than on the right": the comparison names the places of what went before.
        if UNEQUAL_SIDES.search(lowered, part.begin, part.end):
            continue
        if (part.around or aside) and not part.claims and not part.statements:
            checked = checked[: part.begin] + " " * (part.end - part.begin) + checked[part.end :]
    return tuple(dict.fromkeys(_whole(faults, own, statements))), checked


def _in_its_own_words(claim: Claim) -> bool:
    """Whether the words of a claim name the finding only: "heart and mediastinum are normal" says more."""
    return claim.observation not in ("Cardiomegaly", INFECTION)


class _Part(NamedTuple):
    """A part of a sentence with the claims, statements and surroundings in it."""

    begin: int
    end: int
    claims: tuple[Claim, ...]
    statements: tuple[Statement, ...]
    around: tuple[Surrounding, ...]


def _part_faults(sentence: str, covered: str, part: _Part, parts: list[_Part]) -> Iterator[Fault]:
    text = sentence[part.begin : part.end].strip(" ,;:.")
    called = [one for one in part.claims if one.called]
    if called and (measure := _MEASURE.search(covered, part.begin, part.end)):
        yield Fault("measurement", f"“{measure[0]}” gives a measure, and nothing was measured.", measure[0])
    for one in part.around:
        words = sentence[one.start : one.end].strip()
        if called and _FOREIGN.match(covered, one.start) and _touches(covered, one, called):
            yield Fault("unread", f"“{words}” is not where the findings beside it lie.", words)
        else:
            message = f"“{words}” {one.what}, which is not checked."
            yield Fault(one.kind, message, words if part.claims or part.statements else text)
    if part.claims or part.statements:
        yield from _unread_words(covered, part)
    elif not any(one.kind in _ELSEWHERE_ONLY for one in part.around):
        yield from _alone(covered, part, text, [one for one in parts if one is not part])


def _unread_words(covered: str, part: _Part) -> Iterator[Fault]:
    """Words beside a finding or a statement that cannot be read."""
    for word in WORD.finditer(covered, part.begin, part.end):
        place = word.start()
        if any(one.start <= place < one.end for one in part.around):
            continue
        if any(one.start <= place < one.end for one in part.statements):
            continue
        if any(one.start <= place < one.end for one in part.claims if one.observation not in BY_NAME):
            continue
        if word[0] not in vocabulary.ALLOWED_WORDS:
            yield Fault("unread", f"“{word[0]}” cannot be read with certainty.", word[0])
            return
        if word[0] in _UNDERSTOOD and not part.around and not _recognised(covered, word, part.claims):
            yield Fault("unread", f"“{word[0]}” is said of something that cannot be made out.", word[0])
            return


def _alone(covered: str, part: _Part, text: str, others: list[_Part]) -> Iterator[Fault]:
    """A part in which nothing is understood: does it speak of what the findings cover, or of what went before?"""
    beside = [one for one in others if one.claims or one.statements]
    # Whatever is left of a sentence about bones or devices speaks of these.
    aside = any(one.around for one in others) and not beside
    words = set(WORD.findall(covered[part.begin : part.end]))
    alarming = words & (vocabulary.ALARMING_WORDS | vocabulary.DETAIL_WORDS)
    speaking = words & (vocabulary.COVERED_WORDS | (vocabulary.JUDGING_WORDS - {"change", "changes"}))
    if part.around:
        # A comparison or a recommendation may name an organ, but says nothing of a finding there.
        speaking &= vocabulary.FINDING_WORDS | vocabulary.IMPLIED_WORDS
    unknown = sorted(words - vocabulary.ALLOWED_WORDS)
    # "The epiglottis is normal", and "no evidence of metastatic disease".
    if aside or unknown or (alarming and _DENIAL.search(covered, part.begin, part.end)):
        speaking -= _JUDGEMENTS
        if not speaking and alarming and _DENIAL.search(covered, part.begin, part.end):
            yield Fault("outside", f"“{sorted(alarming)[0]}” lies outside the 14 findings.", text)
            return
    if not part.around and "ratio" in words and (measure := _MEASURE.search(covered, part.begin, part.end)):
        yield Fault("measurement", f"“{measure[0]}” gives a measure, and nothing was measured.", text)
        return
    bare = not alarming and not unknown and speaking <= vocabulary.STRUCTURE_WORDS
    if bare and speaking and (beside or aside):
        # A subject whose predicate stands in another part: "the lungs are | without consolidation".
        return
    if speaking:
        yield Fault("unread", f"“{text}” speaks of the chest and cannot be read.", text)
    elif not part.around and not aside and (measure := _MEASURED.search(covered, part.begin, part.end)):
        yield Fault("measurement", f"“{measure[0]}” gives a measure, and nothing was measured.", text)
    elif (alarming and not part.around and not aside) or (_SURE.search(covered, part.begin, part.end) and not aside):
        yield Fault("unread", f"“{text}” does not say of what it speaks.", text)
    elif unknown and not part.around:
        yield Fault("outside", f"“{unknown[0]}” lies outside the 14 findings.", text)


def _whole(faults: list[Fault], own: tuple[Claim, ...], statements: tuple[Statement, ...]) -> Iterator[Fault]:
    """The faults; where nothing of a sentence is checked, one fault says so of all of it."""
    told = False
    for fault in faults:
        outside = fault.kind not in _REFUSING
        if outside and not own and not statements:
            if not told:
                yield fault._replace(words="")
            told = True
        else:
            yield fault


_REFUSING = frozenset(("measurement", "unread", "garbled", "artefact"))


def _touches(covered: str, one: Surrounding, called: list[Claim]) -> bool:
    return any(
        (one.end <= claim.start and _BEFORE_IT.fullmatch(covered[one.end : claim.start]))
        or (claim.end <= one.start and _BEHIND_IT.match(covered[claim.end : one.start]))
        for claim in called
    )


_Spanned = TypeVar("_Spanned", Claim, Statement)


def _within(ones: tuple[_Spanned, ...], begin: int, end: int) -> tuple[_Spanned, ...]:
    return tuple(one for one in ones if one.start < end and begin < one.end)


def _inside(around: list[Surrounding], begin: int, end: int) -> tuple[Surrounding, ...]:
    return tuple(one for one in around if begin <= one.start < end)


def _recognised(lowered: str, word: re.Match[str], claims: tuple[Claim, ...]) -> bool:
    """Whether a word belongs to what is read: to a finding, or to "clear of"."""
    if word[0] == "clear":
        return lowered.startswith(" of", word.end())
    if word[0] in ("process", "processes"):
        # "An infectious process" names the infection.
        return any(one.observation == INFECTION and one.end + 1 == word.start() for one in claims)
    if word[0] in ("change", "changes"):
        return any(one.start() <= word.start() < one.end() for one in _CHANGES.finditer(lowered))
    if word[0] in _FREE:
        return bool(claims)
    plain = word[0] in vocabulary.FINDING_WORDS or word[0] in vocabulary.IMPLIED_WORDS
    return any(one.start <= word.start() < one.end and (plain or one.observation not in BY_NAME) for one in claims)


def _misread(
    lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...], parts: list[_Part]
) -> Iterator[Fault]:
    """Words that may turn the sense of what is read."""
    if found := _unclear(lowered, statements) or _TWICE_DENIED.search(lowered):
        yield Fault("unread", f"“{found[0]}” cannot be understood with certainty.", found[0])
    elif unclear := _unaccounted(lowered, parts) or _half_denied(lowered, parts):
        yield Fault("unread", f"“{unclear}” cannot be understood with certainty.", unclear)
    elif found_organ := _foreign_organ(lowered, claims, statements):
        yield Fault("unread", f"“{found_organ}” is not where the findings beside it lie.", found_organ)
    elif idle := _idle(lowered, claims, statements, parts):
        yield Fault("unread", f"“{idle}” is said of something that cannot be made out.", idle)


def _unclear(lowered: str, statements: tuple[Statement, ...]) -> re.Match[str] | None:
    understood = [(one.start, one.end) for one in statements]
    understood += [found.span() for found in UNEQUAL_SIDES.finditer(lowered)]
    for found in _UNCLEAR.finditer(lowered):
        if not any(start <= found.start() < end for start, end in understood):
            return found
    return None


def _idle(lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...], parts: list[_Part]) -> str | None:
    """A degree, an extent, an age or a shape of nothing that is understood: "prominent lungs"."""
    aside = [
        (one.begin, one.end)
        for one in parts
        if not one.claims and (one.around or (one.begin and _DENIAL.search(lowered, one.begin, one.end)))
    ]
    for word, indices in details_in(lowered, claims, statements):
        if not indices and not any(word in WORD.findall(lowered[begin:end]) for begin, end in aside):
            return word
    return None


def _unaccounted(lowered: str, parts: list[_Part]) -> str | None:
    """A denial, a doubt or an adjective of which no claim shows that it was understood."""
    for part in parts:
        if not part.claims and part.around:
            continue
        # "Without tension" denies something of the finding, and nothing else.
        words = set(WORD.findall(lowered[part.begin : part.end])) - {"without", "no", "not", "any", "and", "or"}
        if not part.claims and words and words <= vocabulary.DETAIL_WORDS | vocabulary.ALARMING_WORDS:
            continue
        said = {one.presence for one in part.claims}
        if part.statements:
            # A statement denies by itself, but it is never in doubt.
            if (doubt := _DOUBT.search(lowered, part.begin, part.end)) and "uncertain" not in said:
                return doubt[0]
            continue
        if any(one.presupposed == "complement" for one in part.claims):
            said |= {"absent"}
        for cue, understood in ((_DENIAL, {"absent", "uncertain"}), (_DOUBT, {"uncertain"})):
            if (found := cue.search(lowered, part.begin, part.end)) and not said & understood:
                return found[0]
        if not said and (found := _NEEDY.search(lowered, part.begin, part.end)):
            return found[0]
    return None


def _half_denied(lowered: str, parts: list[_Part]) -> str | None:
    """Words that say that something is there, behind a denial that may reach it: "no effusion, and a mass is seen"."""
    for part in parts:
        if lowered.startswith("and", part.begin) and not _DENIAL.search(lowered, part.begin, part.end):
            found = _THERE.search(lowered, part.begin, part.end)
            if found and part.claims and all(one.presence == "absent" for one in part.claims):
                return found[0]
    return None


def _foreign_organ(lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]) -> str | None:
    """An organ that holds none of the observations that it is said of: "cardiac mass", "pleural consolidation"."""
    parts = list(parts_of(lowered))
    for organ, word, start in organs_in(lowered):
        if any(one.start <= start < one.end for one in statements) or _BESIDE.search(lowered, 0, start):
            continue
        named = [one for one in claims if one.start <= start < one.end]
        if not named:
            place = next(index for index, (begin, end) in enumerate(parts) if begin <= start < end)
            # "A mass in the lung and the heart": a part without a finding speaks of that before it, or else after it.
            for begin, end in (parts[place], *reversed(parts[:place]), *parts[place + 1 :]):
                if named := [one for one in claims if one.start < end and begin < one.end]:
                    break
        # In a denial a lung is any place in the chest: "no pneumothorax in either lung".
        meant = [one for one in named if organ != "lung" or one.presence != "absent"]
        if meant and not any(organ in organs_of(one.observation) for one in meant):
            return word
    return None


def _shown(claim: Claim) -> str:
    return claim.observation.replace("_", " ").lower()
