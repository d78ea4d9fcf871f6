"""Report text to the sentences that speak of the images."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.labeler.abbreviations import ENDING, INSIDE
from core.labeler.characters import Plain, plain
from core.labeler.lines import unwrapped
from core.labeler.sections import sections_in

_ANSWER = re.compile(r"\s*(?:no|none|yes|negative|positive|absent|present)\b", re.IGNORECASE)
# An answer to what was asked in the sentence before: "R/o pneumothorax. None seen."
_ANAPHOR = re.compile(
    r"(?:none|nil)(?: (?:is|are|was|were))?(?: (?:now )?(?:seen|identified|present|found|visible|noted))?\s*(?:[.;]|$)",
    re.I,
)
_GOES_ON = re.compile(r"(?:or|and|with|without|in|on|at|is|are|of|for|to|vs)\b", re.IGNORECASE)
_SHORTEST = 1
_BLANKS = (" ", "\n", "")
_SHORT = INSIDE | ENDING | {"no"}
_TAILS = frozenset(word[-4:] for word in _SHORT)
# Where a sentence may end.
_STOP = re.compile(r"[.!?]+(?=\s|$|[A-Za-z])|[\n\u2022]")
_LISTED_STOP = re.compile(_STOP.pattern + r"|(?<=\s)(?=\(?\d\)\s+[A-Za-z])")
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
    within = unwrapped(plain(report))
    for sentence, offset, section in plain_sentences(within.text):
        if within.places is None:
            yield Sentence(sentence, offset, section, sentence, within, offset)
        else:
            first, last = within.original(offset), within.original(offset + len(sentence))
            yield Sentence(report[first:last], first, section, sentence, within, offset)


def plain_sentences(text: str) -> Iterator[tuple[str, int, str]]:
    """The sentences of a report in plain characters, each with its place and its section."""
    stops = _LISTED_STOP if ")" in text else _STOP
    for begin, finish, name in sections_in(text):
        start = begin
        for stop in stops.finditer(text, begin, finish):
            place, after = stop.span()
            # Most stops stand behind a word that is no short form.
            word = text[place - 4 : place]
            if (
                word.isalpha()
                and word.lower() not in _TAILS
                and text[place] == "."
                and text[after : after + 1] in _BLANKS
                and text[after + 1 : after + 2] not in "Nn"
            ):
                end: int | None = place
            else:
                end = _end(text, place, text[place : place + 1], start)
            if end is not None:
                sentence, offset = _trimmed(text, start, end)
                if len(sentence) > _SHORTEST:
                    yield sentence, offset, name
                start = after
        sentence, offset = _trimmed(text, start, finish)
        if len(sentence) > _SHORTEST:
            yield sentence, offset, name


def _end(text: str, place: int, mark: str, start: int) -> int | None:
    """Where the sentence ends whose possible end is the ``mark`` at ``place``; None where it goes on."""
    if mark == ".":
        return place if _full_stop(text, place, start) else None
    if mark == "?":
        # In front of a word it asks for that word alone; with its answer it is one statement.
        asking = text[max(start, place - 1) : place].strip(" (,;\n")
        return place + 1 if asking and not _ANSWER.match(text, place + 1) else None
    return place


def _full_stop(text: str, place: int, start: int) -> bool:
    """Whether the stop at ``place`` ends a sentence rather than a short form."""
    following = text[place + 1 : place + 3]
    word = text[max(text.rfind(" ", start, place) + 1, start) : place].lower()
    if "\n" in word:
        word = word[word.rfind("\n") + 1 :]
    if following[:1].isalpha():
        word = word.rsplit("/", 1)[-1]
        return len(word) > 2 and "." not in word and following[:1].isupper()
    if word not in _SHORT and following[1:2] not in "Nn":
        return True
    rest = text[place + 1 : place + 40].lstrip(" -")
    if not rest or rest[0] == "\n":
        return True
    if word in INSIDE or _ANAPHOR.match(rest) or (word == "no" and rest[:1].isdigit()):
        return False
    return word not in ENDING or not (rest[:1].islower() or _GOES_ON.match(rest))


def _trimmed(text: str, start: int, end: int) -> tuple[str, int]:
    """What stands at ``start`` to ``end`` without blanks, bullets and numbers in front of it, and its place."""
    if text.startswith(" ", start):
        start += 1
    part = text[start:end]
    if part[:3].isalpha() and "." not in part[:6] and ")" not in part[:6] and part[-1] not in _EDGES:
        return part, start
    part = part.rstrip(_EDGES)
    sentence = part.lstrip(_EDGES)
    if sentence[:1] == "-":
        sentence = sentence.lstrip("-" + _EDGES)
    beginning = sentence[:6]
    if "." in beginning or ")" in beginning:
        sentence = _ENUMERATOR.sub("", sentence)
    return sentence, start + len(part) - len(sentence)
