"""What a model says of an image on its own, judged claim by claim against the evidence.

What the evidence bears out is shown, beside the template's sentences for what the model left out. What it refuses or
does not cover stands apart, marked, and is never part of the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.reporting.evidence import Evidence
from core.reporting.guard import Attempt, Case, Draft, Verdict, check, examine, link
from core.reporting.report import Report, Section, Sentence

Standing = Literal["refused", "not checked"]
_SECTIONS: tuple[Section, ...] = ("findings", "impression")


@dataclass(frozen=True)
class Claim:
    """A sentence of the model that is no part of the report.

    Attributes:
        section: where the model put it.
        text: its words.
        standing: ``refused``: it disagrees with the evidence or cannot be read; ``not checked``: it speaks of what the
            evidence does not cover, such as devices or bones.
        why: one plain sentence.
    """

    section: Section
    text: str
    standing: Standing
    why: str

    def as_object(self) -> dict[str, Any]:
        """The claim as plain data."""
        return {"section": self.section, "text": self.text, "standing": self.standing, "why": self.why}


def judged(draft: Draft, evidence: Evidence, template: Report) -> tuple[Report, Verdict, tuple[Claim, ...]]:
    """What may be shown of a draft, the guard's record, and what stands apart.

    Args:
        draft: of the model; empty sections are the template's.
        evidence: what may be said.
        template: the template's report on the same evidence.
    """
    apart = claims_apart(draft, evidence)
    first = Attempt(draft, examine(draft, evidence))
    shown = _shown(draft, evidence, template)
    second = Attempt(shown_draft(shown), examine(shown_draft(shown), evidence))
    if any(one.refuses for one in second.violations) or not any(one.author == "model" for one in shown.sentences):
        return template, Verdict("fallback", (first, second)), apart
    if first.draft == second.draft:
        return shown, Verdict("accepted", (first,)), apart
    return shown, Verdict("repaired", (first, second)), apart


def claims_apart(draft: Draft, evidence: Evidence) -> tuple[Claim, ...]:
    """The sentences of a draft that the evidence refuses or does not cover, in reading order."""
    checked = check(draft, Case.of(evidence))
    apart = []
    for sentence in link(draft, evidence):
        faults = [one.message for one in checked.faults if one.sentence == sentence.text]
        if faults:
            apart.append(Claim(sentence.section, sentence.text, "refused", faults[0]))
            continue
        outside = [words for words in checked.not_checked if words in sentence.text]
        apart += [
            Claim(sentence.section, words, "not checked", "The evidence does not cover it.")
            for words in dict.fromkeys(outside)
        ]
    return tuple(apart)


def shown_draft(report: Report) -> Draft:
    """Findings and Impression of a report, without notes of the plan."""
    own = Report(report.source, tuple(one for one in report.sentences if one.kind != "note" or one.author == "model"))
    return Draft(own.text("findings"), own.text("impression"))


def _shown(draft: Draft, evidence: Evidence, template: Report) -> Report:
    """The template's head, what the evidence bears out of the draft, and the template's words for what is missing."""
    covered = check(draft, Case.of(evidence), outside="removed")
    refused = {one.sentence for one in covered.faults}
    kept = [
        replace(one, author="model")
        for one in link(covered.draft, evidence)
        if one.text not in refused and one.kind != "note"
    ]
    done = [one for one in template.sentences if one.section in ("technique", "view")]
    for section in _SECTIONS:
        own = [one for one in kept if one.section == section]
        given = [one for one in template.sentences if one.section == section]
        done += _completed(own, given) if own else given
    return Report("vlm", tuple(done))


def _completed(own: Sequence[Sentence], given: Sequence[Sentence]) -> list[Sentence]:
    """The model's sentences, before them the template's for findings that they do not name, and its notes behind."""
    named = {name for one in own if one.kind == "finding" for name in one.findings}
    missing = [one for one in given if one.kind == "finding" and not set(one.findings) <= named]
    return [*missing, *own, *(one for one in given if one.kind == "note")]
