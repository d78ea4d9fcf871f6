"""The places that a sentence names against those of the evidence."""

from collections.abc import Iterator
from typing import Literal

from core.anatomy import Place
from core.findings import BY_NAME, display_name
from core.reporting.guard.case import Case
from core.reporting.guard.claims import Claim
from core.reporting.guard.reading import Reading
from core.reporting.guard.verdict import Violation
from core.reporting.wording import in_words, side_of

# Where the evidence has one observation: a tuple of places for each finding that supports it.
Where = list[tuple[Place, ...]]
_Answer = Literal["given", "silent", "otherwise"]


def places(sentence: str, reading: Reading, case: Case) -> Iterator[Violation]:
    """Sides and levels that the evidence does not give (``side``), or of which it says nothing (``silent``)."""
    called = [claim for claim in reading.claims if claim.called]
    if not reading.sides and not reading.levels and not any(claim.side for claim in called):
        return
    everywhere: Where = []
    told: set[str] = set()
    wrong = False
    for claim in called:
        where = [case.places(name) for name in supporting_names(claim, case)]
        everywhere += where
        if not where:
            continue
        shown = display_name(claim.observation)
        # A side that is named once in a sentence is read as that of all that it calls.
        side = claim.side or (_other_side(reading.sides, where) if claim.sided else None)
        if side:
            told.add(side)
            answer = _best(_on_side(one, side) for one in where)
            if answer == "otherwise":
                wrong = True
                yield Violation("side", sentence, _only(claim.observation), _place_message(shown, side, where))
            elif answer == "silent":
                yield _silent(sentence, claim, f"side of {shown.lower()}", side)
        for level in sorted(claim.levels):
            told.add(level)
            answer = _best(_at_level(one, level, side) for one in where)
            if answer == "otherwise":
                wrong = True
                yield _no_level(sentence, level, _only(claim.observation))
            elif answer == "silent":
                yield _silent(sentence, claim, f"level of {shown.lower()}", level)
    if not everywhere or wrong:
        return
    # Sides of what is denied or called normal are judged with the denial.
    denied = {claim.side for claim in reading.claims if claim.presence == "absent"} | reading.normal_sides
    denies = bool(reading.statements) or any(claim.presence == "absent" for claim in reading.claims)
    for side in sorted(reading.sides - told - denied):
        if side == "bilateral" and denies:
            continue
        # "Left and right" are both sides.
        asked = "bilateral" if reading.sides >= {"left", "right"} else side
        answer = _best(_on_side(one, one_side) for one in everywhere for one_side in {side, asked})
        if answer == "otherwise":
            yield Violation("side", sentence, (), f"“{side}” is stated, and the evidence gives no such side.")
        elif answer == "silent":
            yield Violation("silent", sentence, (), f"“{side}” is stated, and the evidence names no side.", side)
    given_pairs = {(place.side, place.zone) for one in everywhere for place in one}
    if all(side and zone for side, zone in given_pairs) and all(everywhere):
        for side, level in sorted(reading.pairs - given_pairs):
            yield Violation("side", sentence, (), f"“{side} {level}” is stated, and the evidence gives no such place.")
    for level in sorted(reading.levels - told):
        if _best(_at_level(one, level, None) for one in everywhere) == "otherwise":
            yield _no_level(sentence, level, ())


def supporting_names(claim: Claim, case: Case) -> tuple[str, ...]:
    """The called findings that a called claim can rest on, whatever their certainty."""
    if claim.observation in BY_NAME:
        return case.called((claim.observation,))
    return case.called(claim.implied.asserted_by or ()) if claim.implied else ()


def _best(answers: Iterator[_Answer]) -> _Answer:
    """Of several findings that may support a claim, the one that fits best decides."""
    found = set(answers)
    return "given" if "given" in found else "silent" if "silent" in found else "otherwise"


def _on_side(where: tuple[Place, ...], side: str) -> _Answer:
    if not where or any(place.side is None for place in where):
        return "silent"
    return "given" if side_of(where) == side else "otherwise"


def _at_level(where: tuple[Place, ...], level: str, side: str | None) -> _Answer:
    if not where:
        return "silent"
    on_side = [place for place in where if side not in ("left", "right") or place.side in (side, None)]
    if any(place.zone == level for place in on_side):
        return "given"
    return "silent" if any(place.zone is None for place in on_side) else "otherwise"


def _other_side(sides: frozenset[str], where: Where) -> str | None:
    """The one side that a sentence names, where the evidence has what it calls on the other."""
    other = {"left": "right", "right": "left"}
    side = next(iter(sides)) if len(sides) == 1 else ""
    return side if side in other and any(side_of(one) == other[side] for one in where) else None


def _silent(sentence: str, claim: Claim, what: str, words: str) -> Violation:
    return Violation("silent", sentence, _only(claim.observation), f"The evidence does not give the {what}.", words)


def _no_level(sentence: str, level: str, names: tuple[str, ...]) -> Violation:
    message = f"A place at the {level} level is stated, and the evidence gives none."
    return Violation("side", sentence, names, message)


def _only(name: str) -> tuple[str, ...]:
    return (name,) if name in BY_NAME else ()


def _place_message(shown: str, side: str, where: Where) -> str:
    named = in_words(next(one for one in where if one))
    placed = "on both sides" if side == "bilateral" else f"on the {side}"
    return f"{shown} is placed {placed}, and the evidence has it in the {named}."
