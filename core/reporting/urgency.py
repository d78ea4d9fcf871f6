"""How soon a study should be looked at: a sorting rule of our own, not a diagnosis and not a published scale.

The first line that holds decides, and studies are read in the order of the lines:

1. urgent: Pneumothorax is called present
2. urgent: Edema, Pneumonia, Consolidation or Effusion is called present, at twice its operating point or more
3. soon: Pneumothorax is called possible
4. soon: Edema, Pneumonia, Consolidation or Effusion is called present
5. soon: Mass or Nodule is called present
6. routine: none of these

A probability is compared with the label's own operating point, because calibrated probabilities of rare findings are
low throughout: 0.1 is much for a pneumothorax and little for a pneumonia.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.findings import display_name
from core.reporting.evidence import Decision, FindingEvidence

Level = Literal["urgent", "soon", "routine"]
LEVELS: tuple[Level, ...] = ("urgent", "soon", "routine")

_ACUTE = frozenset({"Edema", "Pneumonia", "Consolidation", "Effusion"})


@dataclass(frozen=True)
class _Rule:
    level: Level
    findings: frozenset[str]
    decision: Decision
    multiple: float = 1.0


_RULES = (
    _Rule("urgent", frozenset({"Pneumothorax"}), "present"),
    _Rule("urgent", _ACUTE, "present", multiple=2.0),
    _Rule("soon", frozenset({"Pneumothorax"}), "possible", multiple=0.0),
    _Rule("soon", _ACUTE, "present"),
    _Rule("soon", frozenset({"Mass", "Nodule"}), "present"),
)


@dataclass(frozen=True)
class Urgency:
    """How soon, and what that rests on.

    Attributes:
        level: urgent, soon or routine.
        because: the findings that make it so, the most pressing first; empty for routine.
        rank: number of the line above that decided; lower is read first.
        strength: probability of the leading finding as a multiple of its operating point, to sort within a rank; 0 for
            routine.
    """

    level: Level
    because: tuple[FindingEvidence, ...]
    rank: int
    strength: float

    @property
    def sentence(self) -> str:
        """What the level rests on, in words."""
        if not self.because:
            return "None of the findings that ChestLens sorts forward is called."
        return f"Rests on {'; '.join(map(_in_words, self.because))}."


def urgency_of(findings: Sequence[FindingEvidence]) -> Urgency:
    """Apply the rule to what is known of each finding."""
    matches = [(rank, item) for rank, rule in enumerate(_RULES, start=1) for item in findings if _holds(rule, item)]
    if not matches:
        return Urgency("routine", (), len(_RULES) + 1, 0.0)
    first = min(rank for rank, _ in matches)
    level = _RULES[first - 1].level
    pressing: dict[str, FindingEvidence] = {}
    for rank, item in sorted(matches, key=lambda match: (match[0], -multiple_of(match[1]))):
        if _RULES[rank - 1].level == level:
            pressing.setdefault(item.finding.name, item)
    because = tuple(pressing.values())
    return Urgency(level, because, first, multiple_of(because[0]))


def multiple_of(item: FindingEvidence) -> float:
    """Probability as a multiple of the operating point; 1 where either is not known."""
    if item.probability is None or item.operating_point is None or item.operating_point.threshold <= 0:
        return 1.0
    return item.probability / item.operating_point.threshold


def _holds(rule: _Rule, item: FindingEvidence) -> bool:
    return item.finding.name in rule.findings and item.decision == rule.decision and multiple_of(item) >= rule.multiple


def _in_words(item: FindingEvidence) -> str:
    name = f"{display_name(item.finding.name)} {item.decision}"
    if item.probability is None:
        return name
    return f"{name} ({100 * item.probability:.0f}%, {multiple_of(item):.1f} times its operating point)"
