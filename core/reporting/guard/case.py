"""The evidence as the guard asks for it."""

from dataclasses import dataclass
from functools import cached_property

from core.reporting.certainty import PHRASES
from core.reporting.evidence import Decision, Evidence
from core.reporting.templater import write_report
from core.reporting.wording import in_words, side_of


@dataclass(frozen=True)
class Site:
    """Where the evidence has a finding.

    Attributes:
        side: ``left``, ``right``, ``bilateral``, or None where no side is given.
        levels: of ``upper``, ``middle``, ``lower``, those that it has; empty where none is given.
        words: the places in words, empty where there is none.
    """

    side: str | None
    levels: frozenset[str]
    words: str


class Case:
    """Decisions and places by finding, and the template's sentences."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.decisions: dict[str, Decision] = {item.finding.name: item.decision for item in evidence.findings}
        self._certainties = {item.finding.name: item.certainty for item in evidence.findings}
        self._places = {item.finding.name: item.places for item in evidence.findings}

    def site(self, name: str) -> Site:
        """Where the evidence has this finding."""
        places = self._places[name]
        levels = frozenset(place.zone for place in places if place.zone is not None)
        return Site(side_of(places), levels, in_words(places))

    def doubted(self, name: str) -> bool:
        """Whether a called finding may only be stated with doubt."""
        certainty = self._certainties[name]
        return certainty is not None and PHRASES[certainty].hedged

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
