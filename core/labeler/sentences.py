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
_SHORT = INSIDE | ENDING | {"no"}
_TAILS = frozenset(word[-4:] for word in _SHORT)
# Where a sentence may end. A full stop behind a word and in front of no answer, and line breaks are told apart by the
# groups, because nearly all stops are of these kinds.
_STOP = re.compile(
    r"[.!?\n\u2022](?:(?<=[A-Za-z]{4}\.)(?: (?![Nn](?:[Oo][Nn]|[Ii][Ll]))|\n+|$)(?P<word>)|(?<=\n)\n*(?P<line>)"
    r"|(?<=[.!?])[.!?]*(?=\s|$|[A-Za-z])|(?<=\u2022))"
)
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
    for piece, start, section in pieces_in(within.text):
        sentence, lead = trimmed(piece)
        if not sentence:
            continue
        offset = start + lead
        if within.places is None:
            yield Sentence(sentence, offset, section, sentence, within, offset)
        else:
            first, last = within.original(offset), within.original(offset + len(sentence))
            yield Sentence(report[first:last], first, section, sentence, within, offset)


def pieces_in(text: str) -> Iterator[tuple[str, int, str]]:
    """What stands between the stops of a report in plain characters, each with its place and its section.

    A piece may be empty, and begins and ends with blanks, bullets and numbers until it is ``trimmed``.
    """
    stops = _LISTED_STOP if ")" in text else _STOP
    for begin, finish, section in sections_in(text):
        start = begin
        for stop in stops.finditer(text, begin, finish):
            place, after = stop.span()
            kind = stop.lastgroup
            sure = kind == "line" or (kind == "word" and text[place - 4 : place].lower() not in _TAILS)
            end = place if sure else _end(text, place, text[place : place + 1], start)
            if end is not None:
                yield text[start:end], start, section
                start = after
        yield text[start:finish], start, section


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


def trimmed(piece: str) -> tuple[str, int]:
    """A piece without blanks, bullets and numbers in front of it, and where in it that begins.

    Empty where there is no sentence.
    """
    lead = 1 if piece.startswith(" ") else 0
    part = piece[lead:]
    if (
        len(part) > _SHORTEST
        and part[:3].isalpha()
        and "." not in part[:6]
        and ")" not in part[:6]
        and part[-1] not in _EDGES
    ):
        return part, lead
    part = part.rstrip(_EDGES)
    sentence = part.lstrip(_EDGES)
    if sentence[:1] == "-":
        sentence = sentence.lstrip("-" + _EDGES)
    beginning = sentence[:6]
    if "." in beginning or ")" in beginning:
        sentence = _ENUMERATOR.sub("", sentence)
    return (sentence, lead + len(part) - len(sentence)) if len(sentence) > _SHORTEST else ("", 0)
