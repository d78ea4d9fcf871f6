"""What is wrong with one sentence, whatever the evidence."""

import re

from core.findings import BY_NAME
from core.reporting.guard import vocabulary
from core.reporting.guard.claims import WORD, Claim, details_in, parts_of
from core.reporting.guard.places import organ_of, organs_in
from core.reporting.guard.statements import Statement
from core.reporting.guard.verdict import ViolationKind

# A sentence of a report is shorter than this, in words.
_LONGEST = 60
# Words that must belong to a finding or a statement that is understood.
_UNDERSTOOD = vocabulary.JUDGING_WORDS | vocabulary.FINDING_WORDS | vocabulary.IMPLIED_WORDS
_UNFINISHED = re.compile(
    r"(?:\b(?:a|an|and|any|are|as|at|but|consistent|due|for|from|in|is|may|no|nor|not|of|on|or|over|represent|secondary"
    r"|suggest|than|that|the|this|to|was|were|which|with|without)|[,;:/-])\s*$"
)
# Small words that never stand side by side: "the or", "of is".
_COLLIDING = re.compile(r"\b(?:a|an|the|of|or|no|with|without) (?:is|are|was|were|or|and|of|but|there)\b|\b(\w+) \1\b")
# Letters, digits and what joins them; anything else belongs to no plain sentence.
_STRANGE = re.compile(r"[^A-Za-z0-9 ,.;'/%-]")
_LOOP = re.compile(r"\b(\w+\W+\w+\W+\w+)\b(?:.*?\b\1\b){2}")
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
    r"\b(?:may|might|could|possibl[ey]|possibility|potential(?:ly)?|question\w*|uncertain|equivocal|unclear)\b"
)
# In the singular, or with "present": "no effusion, pneumothorax and consolidation are seen" is one denial.
_THERE = re.compile(r"\bis (?:also )?(?:seen|noted|identified|visualized|demonstrated)\b|\bpresent\b")
# Words that say something of nothing where no finding stands beside them.
_NEEDY = re.compile(
    r"\b(?:suspicio\w+|suspected|concern\w*|focal|discrete|areas?|regions?|findings?|evidence|signs?"
    r"|collections?)\b"
)
# Findings that change something: "emphysematous changes", "changes of fibrosis".
_CHANGES = re.compile(r"\b(?:emphysematous|fibrotic|atelectatic) changes?\b|\bchanges? of (?:emphysema|fibrosis)\b")
_KINDS: tuple[tuple[ViolationKind, re.Pattern[str], str], ...] = (
    ("artefact", vocabulary.ARTEFACT, "is no language of a report"),
    ("history", vocabulary.HISTORY, "tells of the patient, of whom the evidence says nothing"),
    ("recommendation", vocabulary.RECOMMENDATION, "recommends or refers"),
    ("modality", vocabulary.MODALITY, "tells of a view, a technique or another examination"),
    ("device", vocabulary.DEVICE, "names a device or an operation, which the evidence does not cover"),
    ("outside", vocabulary.CAUSE, "gives a cause, and the evidence gives none"),
    ("comparison", vocabulary.COMPARISON, "compares with an earlier examination, and there is none"),
    ("measurement", vocabulary.MEASUREMENT, "gives a measure, and nothing was measured"),
)


def faults_in(
    sentence: str, lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]
) -> tuple[tuple[ViolationKind, str], ...]:
    """Kind and message of all that is wrong with a sentence, whatever the evidence."""
    faults: list[tuple[ViolationKind, str]] = []
    explained: list[tuple[int, int]] = []
    for kind, pattern, what in _KINDS:
        found = list(pattern.finditer(lowered))
        if found:
            faults.append((kind, f"“{found[0][0].strip()}” {what}."))
            explained += [one.span() for one in found]
    if fault := _garbled(sentence, lowered):
        faults.append(("garbled", fault))
    if fault := _outside(lowered, claims, statements, explained) or _idle(lowered, claims, statements):
        faults.append(("outside", fault))
    elif not claims and not statements and not faults:
        faults.append(("outside", "It says nothing that the evidence covers."))
    return tuple(faults)


def _garbled(sentence: str, lowered: str) -> str | None:
    words = WORD.findall(lowered)
    if not words:
        return "It has no words."
    if len(words) > _LONGEST:
        return f"It has {len(words)} words; a sentence of a report has fewer than {_LONGEST}."
    if found := _STRANGE.search(sentence):
        return f"“{found[0]}” belongs to no plain sentence."
    if found := _LOOP.search(lowered):
        return f"It repeats “{found[1]}”."
    if found := _COLLIDING.search(lowered):
        return f"“{found[0]}” makes no sense."
    if _UNFINISHED.search(lowered.rstrip(". ")):
        return "It is unfinished."
    return None


