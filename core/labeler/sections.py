"""A report to its sections, by headings of many hospitals.

A heading is what stands in front of a colon, or alone in a line. Its words decide what its section is for, so that
headings never seen before are understood too: "CLINICAL CONCERN", "Radiological findings". What is neither a heading
of history and request nor of findings ("Lungs:", "Pneumothorax:") stays a part of its sentence.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_KNOWN = (
    ("findings", r"findings?(?: and impressions?)?"),
    ("impression", r"impressions?|conclusions?|opinion|interpretation|recommendations?|summary"),
    ("wet", r"wet read|preliminary(?: report| read(?:ing)?| findings)?"),
    ("final", r"final(?: report| read(?:ing)?)?"),
    ("addendum", r"addend(?:um|a)|correction|amendment"),
    ("prior", r"(?:prior|previous|earlier|last)(?: exam(?:ination)?| study| film| radiograph| chest)?|old report"),
    (
        "",
        r"(?:current|today'?s?|present)(?: exam(?:ination)?| study| film| radiograph)?|now|results?|report|answer"
        r"|observations?|description|narrative|body of report|comments?",
    ),
    (
        "other",
        r"indications?(?: for (?:exam(?:ination)?|study))?|(?:clinical |past |medical |past medical |relevant )*history"
        r"|p?mhx?|hx|clinical (?:indications?|information|info|details?|data|context|concern|question|background)"
        r"|signs and symptoms|symptoms|reason for (?:the |this )?(?:exam(?:ination)?|study|request|referral|visit)"
        r"|reason|comparisons?(?: studies| study)?|techniques?|exam(?:ination)?|procedure|study|views?|date"
        r"|notifications?"
        r"|(?:ordering|referring) (?:physician|provider|diagnosis)|accession(?: number)?|request(?:ed)?|referral"
        r"|question|(?:admitting|admission|clinical|working|provisional) diagnos[ie]s|pmhx|presentation|complaint"
        r"|chief complaint|indication and history|history and indication",
    ),
)
_NAMES = "|".join(f"(?P<{role or 'body'}>{words})" for role, words in _KNOWN)
_HEADING = re.compile(
    rf"(?:^|(?<=[\s.:;!?*_#]))(?:{_NAMES})[*_]*[ \t]*:(?!\d)[*_]*",
    re.IGNORECASE,
)
# A heading alone in its line, without a colon.
_ALONE = re.compile(rf"[ \t]*[*_#]*[ \t]*(?:{_NAMES})[*_]*[ \t\r]*", re.IGNORECASE)
_LONGEST_ALONE = 40
# A heading that is not in the list, at the beginning of a line.
_UNKNOWN = re.compile(r"(?:^|(?<=\n))[ \t]*(?:[-*\u2022] ?)?(?P<label>[A-Za-z][A-Za-z0-9 /&,()'-]{1,70}?)[ \t]*:(?!\d)")
_ASKING = re.compile(
    r"\b(?:histor\w+|hx|pmh\w*|indication\w*|reasons?|requests?|requested|referr\w+|clinical\w*|question|symptoms?"
    r"|complaints?|techniques?|procedures?|ordering|physician|accession|medications?|allerg\w+|admitting|admission"
    r"|patient|concern)\b",
    re.IGNORECASE,
)
_READING = re.compile(r"\b(?:findings?|results?|report|impressions?|conclusions?|interpretation)\b", re.IGNORECASE)
_TITLE = re.compile(
    r"^(?:portable |single |frontal |upright |supine |ap |pa |two[- ]view )*"
    r"(?:chest|cxr|thorax|x-?ray|radiographs?|films?)\b",
    re.IGNORECASE,
)
_NAMED = ("findings", "impression", "addendum")
_CONTENT = re.compile(r"\S")
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")


class Section(NamedTuple):
    """A part of a report that describes the images.

    Attributes:
        start, end: its place in the text.
        name: ``findings``, ``impression``, ``addendum`` or ``""``.
    """

    start: int
    end: int
    name: str


class _Part(NamedTuple):
    start: int
    end: int
    role: str


def is_heading(text: str) -> bool:
    """Whether a text is nothing but a known heading, such as "Findings.": it says nothing of an image."""
    return _ALONE.fullmatch(text.strip().rstrip(".:")) is not None


def sections_in(text: str) -> Iterator[Section]:
    """The sections of a report in plain characters that describe the images, in order.

    A section of history, request or technique ends at the next heading, or at the blank line behind its text where
    none follows it. A preliminary reading counts only where there is no other.
    """
    headings = _headings(text)
    if not headings:
        yield Section(0, len(text), "")
        return
    parts = list(_parts(text, headings))
    final = any(part.role != "wet" and text[part.start : part.end].strip() for part in parts)
    for part in parts:
        if part.role != "wet" or not final:
            yield Section(
                part.start, part.end, part.role if part.role in ("findings", "impression", "addendum") else ""
            )


def _parts(text: str, headings: list[tuple[int, int, str]]) -> Iterator[_Part]:
    role, begin = "", 0
    for start, end, following in headings:
        yield from _kept(text, begin, start, role)
        role, begin = following, end
    yield from _kept(text, begin, len(text), role)


def _headings(text: str) -> list[tuple[int, int, str]]:
    """Place and role of each heading."""
    found: list[tuple[int, int, str]] = []
    if ":" in text:
        found += [
            (heading.start(), heading.end(), heading.lastgroup or "")
            for heading in _HEADING.finditer(text)
            if _begins(text, heading.start(), heading[0])
        ]
        taken = {end for _, end, _ in found}
        for heading in _UNKNOWN.finditer(text):
            if heading.end() not in taken and not any(start <= heading.start() < end for start, end, _ in found):
                found += _unknown(heading)
    if "\n" in text:
        found += _alone(text)
    return sorted(found) if found else found


def _unknown(heading: "re.Match[str]") -> Iterator[tuple[int, int, str]]:
    label = heading["label"]
    if _TITLE.match(label):
        yield heading.start(), heading.end(), "body"
    elif _ASKING.search(label) and len(label.split()) <= 7:
        yield heading.start(), heading.end(), "body" if _READING.search(label) else "other"


def _alone(text: str) -> Iterator[tuple[int, int, str]]:
    start = 0
    for line in text.split("\n"):
        length = len(line)
        # Most short lines are sentences and end with a stop, as no heading does.
        if 1 < length < _LONGEST_ALONE and line[-1] != "." and (heading := _ALONE.fullmatch(line)):
            following = text[start + length : start + length + 3].lstrip("\n")
            if not following.islower():
                yield start, start + length, heading.lastgroup or ""
        start += length + 1


def _begins(text: str, start: int, heading: str) -> bool:
    """Whether a heading begins a line or a sentence, or is written as one: "prior study: larger" is none."""
    before = text[:start].rstrip(" \t*_#")
    return not before or before[-1] in "\n.:;!?_" or heading[:1].isupper()


def _kept(text: str, start: int, end: int, role: str) -> Iterator[_Part]:
    if role in ("other", "prior"):
        content = _CONTENT.search(text, start, end)
        paragraph = _PARAGRAPH.search(text, content.start(), end) if content else None
        if paragraph is None:
            return
        start, role = paragraph.end(), ""
    yield _Part(start, end, role)
