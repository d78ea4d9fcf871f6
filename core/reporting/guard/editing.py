"""The part of a sentence that can stand: details taken out, or an offending clause cut."""

import itertools
import re
from collections.abc import Callable, Iterator

# Words that may be taken out of a sentence and leave its grammar whole.
_LOOSE = re.compile(
    r"\b(?:trace|tiny|minimal(?:ly)?|minute|small|slight(?:ly)?|mild(?:ly)?|moderate(?:ly)?|large|marked(?:ly)?"
    r"|severe(?:ly)?|extensive(?:ly)?|massive|substantial|prominent|subtle|faint|diffuse(?:ly)?|scattered|multiple"
    r"|multifocal|several|patchy|hazy|streaky|linear|discoid|subsegmental|segmental|confluent|calcified|noncalcified"
    r"|borderline|acute|subacute|chronic|stable|unchanged|persistent|new|newly|again|residual|recurrent|interval|old"
    r"|increased|decreased|improved|worsening|improving|now|still|currently|likely|probabl[ey]|left|right|bilateral(?:ly)?"
    r"|(?:mild|small|minimal|moderate|trace)(?:ly)?[- ]to[- ](?:moderate|large|severe)(?:ly)?)\b(?![- ](?:to|and|or)\b)"
)
_SEPARATOR = re.compile(r"\s*[;,]\s*(?:and |but |with |or )?|\s+(?:and|but|with|without|while|although|however|or)\s+")
_LIST_OF_SUBJECTS = re.compile(
    r"^(?P<subjects>[^,]+?(?:,? and |, )[^.]*?) (?P<verb>is|are|appears?|remains?|was|were)"
    r"(?P<rest> (?:(?:all|both|grossly|also) )*(?:within normal limits|normal|unremarkable|clear)\b.*)$",
    re.IGNORECASE,
)
_LIST_OF_DENIALS = re.compile(
    r"^(?P<head>(?:there (?:is|are) )?(?:no|without|negative for)(?: (?:evidence|signs?) of)?) (?P<items>[^.]*?)"
    r"(?P<rest>(?: (?:is|are))?(?: (?:seen|identified|noted|visualized|evident|present|demonstrated|appreciated))?)$",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\s*,\s*(?:and |or )?|\s+(?:and|or)\s+")
_DANGLING = re.compile(
    r"(?:^(?:and|or|but|with|without|while|although|of|to|in|is|are)\b|\b(?:and|or|with|the|of|a|an|no)$)", re.I
)
_FEWEST_WORDS = 2


def mended(sentence: str, clean: Callable[[str], bool]) -> str | None:
    """The longest part of a sentence that can stand, with its full stop; None where there is none.

    Args:
        sentence: as written.
        clean: whether a sentence may be shown.
    """
    body = sentence.rstrip(". ?")
    for candidate in (*_loosened(body), *sorted(_cut(body), key=_number_of_words, reverse=True)):
        candidate = _tidy(candidate)
        if len(candidate.split()) >= _FEWEST_WORDS and not _DANGLING.search(candidate) and clean(candidate):
            return candidate
    return None


def _number_of_words(text: str) -> int:
    return len(text.split())


def _loosened(body: str) -> Iterator[str]:
    """The sentence without one of its loose words, then without all of them."""
    found = list(_LOOSE.finditer(body.lower()))
    for one in found:
        yield body[: one.start()] + body[one.end() :]
    if len(found) > 1:
        text = body
        for one in reversed(found):
            text = text[: one.start()] + text[one.end() :]
        yield text


def _cut(body: str) -> Iterator[str]:
    for whole in (body, next(reversed(list(_loosened(body))), body)):
        yield from _fewer_subjects(whole)
        yield from _fewer_denials(whole)
        stops = list(_SEPARATOR.finditer(whole))
        for one in stops:
            yield whole[: one.start()]
            # "without" denies what follows it, so it stays with it.
            yield ("Without " if "without" in one[0] else "") + whole[one.end() :]
        for one, other in itertools.pairwise(stops):
            yield whole[: one.start()] + whole[other.start() :]
            yield whole[one.end() : other.start()]


def _fewer_subjects(body: str) -> Iterator[str]:
    """ "Heart size and bony structures are normal" without some of its subjects."""
    if found := _LIST_OF_SUBJECTS.match(body):
        subjects = _BETWEEN.split(found["subjects"])
        for kept in _shorter(subjects):
            verb = found["verb"]
            if len(kept) == 1:
                singular = not re.search(r"[^s]s$", kept[0])
                verb = {"are": "is", "is": "is", "appear": "appears"}.get(verb, verb) if singular else verb
            yield f"{_joined(kept, 'and')} {verb}{found['rest']}"


def _fewer_denials(body: str) -> Iterator[str]:
    """ "No effusion, fracture or pneumothorax" without some of what it denies."""
    if found := _LIST_OF_DENIALS.match(body):
        for kept in _shorter(_BETWEEN.split(found["items"])):
            rest = found["rest"]
            yield f"{found['head']} {_joined(kept, 'or')}{rest.replace(' are ', ' is ') if len(kept) == 1 else rest}"


def _shorter(items: list[str]) -> Iterator[list[str]]:
    """The items without one, without two, ... of them; a list of more than six is cut from its end only."""
    if not 2 <= len(items) <= 6:
        return
    for chosen in range(1, 2 ** len(items) - 1):
        yield [item for place, item in enumerate(items) if chosen >> place & 1]


def _joined(items: list[str], word: str) -> str:
    if len(items) == 1:
        return items[0]
    return f"{', '.join(items[:-1])}{',' if len(items) > 2 else ''} {word} {items[-1]}"


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,;-")
    text = re.sub(r"\s+([,;.])", r"\1", text)
    text = re.sub(r"\b([Aa]n?) (?=([a-z]))", lambda found: _article(found), text)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _article(found: re.Match[str]) -> str:
    article = "an" if found[2] in "aeiou" else "a"
    return (article.capitalize() if found[1][0].isupper() else article) + " "
