"""What one sentence says, whatever the evidence: read once and kept, since reports repeat their sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from core.datasets.labeler import Presence, find_mentions
from core.datasets.labeler.attributes import joined
from core.findings import BY_NAME
from core.reporting.guard import vocabulary
from core.reporting.guard.statements import Implication, Statement, implication, leaves_aside, statements_in
from core.reporting.guard.verdict import ViolationKind

# A sentence of a report is shorter than this, in words.
_LONGEST = 60
# Words that must belong to a finding or a statement that is understood.
_UNDERSTOOD = vocabulary.JUDGING_WORDS | vocabulary.FINDING_WORDS | vocabulary.IMPLIED_WORDS
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")
_SIDES = re.compile(r"\b(?:(?P<left>left)|(?P<right>right)|(?P<bilateral>bilateral(?:ly)?|both|bibas\w+|biapical))\b")
_UNFINISHED = re.compile(
    r"(?:\b(?:a|an|and|any|are|as|at|but|consistent|due|for|from|in|is|may|no|nor|not|of|on|or|over|represent|secondary"
    r"|suggest|than|that|the|this|to|was|were|which|with|without)|[,;:/-])\s*$"
)
# Small words that never stand side by side: "the or", "of is".
_COLLIDING = re.compile(r"\b(?:a|an|the|of|or|no|with|without) (?:is|are|was|were|or|and|of|but|there)\b|\b(\w+) \1\b")
# Letters, digits and what joins them; anything else belongs to no plain sentence.
_STRANGE = re.compile(r"[^A-Za-z0-9 ,.;'/%-]")
_LOOP = re.compile(r"\b(\w+\W+\w+\W+\w+)\b(?:.*?\b\1\b){2}")
_PARTS_OF_SENTENCE = re.compile(
    r"[,;]|\b(?:and|but|(?<!consistent )(?<!compatible )(?<!keeping )with|without|however|while|although)\b"
)
_UNCLEAR = re.compile(r"\bnegative(?! for\b)|\bfree(?! (?:of|from)\b)")
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
# Words that say something of nothing where no finding stands beside them.
_NEEDY = re.compile(
    r"\b(?:suspicio\w+|suspected|concern\w*|focal|discrete|areas?|foc(?:us|i)|regions?|findings?|evidence|signs?"
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
    ("comparison", vocabulary.COMPARISON, "compares with an earlier examination, and there is none"),
    ("measurement", vocabulary.MEASUREMENT, "gives a measure, and nothing was measured"),
)


@dataclass(frozen=True)
class Claim:
    """What the sentence says of one observation.

    Attributes:
        observation: one of the 14 findings, or a further observation of the labeler.
        presence: as the labeler reads it.
        implied: how a further observation follows from the 14; None for the 14 themselves, and where it does not.
        side: ``left``, ``right``, ``bilateral`` or None.
        start, end: place of its words.
    """

    observation: str
    presence: Presence
    implied: Implication | None
    side: str | None
    start: int
    end: int

    @property
    def called(self) -> bool:
        """Whether it is stated as there, for certain or not."""
        return self.presence in ("present", "uncertain")

    @property
    def sided(self) -> bool:
        """Whether a side stated for its neighbours can hold for it: not for the heart, nor for what is diffuse."""
        return self.observation not in BY_NAME or not BY_NAME[self.observation].diffuse


@dataclass(frozen=True)
class Reading:
    """One sentence.

    Attributes:
        claims: from left to right.
        statements: parts of the chest that it calls normal.
        details: words for a degree, extent, age or shape, each with the indices of the claims that it may qualify.
        sides: all sides that it names.
        levels: all levels of the lung that it names.
        hedged: whether it uses a word between possible and certain.
        alternatives: indices of claims that an "or" joins.
        rest: indices of claims that leave aside what is named beside them ("otherwise no focal opacity").
        faults: what is wrong with it whatever the evidence.
    """

    claims: tuple[Claim, ...]
    statements: tuple[Statement, ...]
    details: tuple[tuple[str, tuple[int, ...]], ...]
    sides: frozenset[str]
    levels: frozenset[str]
    hedged: bool
    alternatives: frozenset[int]
    rest: frozenset[int]
    faults: tuple[tuple[ViolationKind, str], ...]


@lru_cache(maxsize=100_000)
def read(sentence: str) -> Reading:
    """Read one sentence."""
    lowered = sentence.lower()
    claims = _claims(sentence)
    statements = statements_in(lowered)
    return Reading(
        claims=claims,
        statements=statements,
        details=_details(lowered, claims, statements),
        sides=frozenset(str(found.lastgroup) for found in _SIDES.finditer(lowered)),
        levels=frozenset(level for level, words in vocabulary.LEVELS.items() if words.search(lowered)),
        hedged=vocabulary.HALF_HEDGES.search(lowered) is not None,
        alternatives=_alternatives(lowered, claims),
        rest=frozenset(index for index, one in enumerate(claims) if leaves_aside(lowered, one.start)),
        faults=tuple(_faults(sentence, lowered, claims, statements)),
    )


def _claims(sentence: str) -> tuple[Claim, ...]:
    mentions = find_mentions(sentence)
    labelled = {(one.start, one.end) for one in mentions if one.observation in BY_NAME}
    claims: list[Claim] = []
    for one in mentions:
        known = one.observation in BY_NAME
        # Words that name one of the 14 ("mass") say no more than that, though they also count as a lung lesion.
        if known or (one.start, one.end) not in labelled:
            words = one.words.lower()
            implied = None if known else implication(one.observation, words)
            claims.append(Claim(one.observation, one.presence, implied, one.laterality, one.start, one.end))
    # "Effusion and atelectasis on the left": the side behind the last of a list holds for the others too.
    lowered = sentence.lower()
    for index in range(len(claims) - 2, -1, -1):
        claim, following = claims[index], claims[index + 1]
        if claim.side is None and following.side and claim.sided and joined(lowered, claim.end, following.start):
            claims[index] = replace(claim, side=following.side)
    return tuple(claims)


def _details(
    lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    details = []
    for begin, end in _parts(lowered):
        within = tuple(index for index, one in enumerate(claims) if one.start < end and begin < one.end)
        for word in _WORD.finditer(lowered, begin, end):
            place = word.start()
            if word[0] not in vocabulary.DETAIL_WORDS or any(one.start <= place < one.end for one in statements):
                continue
            if not any(one.observation not in BY_NAME and one.start <= place < one.end for one in claims):
                details.append((word[0], within))
    return tuple(details)


def _parts(lowered: str) -> Iterator[tuple[int, int]]:
    """The parts of a sentence in which a word still speaks of the findings beside it."""
    begin = 0
    for stop in _PARTS_OF_SENTENCE.finditer(lowered):
        yield begin, stop.start()
        begin = stop.start()
    yield begin, len(lowered)


def _unaccounted(lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]) -> str | None:
    """A denial, a doubt or an adjective of which no claim shows that it was understood."""
    for begin, end in _parts(lowered):
        if any(one.start < end and begin < one.end for one in statements):
            continue
        said = {one.presence for one in claims if one.start < end and begin < one.end}
        for words, understood in ((_DENIAL, {"absent", "uncertain"}), (_DOUBT, {"uncertain"})):
            if (found := words.search(lowered, begin, end)) and not said & understood:
                return found[0]
        if not said and (found := _NEEDY.search(lowered, begin, end)):
            return found[0]
    return None


def _alternatives(lowered: str, claims: tuple[Claim, ...]) -> frozenset[int]:
    joined: set[int] = set()
    for index in range(len(claims) - 1):
        between = lowered[claims[index].end : claims[index + 1].start]
        if re.fullmatch(r"/|,? (?:and/or|or) (?:\w+ ){0,2}", between):
            joined.update((index, index + 1))
    return frozenset(joined)


def _faults(
    sentence: str, lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]
) -> list[tuple[ViolationKind, str]]:
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
    return faults


def _garbled(sentence: str, lowered: str) -> str | None:
    words = _WORD.findall(lowered)
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
    for word in _WORD.finditer(covered):
        if any(start <= word.start() < end for start, end in explained):
            continue
        if word[0] not in vocabulary.ALLOWED_WORDS:
            return f"“{word[0]}” has no support in the evidence."
        stated = any(one.start <= word.start() < one.end for one in statements)
        if word[0] in _UNDERSTOOD and not stated and not _recognised(covered, word, claims):
            return f"“{word[0]}” is said of something that the evidence does not cover."
    if found := _UNCLEAR.search(lowered) or _TWICE_DENIED.search(lowered):
        return f"“{found[0]}” cannot be understood with certainty."
    if unclear := _unaccounted(lowered, claims, statements):
        return f"“{unclear}” cannot be understood with certainty."
    for one in claims:
        if one.presence == "not mentioned":
            return f"It speaks of {one.observation.replace('_', ' ').lower()} without saying whether it is there."
    return None


def _idle(lowered: str, claims: tuple[Claim, ...], statements: tuple[Statement, ...]) -> str | None:
    """A degree, an extent, an age or a shape of nothing that the evidence covers: "prominent lungs"."""
    for word, indices in _details(lowered, claims, statements):
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
