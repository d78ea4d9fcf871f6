"""Line breaks that mean something, apart from those that only wrap a line.

A report comes wrapped, indented, in columns, or as a list. A line break stays where a paragraph, an item of a list, a
label or a row begins, and where a complete line is followed by one that begins anew with a capital letter. All others,
and all runs of blanks, are one blank.
"""

import re

from core.labeler.abbreviations import INSIDE
from core.labeler.characters import Plain
from core.labeler.wordlists import words_of

_RUN = re.compile(r"\s+")
_ITEM = re.compile(r"(?:[-*+]|\u2022|\(?(?:\d{1,2}|[a-hA-H]|[ivxIVX]{1,4})[.)]|\[[xX -]?\])[ \t]+\S")
_LABEL = re.compile(r"[A-Z][A-Za-z0-9 /&(),-]{1,60}[:|=](?!\d)|[A-Z][A-Za-z /&-]{2,40}\t")
# A label in capitals may be wrapped.
_ANY_LABEL = re.compile(
    r"[A-Za-z][A-Za-z0-9 /&-]{1,40}[:|=\t]|[A-Z][A-Z0-9 /&-]{1,40}\r?\n[ \t]*[A-Z][A-Z0-9 /&-]{1,40}[:|=\t]"
)
_STOP = re.compile(r"[.;!?](?:\s|$)")
_ROW = re.compile(
    r"^[^:|=\t]+[:|=\t]+\s*(?:no?|none|y(?:es)?|absent|present|negative|positive|normal|nil|clear)\s*$",
    re.IGNORECASE,
)
# Words behind which a line cannot be complete.
_OPEN = words_of(
    "a an the no not of in on at to for from with without and or nor but is are was were be been has have had can "
    "cannot may might could would should by than as versus vs possible probable likely small large mild moderate "
    "severe left right bilateral any new acute focal definite evidence there this that which both upper lower "
    "middle stable"
)


def unwrapped(text: Plain) -> Plain:
    """Join wrapped lines and close up blanks."""
    given = text.text
    if _regular(given):
        return text
    parts: list[str] = []
    places: list[int] = []
    done = line = 0
    for run in _RUN.finditer(given):
        parts.append(given[done : run.start()])
        places += range(done, run.start() + 1)
        mark = " "
        if "\n" in run[0]:
            mark = _mark(given, run.start(), run.end(), line)
            line = line if mark == " " else run.end()
        parts.append(mark)
        if mark == "\n\n":
            places.append(run.start())
        done = run.end()
    parts.append(given[done:])
    places += range(done, len(given) + 1)
    return Plain("".join(parts), tuple(map(text.original, places)))


def _regular(given: str) -> bool:
    """Whether there is nothing to join: single blanks, and no line breaks but those of empty lines."""
    if "  " in given or "\t" in given or "\r" in given or "\f" in given or "\v" in given:
        return False
    return "\n" not in given or (
        given.count("\n") == 2 * given.count("\n\n") and "\n " not in given and " \n" not in given
    )


def _mark(given: str, start: int, end: int, line: int) -> str:
    """What stands for the blanks from ``start`` to ``end`` behind a line that began at ``line``."""
    if given.count("\n", start, end) > 1:
        return "\n\n"
    before = given[line:start]
    if _ITEM.match(given, end) and not before.endswith(("-", "(")):
        return "\n"
    statement = _STOP.split(before)[-1]
    closed = not statement or any(mark in statement for mark in ":\t|")
    if (closed and _LABEL.match(given, end)) or (_ROW.match(statement) and _ANY_LABEL.match(given, end)):
        return "\n"
    following = given[end : end + 2]
    if not (following[:1].isupper() and following[1:].islower()) or before.endswith((",", ":", ".", "?")):
        return " "
    last = before[before.rfind(" ") + 1 :].strip().lower()
    return " " if not last or last in _OPEN or last.rstrip(".") in INSIDE else "\n"
