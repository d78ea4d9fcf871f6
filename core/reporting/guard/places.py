"""Where a sentence places what it names: on which side, at which level of the lung, in which organ."""

import re
from collections.abc import Iterator

from core.findings import BY_NAME
from core.labeler.observations import CONGESTION

_LEVELS: dict[str, re.Pattern[str]] = {
    "upper": re.compile(r"\b(?:upper|apex|apices|(?:bi)?apical|suprahilar)\b"),
    "middle": re.compile(r"\b(?:middle|mid|mid(?:zone|lung)s?|lingular?|(?:peri)?hil(?:um|ar|a))\b"),
    "lower": re.compile(r"\b(?:lower|bases?|(?:bi)?bas(?:al|ilar)|infrahilar)\b"),
}
# "Both on the right" counts findings, "both bases" names sides.
_OF_SIDES = (
    r"(?= (?:of )?(?:the )?(?:lungs?|sides?|bas|apic|apex|hemithor|pleura|upper|lower|middle|mid"
    r"|costophrenic|zones?|lobes?|hil))"
)
_SIDES = re.compile(
    r"\b(?:(?P<left>left)|(?P<right>right)"
    rf"|(?P<bilateral>bilateral(?:ly)?\b|(?:both|either|each){_OF_SIDES}|bibas\w+|biapical))"
)
# Both sides, unless one is named beside them: "the bases", "the upper lobes", but "the zones of the left lung".
_PLURAL = re.compile(r"\b(?:bases|apices|lobes|zones|hemithoraces|sides)\b")
_ALL_LEVELS = re.compile(r"\b(?:all|each) (?:of )?(?:the )?(?:lobes?|zones?)\b")
# A place in front of a whole sentence: "on the left, there is ...", "the left lung shows ...".
_LEADING = re.compile(
    r"^(?:(?:there (?:is|are) )?(?:on|in|at|over|within) the [^,;]*?\b(?P<in>left|right)\b[^,;]*?"
    r"(?:,|\b(?:there|is|are)\b)"
    r"|(?:the )?(?P<of>left|right) [^,;]*?\b(?:shows?|has|demonstrates?|reveals?)\b)"
)
UNEQUAL_SIDES = re.compile(
    r"\b(?:left|right)(?: side)?,? (?:is )?(?:greater|worse|larger|more|bigger|smaller|less) than (?:the )?"
    r"(?:left|right)\b"
    r"|\b(?:greater|worse|larger|more|bigger|smaller|less)(?: prominent)? (?:(?:on|in|at) )?(?:the )?(?:left|right)"
    r"(?: side)? than (?:(?:on|in|at) )?(?:the )?(?:left|right)\b"
)
"""Both sides, one of them more: "right greater than left"."""
_STOP = re.compile(r"[,;]|\b(?:but|however|although|with|without)\b")
_CONJUNCTION = re.compile(r"\b(?:and|or)\b")
_JOINED = re.compile(
    r"^[\s/,]*(?:and|or|and/or|versus|vs\.?|with)?[\s/,]*"
    r"(?:(?:associated|adjacent|underlying|overlying|accompanying|subsegmental|compressive|mild|small) )?$"
)
# Organs in the words that the guard lets through. "Chest" and "hemithorax" hold all of them.
_ORGANS = re.compile(
    r"\b(?:(?P<heart>heart|cardiac|cardiomediastinal|cardio mediastinal)"
    r"|(?P<pleura>pleur\w+)"
    # A pleural effusion may lie at the base of a lung.
    r"|(?P<lung>(?<!in the left )(?<!in the right )lungs?(?! (?:bas|ap|zone|field))|pulmonary(?! (?:vascul"
    r"|venous|arter|vessel))|parenchymal?|lobes?|lingular?))\b"
)


def levels_in(lowered: str) -> frozenset[str]:
    """The levels of the lung, ``upper``, ``middle`` and ``lower``, that words in lower case name."""
    if _ALL_LEVELS.search(lowered):
        return frozenset(_LEVELS)
    return frozenset(level for level, words in _LEVELS.items() if words.search(lowered))


def sides_in(lowered: str) -> frozenset[str]:
    """The sides, ``left``, ``right`` and ``bilateral``, that words in lower case name."""
    sides = {str(found.lastgroup) for found in _SIDES.finditer(lowered)}
    if not sides and _PLURAL.search(lowered):
        sides.add("bilateral")
    return frozenset(sides)


_PAIR = re.compile(r"\b(left|right)[- ](?:sided |lung )?(upper|apex|apical|middle|mid|lower|bas(?:e|al|ilar))\b")


def pairs_in(lowered: str) -> frozenset[tuple[str, str]]:
    """Sides and levels that words in lower case name in one: "right upper" is ``("right", "upper")``."""
    return frozenset((side, next(iter(levels_in(level)))) for side, level in _PAIR.findall(lowered))


def leading_side(lowered: str) -> str | None:
    """The side that a sentence begins with and that holds for all that it names, or None."""
    found = _LEADING.match(lowered)
    return (found["in"] or found["of"]) if found else None


def near(lowered: str, spans: list[tuple[int, int]], index: int) -> Iterator[str]:
    """The words that still speak of one of several terms: those before it with its own, then those behind it.

    Args:
        lowered: the sentence in lower case.
        spans: places of all terms, from left to right.
        index: of the term.
    """
    start, end = spans[index]
    before = min(max((stop for _, stop in spans[:index]), default=0), start)
    after = max(min((begin for begin, _ in spans[index + 1 :]), default=len(lowered)), end)
    left, right = _reach(lowered, start, end, before, after)
    yield lowered[left:end]
    yield lowered[end:right]


def in_one_list(lowered: str, spans: list[tuple[int, int]], index: int) -> bool:
    """Whether a term and the next one stand in one list: "effusion and atelectasis"."""
    return _JOINED.match(lowered[spans[index][1] : spans[index + 1][0]]) is not None


def _reach(lowered: str, start: int, end: int, before: int, after: int) -> tuple[int, int]:
    """How far the words around a term speak of it, between the end of the term before and the next one's start."""
    left = before
    # Of the words between two terms, those behind the last "and" speak of the second: "effusion and left nodule".
    conjunctions = _CONJUNCTION.finditer(lowered, before, start) if before else ()
    for stop in (*_STOP.finditer(lowered, before, start), *conjunctions):
        left = max(left, stop.end())
    found = _STOP.search(lowered, end, after)
    if found is None and after < len(lowered):
        found = next(reversed(list(_CONJUNCTION.finditer(lowered, end, after))), None)
    return left, found.start() if found else after


def organs_in(lowered: str) -> Iterator[tuple[str, str, int]]:
    """Organs that a sentence names: ``heart``, ``pleura`` or ``lung``, in which word, and where that begins."""
    for found in _ORGANS.finditer(lowered):
        yield str(found.lastgroup), found[0], found.start()


_ANY_ORGAN = frozenset(("pleura", "lung"))


def organs_of(observation: str) -> frozenset[str]:
    """The organs that may hold a finding or a further observation; none of these three holds a hernia."""
    if observation in ("Blunted_angle", "Whiteout", "Lucency"):
        return _ANY_ORGAN
    if observation in (CONGESTION, "Enlarged_silhouette"):
        return frozenset(("heart", "lung"))
    if observation not in BY_NAME:
        return frozenset(("lung",))
    group = BY_NAME[observation].group
    return frozenset(("heart",) if observation == "Cardiomegaly" else () if group == "mediastinum" else (group,))
