"""Report text to the sentences that speak of the images."""

import re
from collections.abc import Iterator
from typing import NamedTuple

# Sections that do not describe the images: what they name is not a finding.
_OTHER_SECTIONS = (
    "indications?",
    "(?:clinical )?history",
    "clinical (?:indications?|information|data)",
    "signs and symptoms",
    "reason for (?:the )?(?:exam(?:ination)?|study)",
    "comparisons?(?: studies| study)?",
    "techniques?",
    "exam(?:ination)?",
    "procedure",
    "study",
    "views?",
    "date",
    "wet read",
    "notifications?",
    "ordering physician",
    "accession(?: number)?",
)
_HEADER = re.compile(
    rf"(?:^|(?<=[\s.:;!?]))[ \t]*(?:(?P<other>{'|'.join(_OTHER_SECTIONS)})|(?P<findings>findings?(?: and impression)?)"
    r"|(?P<impression>impressions?|conclusions?|opinion|interpretation|recommendations?))[ \t]*:",
    re.IGNORECASE,
)
# A sentence ends at a full stop that is not part of a number or an abbreviation, at a blank line, and before an item
# of a list.
_END = re.compile(
    r"[.!?]+(?=\s|$|[A-Z])(?<!\b[Dd]r\.)(?<!\b[Mm]r\.)(?<!\bvs\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bapprox\.)"
    r"|\n(?=\s*(?:\n|[-*\u2022]|\d+[.)]\s))"
)
_ENUMERATOR = re.compile(r"^\(?\d{1,2}[.)]\s*")


class Sentence(NamedTuple):
    """A sentence and its place in the report.

    Attributes:
        text: as written.
        start: index of its first character in the report.
        section: ``findings``, ``impression``, or ``""`` where no heading says.
    """

    text: str
    start: int
    section: str


def sentences_in(report: str) -> Iterator[Sentence]:
    """Divide a report into sentences; sections such as the indication or the technique are left out."""
    section, begin, kept = "", 0, True
    if ":" in report:
        for header in _HEADER.finditer(report):
            if kept:
                yield from _divide(report, begin, header.start(), section)
            kept = header.lastgroup != "other"
            section = header.lastgroup if kept and header.lastgroup else ""
            begin = header.end()
    if kept:
        yield from _divide(report, begin, len(report), section)


def _divide(report: str, begin: int, end: int, section: str) -> Iterator[Sentence]:
    start = begin
    for stop in _END.finditer(report, begin, end):
        # A question mark is a statement of doubt, so it stays.
        asked = stop[0].startswith("?")
        if sentence := _trimmed(report, start, stop.start() + asked, section):
            yield sentence
        start = stop.end()
    if sentence := _trimmed(report, start, end, section):
        yield sentence


def _trimmed(report: str, start: int, end: int, section: str) -> Sentence | None:
    text = report[start:end]
    stripped = text.strip(" \t\r\n-*\u2022.")
    if stripped[:1].isdigit() or stripped[:1] == "(":
        stripped = _ENUMERATOR.sub("", stripped)
    if len(stripped) < 3:
        return None
    return Sentence(stripped, start + text.index(stripped), section)
