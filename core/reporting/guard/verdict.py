"""A rewritten report, what the guard objects to in it, and the record of what was shown and why."""

from dataclasses import dataclass
from typing import Any, Literal

ViolationKind = Literal[
    "added",
    "dropped",
    "flipped",
    "made_certain",
    "made_uncertain",
    "presupposed",
    "side",
    "count",
    "severity",
    "measurement",
    "contradiction",
    "unread",
    "garbled",
    "artefact",
    "form",
    "silent",
    "comparison",
    "device",
    "history",
    "recommendation",
    "modality",
    "outside",
]
"""``added``: a finding stated that the evidence does not have, or denied though the model does not assess it;
``flipped``: a called finding denied; ``presupposed``: a finding spoken of as known that the evidence does not have;
``side``: a place that the evidence does not give; ``count``: more of a finding than it has places; ``severity``: a
degree, an extent, an age or a shape that contradicts it, or that worries and that it does not give; ``unread``: words
about the chest that cannot be understood; ``artefact``: traces of a language model; ``form``: a slip of form that
misleads no one, such as a sentence said twice; ``silent``: a place, a mild degree or a shape of a finding that is
called, where the evidence says nothing of its place or degree. The last seven are not checked (``NOT_CHECKED``), and
the last six of them lie outside the 14 findings."""

NOT_CHECKED: frozenset[ViolationKind] = frozenset(
    ("silent", "comparison", "device", "history", "recommendation", "modality", "outside")
)
"""What the evidence is silent on: never wrong against it, and never shown as if it were checked."""

Action = Literal["accepted", "repaired", "fallback"]


@dataclass(frozen=True)
class Draft:
    """Findings and Impression as a writer gave them, each a plain paragraph."""

    findings: str
    impression: str


@dataclass(frozen=True)
class Violation:
    """One reason not to show a draft as it is.

    Attributes:
        kind: what is wrong, or of what kind the words are that nothing can be checked against.
        sentence: the sentence as written; empty where no single sentence is to blame.
        findings: names of the findings concerned, in their fixed order.
        message: one plain sentence for the reviewer.
        words: the part of the sentence concerned, where it is only a part.
    """

    kind: ViolationKind
    sentence: str
    findings: tuple[str, ...]
    message: str
    words: str = ""

    @property
    def refuses(self) -> bool:
        """Whether the draft contradicts the evidence or cannot be read, rather than only saying more than it covers."""
        return self.kind not in NOT_CHECKED and self.kind != "form"


@dataclass(frozen=True)
class Attempt:
    """A draft and what the guard found in it; no violations if it may be shown."""

    draft: Draft
    violations: tuple[Violation, ...]


@dataclass(frozen=True)
class Verdict:
    """What was shown, and why.

    Attributes:
        action: ``accepted``: the draft as it was; ``repaired``: after single sentences were mended or exchanged;
            ``fallback``: none could be shown, so the template stands.
        attempts: in the order of trial; where a draft was repaired, the repaired text is the last.
    """

    action: Action
    attempts: tuple[Attempt, ...]


def verdict_as_object(verdict: Verdict) -> dict[str, Any]:
    """The record as plain data for JSON: the action, and for each attempt its text and its violations."""
    return {
        "action": verdict.action,
        "attempts": [
            {
                "findings": attempt.draft.findings,
                "impression": attempt.draft.impression,
                "violations": [
                    {
                        "kind": violation.kind,
                        "sentence": violation.sentence,
                        "findings": list(violation.findings),
                        "message": violation.message,
                    }
                    for violation in attempt.violations
                ],
            }
            for attempt in verdict.attempts
        ],
    }
