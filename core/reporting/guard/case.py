"""The evidence as the guard asks for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from core.anatomy import Place
from core.findings import BY_NAME, LABELS
from core.reporting.certainty import PHRASES, Certainty
from core.reporting.evidence import Decision, Evidence, FindingEvidence
from core.reporting.templater import write_report

Severity = Literal["mild", "moderate", "severe"]
Whereabouts = Literal["there", "elsewhere", "silent"]


@dataclass(frozen=True)
class Expected:
    """What a report may say of one finding.

    Attributes:
        decision: present, possible, absent, or unknown.
        certainty: the band of a called finding; None unless it is called.
        places: where the evidence has it; empty where it gives no place.
        severity: how large or severe it is; None where the evidence gives no degree.
        several: whether there is more than one; None where only the places say so.
    """

    decision: Decision
    certainty: Certainty | None
    places: tuple[Place, ...]
    severity: Severity | None = None
    several: bool | None = None


class Case:
    """What may be said of each finding, and the template's sentences."""

    def __init__(self, expected: Mapping[str, Expected], template_of: Evidence | None = None) -> None:
        """Take what is expected of each finding; a finding that is left out was not assessed."""
        silent = Expected("unknown", None, ())
        self.expected = {name: expected.get(name, silent) for name in LABELS}
        self.decisions: dict[str, Decision] = {name: one.decision for name, one in self.expected.items()}
        self._template_of = template_of

    @classmethod
    def of(cls, evidence: Evidence) -> "Case":
        """The case of an image's evidence."""
        return cls({item.finding.name: _expected(item) for item in evidence.findings}, evidence)

    def places(self, name: str) -> tuple[Place, ...]:
        """Where the evidence has this finding."""
        return self.expected[name].places

    def whereabouts(self, name: str, side: str | None, levels: frozenset[str] = frozenset()) -> Whereabouts:
        """Whether a called finding lies where a sentence looks, as far as the evidence says.

        Args:
            name: of the finding.
            side: ``left`` or ``right``; both sides where it is anything else.
            levels: of the lung; all of them where it is empty.
        """
        if BY_NAME[name].diffuse or (side not in ("left", "right") and not levels):
            return "there"
        places = self.places(name)
        on_side = [one for one in places if side not in ("left", "right") or one.side in (side, None)]
        there = [one for one in on_side if not levels or one.zone in (*levels, None)]
        if places and not there:
            return "elsewhere"
        certain = (
            (side not in ("left", "right") or one.side == side) and (not levels or one.zone in levels) for one in there
        )
        return "there" if any(certain) else "silent"

    def severity(self, name: str) -> Severity | None:
        """How severe the evidence has this finding; None where it does not say."""
        return self.expected[name].severity

    def several(self, name: str) -> bool | None:
        """Whether the evidence has more than one of this finding; None where it does not say."""
        one = self.expected[name]
        return one.several if one.several is not None else len(one.places) > 1 if one.places else None

    def doubtful(self, name: str) -> bool:
        """Whether a called finding must be stated with doubt."""
        certainty = self.expected[name].certainty
        return certainty is not None and PHRASES[certainty].hedged

    def having(self, names: Iterable[str], *decisions: Decision) -> tuple[str, ...]:
        """Those of the names that have one of these decisions."""
        return tuple(name for name in names if self.decisions[name] in decisions)

    def called(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that the evidence calls present or possible."""
        return self.having(names, "present", "possible")

    @cached_property
    def anything_called(self) -> bool:
        """Whether the evidence calls any finding."""
        return bool(self.called(LABELS))

    @cached_property
    def template(self) -> frozenset[str]:
        """What the template writes from this evidence, without full stops; made when it is first asked for."""
        if self._template_of is None:
            return frozenset()
        return frozenset(bare(sentence.text) for sentence in write_report(self._template_of).sentences)


def bare(sentence: str) -> str:
    """The sentence without its full stop."""
    return sentence.rstrip(". ")


def _expected(item: FindingEvidence) -> Expected:
    return Expected(item.decision, item.certainty, item.places)
