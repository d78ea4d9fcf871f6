"""The places that a sentence names against those of the evidence."""

from collections.abc import Iterator

from core.anatomy import Place
from core.findings import BY_NAME, display_name
from core.reporting.guard.case import Case
from core.reporting.guard.claims import Claim
from core.reporting.guard.reading import Reading
from core.reporting.guard.verdict import Violation
from core.reporting.wording import in_words, side_of

# Where the evidence has one observation: a tuple of places for each finding that supports it.
Where = list[tuple[Place, ...]]


def places(sentence: str, reading: Reading, case: Case) -> Iterator[Violation]:
    """Sides and levels that the evidence does not give."""
    called = [claim for claim in reading.claims if claim.called]
    if not reading.sides and not reading.levels and not any(claim.side for claim in called):
        return
    everywhere: Where = []
    misplaced = set()
    beyond = set()
    for claim in called:
        where = [case.places(name) for name in supporting_names(claim, case)]
        everywhere += where
        if not where:
            continue
        # A side that is named once in a sentence is read as that of all that it calls.
        side = claim.side or (_other_side(reading.sides, where) if claim.sided else None)
        if side and all(side_of(one) != side for one in where):
            misplaced.add(side)
            message = _place_message(display_name(claim.observation), side, where[0])
            yield Violation("side", sentence, _only(claim.observation), message)
        for level in sorted(claim.levels):
            if not _has_level(where, level, side):
                beyond.add(level)
                yield _no_level(sentence, level, _only(claim.observation))
    denies = bool(reading.statements) or any(claim.presence == "absent" for claim in reading.claims)
    given = {side_of(one) for one in everywhere}
    for side in sorted(reading.sides):
        if side in given | misplaced or ("bilateral" in given and {"left", "right"} <= reading.sides):
            continue
        if side == "bilateral" and denies:
            continue
        if not called and not denies:
            continue
        yield Violation("side", sentence, (), f"“{side}” is stated, and the evidence gives no such side.")
    given_pairs = {(place.side, place.zone) for one in everywhere for place in one}
    for side, level in sorted(reading.pairs - given_pairs if everywhere and not misplaced and not beyond else ()):
        yield Violation("side", sentence, (), f"“{side} {level}” is stated, and the evidence gives no such place.")
    if everywhere:
        for level in sorted(reading.levels - beyond):
            if not _has_level(everywhere, level, None):
                yield _no_level(sentence, level, ())


def supporting_names(claim: Claim, case: Case) -> tuple[str, ...]:
    """The called findings that a called claim can rest on, whatever their certainty."""
    if claim.observation in BY_NAME:
        return (claim.observation,)
    return case.called(claim.implied.asserted_by) if claim.implied else ()


def _other_side(sides: frozenset[str], where: Where) -> str | None:
    """The one side that a sentence names, where the evidence has what it calls on the other."""
    other = {"left": "right", "right": "left"}
    side = next(iter(sides)) if len(sides) == 1 else ""
    return side if side in other and any(side_of(one) == other[side] for one in where) else None


def _has_level(where: Where, level: str, side: str | None) -> bool:
    wanted = (side, None) if side in ("left", "right") else ("left", "right", None)
    return any(place.zone == level and place.side in wanted for one in where for place in one)


def _no_level(sentence: str, level: str, names: tuple[str, ...]) -> Violation:
    message = f"A place at the {level} level is stated, and the evidence gives none."
    return Violation("side", sentence, names, message)


def _only(name: str) -> tuple[str, ...]:
    return (name,) if name in BY_NAME else ()


def _place_message(shown: str, side: str, where: tuple[Place, ...]) -> str:
    ending = f"the evidence has it in the {in_words(where)}" if where else "the evidence gives no place"
    return f"{shown} is placed {'on both sides' if side == 'bilateral' else f'on the {side}'}, and {ending}."
