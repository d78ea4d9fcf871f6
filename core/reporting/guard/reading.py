"""What one sentence says, whatever the evidence: read once and kept, since reports repeat their sentences."""

import re
from dataclasses import dataclass
from functools import lru_cache

from core.reporting.guard.certainties import certainty_in, is_doubted
from core.reporting.guard.claims import WORD, Claim, alternatives_in, claims_in, details_in
from core.reporting.guard.faults import Fault, faults_in
from core.reporting.guard.places import levels_in, pairs_in, sides_in
from core.reporting.guard.statements import Statement, leaves_aside, makes_exception, statements_in
from core.reporting.guard.vocabulary import STRUCTURE_WORDS

_LABEL = re.compile(r"^([A-Za-z][A-Za-z /]{2,40}):(?=\s)")
# In characters. The longest sentence of Open-i has 262, the template's longest fewer than 400.
LONGEST = 600


@dataclass(frozen=True)
class Reading:
    """One sentence.

    Attributes:
        claims: from left to right.
        statements: parts of the chest that it calls normal.
        details: words for a degree, extent, age or shape, each with the indices of the claims that it may qualify.
        sides: all sides that it names.
        levels: all levels of the lung that it names, but where it calls them normal.
        pairs: sides and levels that it names in one, but where it calls them normal.
        normal_sides: the sides of what it calls normal.
        certain: words by which it is certain of something that it puts in doubt elsewhere, or None.
        doubted: whether it doubts in words that qualify no single finding ("which may or may not be real").
        alternatives: indices of claims that an "or" joins.
        rest: indices of claims that leave aside what is named beside them ("otherwise no focal opacity").
        exception: whether it excepts something from what it says ("apart from the effusion").
        faults: what is wrong with it whatever the evidence, and what of it lies outside.
    """

    claims: tuple[Claim, ...]
    statements: tuple[Statement, ...]
    details: tuple[tuple[str, tuple[int, ...]], ...]
    sides: frozenset[str]
    levels: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    normal_sides: frozenset[str]
    certain: str | None
    doubted: bool
    alternatives: frozenset[int]
    rest: frozenset[int]
    exception: bool
    faults: tuple[Fault, ...]


_UNREAD = Reading(
    claims=(),
    statements=(),
    details=(),
    sides=frozenset(),
    levels=frozenset(),
    pairs=frozenset(),
    normal_sides=frozenset(),
    certain=None,
    doubted=False,
    alternatives=frozenset(),
    rest=frozenset(),
    exception=False,
    faults=(Fault("garbled", f"It has more than {LONGEST} characters; no sentence of a report has so many.", ""),),
)


@lru_cache(maxsize=100_000)
def read(sentence: str) -> Reading:
    """Read one sentence. What is far longer than a sentence is not read: the time that it takes grows fast."""
    if len(sentence) > LONGEST:
        return _UNREAD
    sentence = _LABEL.sub(_unlabelled, sentence)
    lowered = sentence.lower()
    claims = claims_in(sentence)
    statements = statements_in(lowered)
    faults, checked = faults_in(sentence, lowered, claims, statements)
    return Reading(
        claims=claims,
        statements=statements,
        details=details_in(lowered, claims, statements),
        sides=sides_in(checked),
        levels=levels_in(_without(checked, statements)),
        pairs=pairs_in(_without(checked, statements)),
        normal_sides=frozenset().union(*(sides_in(lowered[one.start : one.end]) for one in statements)),
        certain=certainty_in(lowered),
        doubted=is_doubted(lowered),
        alternatives=alternatives_in(lowered, claims),
        rest=frozenset(index for index, one in enumerate(claims) if leaves_aside(lowered, one.start)),
        exception=makes_exception(lowered),
        faults=faults,
    )


def _unlabelled(found: re.Match[str]) -> str:
    """A line of a structured report as a sentence: "Lungs: clear"."""
    words = set(WORD.findall(found[1].lower()))
    return f" {found[1]}" if words <= STRUCTURE_WORDS | {"and"} else found[0]


def _without(lowered: str, statements: tuple[Statement, ...]) -> str:
    for one in statements:
        lowered = lowered[: one.start] + " " * (one.end - one.start) + lowered[one.end :]
    return lowered
