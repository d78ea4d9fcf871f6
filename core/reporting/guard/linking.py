"""Provenance: the findings that each sentence of a draft rests on."""

from core.findings import BY_NAME, LABELS
from core.reporting.evidence import Evidence
from core.reporting.guard.case import Case
from core.reporting.guard.reading import read
from core.reporting.guard.sentence import supporting
from core.reporting.guard.text import divide
from core.reporting.guard.verdict import Draft
from core.reporting.report import Kind, Section, Sentence


def link(draft: Draft, evidence: Evidence) -> tuple[Sentence, ...]:
    """The sentences of Findings and Impression, in reading order, each with the findings that it rests on.

    A sentence that calls a finding rests on those it calls first, then on those it denies; one that says that a part of
    the chest is normal rests on all findings of that part.
    """
    case = Case.of(evidence)
    sections: tuple[tuple[Section, str], ...] = (("findings", draft.findings), ("impression", draft.impression))
    return tuple(_linked(section, text, case) for section, paragraph in sections for text in divide(paragraph))


def _linked(section: Section, text: str, case: Case) -> Sentence:
    reading = read(text)
    called: list[str] = []
    denied: list[str] = []
    for claim in reading.claims:
        (called if claim.called else denied).extend(supporting(claim, case))
    for statement in reading.statements:
        denied.extend(case.having(statement.findings, "absent"))
    names = (*dict.fromkeys(called), *(name for name in LABELS if name in set(denied) - set(called)))
    kind: Kind = "finding" if called else "normal" if names else "note"
    return Sentence(section, text, tuple(name for name in names if name in BY_NAME), kind)
