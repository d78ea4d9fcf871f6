"""Findings and places as they stand inside a sentence."""

from collections.abc import Sequence

from core.anatomy import Place
from core.findings import BY_NAME, FINDINGS
from core.reporting.certainty import PHRASES, Certainty, stated

LUNG: tuple[str, ...] = tuple(finding.name for finding in FINDINGS if finding.group == "lung")

# Behind a longer list its doubt comes late: "cannot exclude" then stands in front of it.
_SHORT_LIST = 2


def listed(phrases: Sequence[str], last: str = "or") -> str:
    """An English list: ``a, b or c``."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} {last} {phrases[-1]}"


def side_of(places: Sequence[Place]) -> str | None:
    """The one side that all places lie on, ``bilateral`` for both, None where no side is known."""
    sides = {place.side for place in places}
    if sides == {"left", "right"}:
        return "bilateral"
    return sides.pop() if len(sides) == 1 else None


def in_words(places: Sequence[Place]) -> str:
    """Several places as a table names them; empty for none.

    >>> in_words([Place("right", "lower"), Place("left", "lower")])
    'both lower zones'
    >>> in_words([Place("right", "upper"), Place("left", "lower")])
    'right upper zone and left lower zone'
    """
    zones = {place.zone for place in places}
    if len(places) == 2 and len(zones) == 1 and side_of(places) == "bilateral" and None not in zones:
        return f"both {zones.pop()} zones"
    return listed([place.in_words() for place in places], "and") if places else ""


def phrases(names: Sequence[str]) -> list[str]:
    """What stands inside a sentence for each label."""
    return [BY_NAME[name].phrase for name in names]


def placed(names: Sequence[str], places: Sequence[Place], certainty: Certainty) -> str:
    """Findings with their places: "pneumonia or consolidation in the right lower zone", "left pleural effusion".

    What is in doubt is joined by "or". What lies in the pleura is given its side alone: fluid and air go where they
    can, and zones are those of a lung.
    """
    last = "or" if PHRASES[certainty].hedged else "and"
    side = side_of(places)
    if side is not None and all(BY_NAME[name].group == "pleura" for name in names):
        return listed([f"{side} {phrase}" for phrase in phrases(names)], last)
    text = listed(phrases(names), last)
    if not places:
        return text
    where = in_words(places)
    return f"{text} in {where}" if where.startswith("both") else f"{text} in the {where}"


def called(names: Sequence[str], places: Sequence[Place], certainty: Certainty) -> str:
    """The plain sentence that calls findings as certain as they are: "Possible left pleural effusion."."""
    behind = PHRASES[certainty].sentences[0].startswith("{}")
    late = behind and len(names) > _SHORT_LIST
    return stated(certainty, placed(names, places, certainty), wording=1 if late else 0, several=len(names) > 1)


def not_called(names: Sequence[str]) -> str:
    """The plain sentence that denies findings, those of the lung together where it denies them all."""
    rest = [name for name in names if name not in LUNG]
    if len(names) - len(rest) < len(LUNG):
        return f"No {listed(phrases(names))}."
    return f"The lungs are clear, and there is no {listed(phrases(rest))}." if rest else "The lungs are clear."
