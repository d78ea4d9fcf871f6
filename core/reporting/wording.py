"""Findings and places as they stand inside a sentence."""

from collections.abc import Sequence

from core.anatomy import Place
from core.findings import Finding


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
    """Several places as a report names them, without an article; empty for none.

    >>> in_words([Place("right", "lower"), Place("left", "lower")])
    'right and left lower zones'
    >>> in_words([Place("right", "upper"), Place("left", "lower")])
    'right upper zone and left lower zone'
    """
    zones = {place.zone for place in places}
    if len(places) == 2 and len(zones) == 1 and side_of(places) == "bilateral" and None not in zones:
        return f"{places[0].side} and {places[1].side} {zones.pop()} zones"
    return listed([place.in_words() for place in places], "and") if places else ""


def placed(finding: Finding, places: Sequence[Place]) -> str:
    """A finding's phrase with its places: "pneumonia in the right lower zone", "left pleural effusion".

    What lies in the pleura is given its side alone: fluid and air go where they can, and zones are those of a lung.
    """
    side = side_of(places)
    if finding.group == "pleura" and side is not None:
        return f"{side} {finding.phrase}"
    return f"{finding.phrase} in the {in_words(places)}" if places else finding.phrase
