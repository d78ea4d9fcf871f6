"""The evidence as the guard asks for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from core.anatomy import Place
from core.findings import LABELS
from core.reporting.certainty import PHRASES, Certainty
from core.reporting.evidence import Decision, Evidence, FindingEvidence
from core.reporting.templater import write_report


@dataclass(frozen=True)
class Expected:
    """What a report may say of one finding.

    Attributes:
        decision: present, possible, absent, or unknown.
        certainty: the band of a called finding; None unless it is called.
        places: where the evidence has it; empty where it gives no place.
    """

    decision: Decision
    certainty: Certainty | None
    places: tuple[Place, ...]


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