def _outside(
    lowered: str,
    claims: tuple[Claim, ...],
    statements: tuple[Statement, ...],
    explained: list[tuple[int, int]],
) -> str | None:
    covered = lowered
    for words in (vocabulary.COVERED_SILHOUETTE, _AIR_SPACE):
        covered = words.sub(lambda found: " " * len(found[0]), covered)
    if found := vocabulary.UNCOVERED.search(covered):
        return f"The evidence says nothing of “{found[0]}”."
    for word in WORD.finditer(covered):
        if any(start <= word.start() < end for start, end in explained):
            continue
        if word[0] not in vocabulary.ALLOWED_WORDS:
            return f"“{word[0]}” has no support in the evidence."
        stated = any(one.start <= word.start() < one.end for one in statements)
        if word[0] in _UNDERSTOOD and not stated and not _recognised(covered, word, claims):
            return f"“{word[0]}” is said of something that the evidence does not cover."
    if found := _UNCLEAR.search(lowered) or _TWICE_DENIED.search(lowered):
        return f"“{found[0]}” cannot be understood with certainty."
    if unclear := _unaccounted(lowered, claims, statements) or _half_denied(lowered, claims):
        return f"“{unclear}” cannot be understood with certainty."
    if found_organ := _foreign_organ(lowered, claims, statements):
        return f"“{found_organ}” is not where the findings beside it lie."
    for one in claims:
        if one.presence == "not mentioned":
            return f"It speaks of {one.observation.replace('_', ' ').lower()} without saying whether it is there."
    return None


def _idle(lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]) -> str | None:
    """A degree, an extent, an age or a shape of nothing that the evidence covers: "prominent lungs"."""
    for word, indices in details_in(lowered, claims, statements):
        if not indices:
            return f"“{word}” is said of something that the evidence does not cover."
    return None


def _recognised(lowered: str, word: re.Match[str], claims: tuple[Claim, ...]) -> bool:
    """Whether a word belongs to what the labeler reads: to a finding, or to "clear of"."""
    if word[0] == "clear":
        return lowered.startswith(" of", word.end())
    if word[0] in ("change", "changes"):
        return any(one.start() <= word.start() < one.end() for one in _CHANGES.finditer(lowered))
    plain = word[0] in vocabulary.FINDING_WORDS or word[0] in vocabulary.IMPLIED_WORDS
    return any(one.start <= word.start() < one.end and (plain or one.observation not in BY_NAME) for one in claims)


def _unaccounted(lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]) -> str | None:
    """A denial, a doubt or an adjective of which no claim shows that it was understood."""
    for begin, end in parts_of(lowered):
        if any(one.start < end and begin < one.end for one in statements):
            # A statement denies by itself, but it is never in doubt.
            doubt = _DOUBT.search(lowered, begin, end)
            if doubt and not any(one.presence == "uncertain" for one in claims if one.start < end and begin < one.end):
                return doubt[0]
            continue
        said = {one.presence for one in claims if one.start < end and begin < one.end}
        for words, understood in ((_DENIAL, {"absent", "uncertain"}), (_DOUBT, {"uncertain"})):
            if (found := words.search(lowered, begin, end)) and not said & understood:
                return found[0]
        if not said and (found := _NEEDY.search(lowered, begin, end)):
            return found[0]
    return None


def _half_denied(lowered: str, claims: tuple[Claim, ...]) -> str | None:
    """Words that say that something is there, behind a denial that may reach it: "no effusion, and a mass is seen"."""
    for begin, end in parts_of(lowered):
        if lowered.startswith("and", begin) and not _DENIAL.search(lowered, begin, end):
            within = [one for one in claims if one.start < end and begin < one.end]
            found = _THERE.search(lowered, begin, end)
            if found and within and all(one.presence == "absent" for one in within):
                return found[0]
    return None


def _foreign_organ(lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]) -> str | None:
    """An organ that holds none of the observations that it is said of: "cardiac mass", "pleural consolidation"."""
    parts = list(parts_of(lowered))
    for organ, word, start in organs_in(lowered):
        if any(one.start <= start < one.end for one in statements):
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
        if meant and not any(organ_of(one.observation) == organ for one in meant):
            return word
    return None
