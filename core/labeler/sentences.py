"""Report text to the sentences that speak of the images."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.labeler.abbreviations import ENDING, INSIDE
from core.labeler.characters import Plain, plain
from core.labeler.sections import sections_in

# Where a sentence may end: at a full stop, at a blank line, before an item of a list, before a line that begins anew.
_END = re.compile(
    r"[.!?]+(?=\s|$|[A-Z])"
    r"|\n(?=\s*(?:\n|[-*+\u2022]\s|\(?(?:\d{1,2}|[a-hA-H]|[ivxIVX]{1,4})[.)]\s|\[[x -]?\]))"
    r"|\u2022|(?<=\s)(?=\(?\d[.)]\s+[A-Za-z])(?<![a-z]\.\s)"
    r"|\n(?=[ \t]*[A-Z][A-Za-z /&-]{2,40}[:|=\t](?!\d))"
    r"|(?<=[|:=\t])[ \t]*(?:no|none|yes|absent|present|negative|positive|normal|nil)[ \t]*(?P<row>\n)"
    r"|(?P<line>\n)(?=[ \t]*[A-Z][a-z])",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"[A-Za-z.]*[A-Za-z]$")
# Words behind which a line cannot be complete.
_OPEN = frozenset(
    "a an the no not of in on at to for from with without and or nor but is are was were be been has have had can cannot"
    " may might could would should by than as versus vs possible probable likely small large mild moderate severe left"
    " right bilateral any new acute focal definite evidence there this that which both upper lower middle stable".split()
)
_ENUMERATOR = re.compile(r"^\(?(?:\d{1,2}|[a-hA-H]|[ivxIVX]{1,4})[.)]\s+")
_EDGES = " \t\r\n*\u2022."


class Sentence(NamedTuple):
    """A sentence and its place in the report.

    Attributes:
        text: as written.
        start: index of its first character in the report.
        section: ``findings``, ``impression``, ``addendum``, or ``""`` where no heading says.
        plain: the sentence in plain characters.
        within: the report in plain characters.
        offset: of ``plain`` in it.
    """

    text: str
    start: int
    section: str
    plain: str
    within: Plain
    offset: int

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The place in the report of what stands at ``start`` to ``end`` in ``plain``."""
        return self.within.original(self.offset + start), self.within.original(self.offset + end)


def sentences_in(report: str) -> Iterator[Sentence]:
    """Divide a report into sentences; sections such as the indication or the technique are left out."""
    within = plain(report)
    text = within.text
    for section in sections_in(text):
        start = section.start
        for stop in _END.finditer(text, section.start, section.end):
            end = _end(text, stop, start)
            if end is None:
                continue
            if sentence := _trimmed(report, within, start, end, section.name):
                yield sentence
            start = stop.end()
        if sentence := _trimmed(report, within, start, section.end, section.name):
            yield sentence


def _end(text: str, stop: "re.Match[str]", start: int) -> int | None:
    """Where the sentence ends whose possible end is ``stop``; None where it goes on."""
    mark = stop[0]
    if stop.lastgroup == "row":
        return stop.end()
    if stop.lastgroup == "line":
        following = text[stop.end() :].lstrip()
        before = text[start : stop.start()].rstrip()
        words = before.split()
        complete = bool(words) and words[-1].lower().strip(",;") not in _OPEN and before[-1] != ","
        return stop.start() if complete and following[:1].isupper() and following[1:2].islower() else None
    if mark[:1] in "?!" and mark:
        answer = re.match(r"\s*(?:no|none|yes|negative|positive|absent|present)\b", text[stop.end() : stop.end() + 20], re.I)
        return None if answer else stop.start() + mark.startswith("?")
    if mark != ".":
        return stop.start()
    return stop.start() if _full_stop(text, stop.start(), start) else None


def _full_stop(text: str, place: int, start: int) -> bool:
    """Whether the stop at ``place`` ends a sentence rather than a short form."""
    found = _WORD_BEFORE.search(text, max(start, place - 24), place)
    word = found[0].lower() if found else ""
    following = text[place + 1 : place + 3]
    if following[:1].isalpha():
        return len(word) > 2 and "." not in word and following[:1].isupper()
    rest = text[place + 1 : place + 40].lstrip(" \t")
    if not rest or rest.startswith(("\n\n", "\r\n\r\n")):
        return True
    rest = rest.lstrip()
    if word in INSIDE:
        return False
    if word == "no" and rest[:1].isdigit():
        return False
    return word not in ENDING or not rest[:1].islower()


def _trimmed(report: str, within: Plain, start: int, end: int, section: str) -> Sentence | None:
    part = within.text[start:end]
    text = part.strip(_EDGES)
    text = text.removeprefix("- ").lstrip("-" + _EDGES) if text.startswith("-") else text
    if text[:1].isalnum() or text[:1] == "(":
        text = _ENUMERATOR.sub("", text)
    if len(text) < 3:
        return None
    offset = start + part.index(text)
    if within.places is None:
        return Sentence(text, offset, section, text, within, offset)
    first, last = within.original(offset), within.original(offset + len(text))
    return Sentence(report[first:last], first, section, text, within, offset)
