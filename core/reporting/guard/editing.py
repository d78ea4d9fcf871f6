"""The part of a sentence that can stand: details taken out, or an offending clause cut."""

import itertools
import re
from collections.abc import Callable, Iterator

# Words that may be taken out of a sentence and leave its grammar whole.
_LOOSE = re.compile(
    r"\b(?:trace|tiny|minimal(?:ly)?|minute|small|slight(?:ly)?|mild(?:ly)?|moderate(?:ly)?|large|marked(?:ly)?"
    r"|severe(?:ly)?|extensive(?:ly)?|massive|substantial|prominent|subtle|faint|diffuse(?:ly)?|scattered|multiple"
    r"|focal|multifocal|several|patchy|hazy|streaky|linear|discoid|subsegmental|segmental|confluent|calcified|noncalcified"
    r"|borderline|acute|subacute|chronic|stable|unchanged|persistent|new|newly|again|residual|recurrent|interval|old"
    r"|increased|decreased|improved|worsening|improving|now|still|currently|likely|probabl[ey]"
    r"|(?:left|right)(?:[- ]sided)?|bilateral(?:ly)?"
    r"|(?:mild|small|minimal|moderate|trace)(?:ly)?[- ]to[- ](?:moderate|large|severe)(?:ly)?)\b"
    r"(?![- ](?:to|and|or)\b)"
    r"| (?:in|at|on|of|within|over|involving) (?:the |both |either )?(?:(?:left|right|upper|middle|mid|lower|lateral"
    r"|medial|posterior|anterior) )*(?:lungs?|lobes?|zones?|bases?|ap(?:ex|ices)|sides?|hemithorax|lingula|left"
    r"|right)\b"
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
# What cutting may leave behind and no one would write.
_FRAGMENT = re.compile(
    r"^(?:and|or|but|with|while|although|of|to|in|at|on|within|is|are|which|that|this|these|it|may|might|could|cannot"
    r"|sided|either|represent\w*|reflect\w*|compatible|consistent|concerning|suspicious|suggest\w*|secondary|related"
    r"|due|(?:clear|free) of|adjacent|associated|seen|noted|size|bases?|otherwise (?:and|the)|however,? (?:and|or)"
    r"|there (?:is|are) (?:is|are|and))\b"
    r"|\b(?:and|or|with|the|of|a|an|no|is|are|in|on|at|which|there|appears?|in (?:size|appearance)|compatible"
    r"|consistent|sided|representing)$"
    r"|\b(?:is|are) in (?:size|appearance)\b|\b(?:the|a|an) (?:present|noted|seen|is|are)\b|\b(?:is|are),|[(/-]\s|\s-",
    re.IGNORECASE,
)
_FEWEST_WORDS = 2
_LONGEST_LIST = 6


def mended(sentence: str, clean: Callable[[str], bool]) -> str | None:
    """The longest part of a sentence that can stand, with its full stop; None where there is none.

    Args:
        sentence: as written.
        clean: whether a sentence may be shown.
    """
    body = sentence.rstrip(". ?")
    for candidate in (*_loosened(body), *sorted(_cut(body), key=_number_of_words, reverse=True)):
        candidate = _tidy(candidate)
        if len(candidate.split()) >= _FEWEST_WORDS and not _FRAGMENT.search(candidate.rstrip(".")) and clean(candidate):
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
            # "without" denies what follows it, so its denial stays.
            yield ("no " if "without" in one[0] else "") + whole[one.end() :]
        for one, other in itertools.pairwise(stops):
            yield whole[: one.start()] + whole[other.start() :]
            yield whole[one.end() : other.start()]


def _fewer_subjects(body: str) -> Iterator[str]:
    """The sentence without some of its subjects, as in "heart size and bony structures are normal"."""
    if found := _LIST_OF_SUBJECTS.match(body):
        subjects = _BETWEEN.split(found["subjects"])
        for kept in _shorter(subjects):
            verb = found["verb"]
            if _one(kept):
                verb = {"are": "is", "appear": "appears"}.get(verb, verb)
            yield f"{_joined(kept, 'and')} {verb}{found['rest']}"


def _fewer_denials(body: str) -> Iterator[str]:
    """The sentence without some of what it denies, as in "no effusion, fracture or pneumothorax"."""
    if found := _LIST_OF_DENIALS.match(body):
        for kept in _shorter(_BETWEEN.split(found["items"])):
            rest = found["rest"]
            yield f"{found['head']} {_joined(kept, 'or')}{rest.replace(' are ', ' is ') if _one(kept) else rest}"


def _shorter(items: list[str]) -> Iterator[list[str]]:
    """The items without one, without two, ... of them; nothing of lists so long that there are too many ways."""
    if not 2 <= len(items) <= _LONGEST_LIST:
        return
    for chosen in range(1, 2 ** len(items) - 1):
        yield [item for place, item in enumerate(items) if chosen >> place & 1]


def _one(items: list[str]) -> bool:
    """Whether a verb after them stands in the singular."""
    return len(items) == 1 and (not items[0].endswith("s") or items[0].endswith("sis"))


def _joined(items: list[str], word: str) -> str:
    if len(items) == 1:
        return items[0]
    return f"{', '.join(items[:-1])}{',' if len(items) > 2 else ''} {word} {items[-1]}"


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,;-")
    text = re.sub(r"\s+([,;.])", r"\1", text)
    text = re.sub(r"^(?:without|no) (?:an? )?", "no ", text, flags=re.IGNORECASE)
    text = re.sub(r"\b([Aa]n?) (?=([a-z]))", _article, text)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _article(found: re.Match[str]) -> str:
    article = "an" if found[2] in "aeiou" else "a"
    return (article.capitalize() if found[1][0].isupper() else article) + " "
