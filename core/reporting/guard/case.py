"""The evidence as the guard asks for it."""

import re
from dataclasses import dataclass
from functools import cached_property

from core.reporting.evidence import Decision, Evidence
from core.reporting.guard.places import levels_in
from core.reporting.templater import write_report


@dataclass(frozen=True)
class Place:
    """Where the evidence has a finding.

    Attributes:
        side: ``left``, ``right``, ``bilateral``, or None where no side is given.
        level: ``upper``, ``middle``, ``lower``, or None where none is given.
        region: the evidence's own words, or None where it gives no place.
    """

    side: str | None
    level: str | None
    region: str | None


class Case:
    """Decisions and places by finding, and the template's sentences."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.decisions: dict[str, Decision] = {item.finding.name: item.decision for item in evidence.findings}
        self._regions = {item.finding.name: item.region for item in evidence.findings}

    def place(self, name: str) -> Place:
        """Where the evidence has this finding."""
        return place_of(self._regions[name])

    def having(self, names: tuple[str, ...], *decisions: Decision) -> tuple[str, ...]:
        """Those of the names that have one of these decisions."""
        return tuple(name for name in names if self.decisions[name] in decisions)

    @cached_property
    def template(self) -> frozenset[str]:
        """What the template writes from this evidence, without full stops; made when it is first asked for."""
        return frozenset(bare(sentence.text) for sentence in write_report(self._evidence).sentences)


def bare(sentence: str) -> str:
    """The sentence without its full stop."""
    return sentence.rstrip(". ")


def place_of(region: str | None) -> Place:
    """Side and level that a region's words name."""
    if region is None:
        return Place(None, None, None)
    sides = set(re.findall(r"\b(?:left|right|both|bilateral)\b", region.lower()))
    side = None
    if sides & {"both", "bilateral"} or {"left", "right"} <= sides:
        side = "bilateral"
    elif sides:
        side = sides.pop()
    levels = levels_in(region.lower())
    return Place(side, next(iter(levels)) if len(levels) == 1 else None, region)
