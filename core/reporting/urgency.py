"""How soon a study should be looked at: a sorting rule of our own, not a diagnosis and not a published scale.

The first line that holds decides, and studies are read in the order of the lines:

1. urgent: Pneumothorax is called at a probability of one half or more
2. urgent: Edema, Pneumonia, Consolidation or Effusion is called at one half or more
3. soon: Pneumothorax is called at all
4. soon: Edema, Pneumonia, Consolidation or Effusion is called as likely or possible
5. soon: Mass or Nodule is called as likely or possible
6. routine: none of these

Where it is doubtful whether the picture is a frontal chest radiograph nothing is urgent, and the first two lines are
soon.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.findings import display_name
from core.reporting.certainty import CERTAINTIES, PHRASES, Certainty
from core.reporting.evidence import FindingEvidence

Level = Literal["urgent", "soon", "routine"]
LEVELS: tuple[Level, ...] = ("urgent", "soon", "routine")

_ACUTE = frozenset({"Edema", "Pneumonia", "Consolidation", "Effusion"})
_MORE_THAN_LOW: tuple[Certainty, ...] = ("likely", "possible")


@dataclass(frozen=True)
class _Rule:
    level: Level
    findings: frozenset[str]
    certainties: tuple[Certainty, ...]
    least: float = 0.0


_RULES = (
    _Rule("urgent", frozenset({"Pneumothorax"}), CERTAINTIES, least=0.5),
    _Rule("urgent", _ACUTE, CERTAINTIES, least=0.5),
    _Rule("soon", frozenset({"Pneumothorax"}), CERTAINTIES),
    _Rule("soon", _ACUTE, _MORE_THAN_LOW),
    _Rule("soon", frozenset({"Mass", "Nodule"}), _MORE_THAN_LOW),
)


@dataclass(frozen=True)
class Urgency:
    """How soon, and what that rests on.

    Attributes:
        level: urgent, soon or routine.
        because: the findings that make it so, the most pressing first; empty for routine.
        rank: number of the line above that decided; lower is read first.
        strength: probability of the leading finding, in [0, 1], to sort within a rank; 0 for routine.
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


def urgency_of(findings: Sequence[FindingEvidence], *, undoubted: bool = True) -> Urgency:
    """Apply the rule to what is known of each finding.

    Args:
        findings: of one study.
        undoubted: whether the picture is taken for a frontal chest radiograph without doubt.
    """
    matches = [(rank, item) for rank, rule in enumerate(_RULES, start=1) for item in findings if _holds(rule, item)]
    if not undoubted:
        # The same findings, at the first line that is not urgent.
        first_soon = 1 + [rule.level for rule in _RULES].index("soon")
        matches = [(max(rank, first_soon), item) for rank, item in matches]
    if not matches:
        return Urgency("routine", (), len(_RULES) + 1, 0.0)
    first = min(rank for rank, _ in matches)
    level = _RULES[first - 1].level
    pressing: dict[str, FindingEvidence] = {}
    for rank, item in sorted(matches, key=lambda match: (match[0], -_strength(match[1]))):
        if _RULES[rank - 1].level == level:
            pressing.setdefault(item.finding.name, item)
    because = tuple(pressing.values())
    return Urgency(level, because, first, _strength(because[0]))


def _holds(rule: _Rule, item: FindingEvidence) -> bool:
    return item.finding.name in rule.findings and item.certainty in rule.certainties and _strength(item) >= rule.least


def _strength(item: FindingEvidence) -> float:
    """The probability; 0 where it is not known."""
    return item.probability or 0.0


def _in_words(item: FindingEvidence) -> str:
    assert item.certainty is not None
    name = f"{display_name(item.finding.name)}, {PHRASES[item.certainty].name}"
    return name if item.probability is None else f"{name} ({100 * item.probability:.0f}%)"
