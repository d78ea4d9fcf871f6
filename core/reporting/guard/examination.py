"""A whole draft against the evidence."""

import re
from collections.abc import Iterator

from core.findings import BY_NAME, LABELS, display_name
from core.reporting.evidence import Evidence
from core.reporting.guard.case import Case
from core.reporting.guard.reading import read
from core.reporting.guard.sentence import judge
from core.reporting.guard.text import divide, headed, letters
from core.reporting.guard.verdict import Draft, Violation

# In words; the longest section of Open-i has fewer, and so has the template with every finding called.
_LONGEST = 400
_ENDED = re.compile(r"[.?]\s*$")


def examine(draft: Draft, evidence: Evidence) -> tuple[Violation, ...]:
    """All that speaks against showing a draft; empty if it may be shown.

    Findings must name every finding that the evidence calls present or possible, and Impression every one that it
    calls present, with the certainty of the evidence.
    """
    return examine_case(draft, Case.of(evidence))


def examine_case(draft: Draft, case: Case) -> tuple[Violation, ...]:
    """``examine`` for a case that is at hand."""
    found: list[Violation] = []
    stated: dict[str, set[str]] = {}
    for title, paragraph in (("Findings", draft.findings), ("Impression", draft.impression)):
        sentences = divide(paragraph)
        found.extend(_form(title, paragraph, sentences))
        for sentence in sentences:
            found.extend(judge(sentence, case))
            for claim in read(sentence).claims:
                name = claim.observation
                if name not in BY_NAME or claim.presence == "not mentioned":
                    continue
                # "No effusion on the left" leaves room for one on the right.
                if claim.called or (
                    claim.presupposed != "another" and case.whereabouts(name, claim.side, claim.levels) == "there"
                ):
                    stated.setdefault(name, set()).add("called" if claim.called else "denied")
        found.extend(_dropped(title, sentences, case))
    found.extend(
        Violation("contradiction", "", (name,), f"{display_name(name)} is both called and denied.")
        for name in LABELS
        if stated.get(name) == {"called", "denied"}
    )
    return tuple(dict.fromkeys(found))


def _dropped(title: str, sentences: tuple[str, ...], case: Case) -> Iterator[Violation]:
    """Findings of the evidence that no sentence of a section names."""
    readings = [read(sentence) for sentence in sentences]
    named = {claim.observation for reading in readings for claim in reading.claims if claim.called}
    # An impression may leave doubtful findings to the other section, but not say that all else is normal.
    everything = title == "Findings" or any(one.rest for reading in readings for one in reading.statements)
    wanted = [name for name in case.called(LABELS) if everything or not case.doubtful(name)]
    for name in wanted:
        if name not in named:
            message = (
                f"{title} does not name {display_name(name).lower()}, which the evidence has {case.decisions[name]}."
            )
            yield Violation("dropped", "", (name,), message)


def _form(title: str, paragraph: str, sentences: tuple[str, ...]) -> Iterator[Violation]:
    if not letters(paragraph) or not sentences:
        yield Violation("garbled", "", (), f"{title} is empty.")
        return
    if headed(paragraph):
        yield Violation("form", "", (), f"{title} has a heading inside it.")
    elif letters(paragraph) != letters("".join(sentences)):
        yield Violation("outside", "", (), f"{title} has words that are not read: a heading, or text under one.")
    if not _ENDED.search(paragraph):
        yield Violation("form", sentences[-1], (), f"{title} ends in an unfinished sentence.")
    if len(paragraph.split()) > _LONGEST:
        yield Violation("garbled", "", (), f"{title} has more than {_LONGEST} words.")
    seen: set[str] = set()
    for sentence in sentences:
        if sentence.lower() in seen:
            yield Violation("form", sentence, (), f"{title} says it twice.")
        seen.add(sentence.lower())
