"""Severity and side of a finding, where the sentence states them."""

import re

# As stated, with adverbs brought to the adjective.
_SEVERITY = re.compile(
    r"\b(?:(?P<range>(?:small|mild|moderate|minimal)[- ]to[- ](?:moderate|large|severe|mild))(?:ly)?"
    r"|(?P<word>trace|tiny|minimal|minute|small|slight|mild|borderline|moderate|large|marked|severe|extensive|massive|substantial)(?:ly)?)\b"
)
_SIDES = re.compile(
    r"\b(?:(?P<both>bilateral(?:ly)?|both|bibasilar|bibasal|biapical|bihilar|lung bases)"
    r"|(?P<left>left(?:ward)?(?:-sided)?|lingula\w*)|(?P<right>right(?:ward)?(?:-sided)?))\b"
    r"(?! (?:atri|ventric|heart|chest (?:tube|port|wall)))"
)
_STOP = re.compile(r"[,;]|\b(?:but|however|although|with|without)\b")
_AND = re.compile(r"\b(?:and|or)\b")
_JOINED = re.compile(
    r"^[\s/,]*(?:and|or|and/or|versus|vs\.?|with)?[\s/,]*"
    r"(?:(?:associated|adjacent|underlying|overlying|accompanying|subsegmental|compressive|mild|small) )?$"
)


def severity(sentence: str, start: int, end: int, before: int, after: int) -> str | None:
    """The severity nearest to a term.

    Args:
        sentence: in lower case.
        start, end: place of the term.
        before, after: where the neighbouring terms end and begin.

    Returns:
        A word such as ``small`` or a range such as ``small to moderate``; None where none is stated.
    """
    left, right = reach(sentence, start, end, before, after)
    within = _SEVERITY.search(sentence, start, end)
    ahead = list(_SEVERITY.finditer(sentence, left, start))
    found = within or (ahead[-1] if ahead else _SEVERITY.search(sentence, end, right))
    if found is None:
        return None
    return str(found["range"] or found["word"]).replace("-", " ")


def side(sentence: str, start: int, end: int, before: int, after: int) -> str | None:
    """``left``, ``right`` or ``bilateral`` as stated for a term; None where no side is stated.

    Arguments are as for ``severity``.
    """
    left, right = reach(sentence, start, end, before, after)
    for begin, stop in ((left, end), (end, right)):
        named = {found.lastgroup for found in _SIDES.finditer(sentence, begin, stop)}
        if "both" in named or {"left", "right"} <= named:
            return "bilateral"
        if named:
            return named.pop()
    return None


def joined(sentence: str, one_end: int, other_start: int) -> bool:
    """Whether two terms stand in one list, so that a side stated for the first holds for the second."""
    return bool(_JOINED.match(sentence[one_end:other_start]))


def reach(sentence: str, start: int, end: int, before: int, after: int) -> tuple[int, int]:
    """How far the words around a term still speak of it; arguments as for ``severity``."""
    left = before
    # Of the words between two terms, those behind the last "and" speak of the second: "effusion and left nodule".
    for stop in (*_STOP.finditer(sentence, before, start), *(_AND.finditer(sentence, before, start) if before else ())):
        left = max(left, stop.end())
    found = _STOP.search(sentence, end, after)
    if found is None and after < len(sentence):
        found = next(reversed(list(_AND.finditer(sentence, end, after))), None)
    return left, found.start() if found else after
