"""What a sentence says without naming a finding: that the lungs are clear, that there is no opacity, no infection."""

import re
from dataclasses import dataclass

from core.findings import FINDINGS
from core.labeler.lexicon import INFECTION, LESION, OPACITY

LUNG = tuple(finding.name for finding in FINDINGS if finding.group == "lung")
PLEURA = tuple(finding.name for finding in FINDINGS if finding.group == "pleura")
HEART = ("Cardiomegaly",)
# "No acute cardiopulmonary abnormality" beside any called finding reads as a contradiction.
ALL = tuple(finding.name for finding in FINDINGS)

_AIRSPACE = ("Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia")
_INTERSTITIAL = ("Edema", "Fibrosis", "Infiltration", "Pneumonia")
_LUMPS = ("Mass", "Nodule")


@dataclass(frozen=True)
class Implication:
    """How a further observation follows from the 14 findings.

    Attributes:
        asserted_by: it may be called where one of these is, with the same certainty.
        denied_by: it may be denied where all of these are absent.
    """

    asserted_by: tuple[str, ...]
    denied_by: tuple[str, ...]


# Observations of the labeler that are missing here (congestion, fractures, devices, ...) follow from none of the 14.
IMPLICATIONS: dict[str, Implication] = {
    INFECTION: Implication(("Pneumonia",), ("Consolidation", "Infiltration", "Pneumonia")),
    LESION: Implication(_LUMPS, _LUMPS),
}
_OPACITY = Implication((*_AIRSPACE, "Fibrosis", *_LUMPS), (*_AIRSPACE, "Fibrosis", *_LUMPS))
_OPACITY_OF_A_KIND: tuple[tuple[re.Pattern[str], Implication], ...] = (
    (re.compile(r"air[- ]?space|alveolar"), Implication(_AIRSPACE, _AIRSPACE)),
    (re.compile(r"interstitial"), Implication(_INTERSTITIAL, _INTERSTITIAL)),
)


def implication(observation: str, lowered: str, start: int, end: int) -> Implication | None:
    """How a further observation follows from the 14; None where it does not.

    Args:
        observation: of the labeler.
        lowered: the sentence in lower case.
        start, end: place of the words that name it.
    """
    if observation == OPACITY:
        # The words just in front may say of what kind it is: "airspace opacity".
        words = [*lowered[:start].split()[-2:], lowered[start:end]]
        return next((one for kind, one in _OPACITY_OF_A_KIND if kind.search(" ".join(words))), _OPACITY)
    return IMPLICATIONS.get(observation)


@dataclass(frozen=True)
class Statement:
    """A part of the chest called normal.

    Attributes:
        findings: all must be absent for it to be true.
        rest: whether it says so of what else there is ("the lungs are otherwise clear"), which leaves findings that
            are called aside.
        start, end: its place in the sentence.
    """

    findings: tuple[str, ...]
    rest: bool
    start: int
    end: int


_LUNGS = r"lungs|(?<=left )lung|(?<=right )lung|lung (?:fields|parenchyma|bases|apices|zones)|pulmonary parenchyma"
_PLEURAE = r"pleural? (?:spaces?|surfaces?|cavit(?:y|ies))|pleurae?|pleural (?=and )"
_HEARTS = (
    r"(?:heart|cardiac)(?: and mediastinal|/mediastinal)?(?: silhouettes?| shadow| contours?)?(?: size)?"
    r"|cardio[ -]?mediastinal (?:silhouettes?|contours?|size|shadow)(?: size)?"
)
_PART = (
    r"(?:(?:the|both|bilateral|visuali[sz]ed|visible|remaining|left|right|upper|lower) )*"
    rf"(?:{_LUNGS}|{_PLEURAE}|{_HEARTS})"
)
_PARTS = rf"{_PART}(?:(?:,? and |, |,? as well as ){_PART})*"
_ADVERBS = r"(?: (?:grossly|otherwise|both|all|also|bilaterally|overall|essentially|normal in size and))*"
_VERB = r"(?: (?:is|are|appears?)(?: seen)?)?(?: to be)?"
_LOOKS = r"(?:size|contours?|appearance|configuration|caliber)"
_GOOD = (
    r"(?:clear(?! of\b)|normal|unremarkable|within (?:the )?(?:normal limits|limits of normal)"
    r"|free of (?:(?:acute|focal|active) )*(?:disease|abnormalit(?:y|ies)|fluid))"
)
# "... within normal limits for size and contour", "... clear bilaterally"
_IN_WHAT = rf"(?: (?:(?:for|in|of) )?(?:overall )?{_LOOKS}(?: and {_LOOKS})*)?(?: bilaterally)?"
_KIND = (
    r"(?:acute|active|focal|significant|other|additional|definite|gross|discrete|suspicious|overt|convincing"
    r"|radiographic|obvious|discernible|visible|visualized)"
)
_KINDS = rf"(?: {_KIND}(?:(?:,? | or |/){_KIND})*)?"
_SYSTEM = (
    r"(?:cardiopulmonary|cardiothoracic|intrathoracic|thoracic|chest|cardiac|heart|pulmonary|lungs?|parenchymal"
    r"|pleural)"
)
_SYSTEMS = rf"{_SYSTEM}(?:(?:, | or | and |,? or |/){_SYSTEM})*"
_BAD = r"(?:abnormalit(?:y|ies)|disease(?: process(?:es)?)?|process(?:es)?|findings?|pathology|changes?)"
_NO = (
    r"(?:no(?: (?:radiographic )?(?:evidence|signs?) (?:of|for)(?: an?)?)?"
    r"|without(?: (?:radiographic )?(?:evidence|signs?) of)?(?: an?)?|negative for(?: an?)?|free of)"
)

_CALLED_NORMAL = re.compile(rf"\b(?P<parts>{_PARTS}){_ADVERBS}{_VERB}{_ADVERBS} {_GOOD}{_IN_WHAT}\b")
_NORMAL_PARTS = re.compile(
    r"\b(?:clear|normal|unremarkable)"
    rf"(?: (?:appearing|appearance of|{_LOOKS}(?: and {_LOOKS})? of))?(?: the)? (?P<parts>{_PARTS})\b"
)
_NOTHING_BAD = re.compile(
    rf"\b(?:(?P<parts>{_PARTS}) (?:is|are|shows?|demonstrates?|reveals?|has|have) )?"
    rf"{_NO}{_KINDS}(?: (?P<system>{_SYSTEMS}))? {_BAD}\b(?! (?:of|to) (?!the (?:lung|heart|chest|pleura)))"
    rf"(?: (?:in|of|within|involving) (?:the )?(?P<where>chest|thorax|{_PARTS}))?"
)
_PATTERNS = (_CALLED_NORMAL, _NORMAL_PARTS, _NOTHING_BAD)
# Words that leave the findings named beside them aside: up to the statement itself, or anywhere in the sentence.
_REST = re.compile(r"\b(?:other(?:wise)?|additional|remain(?:ing|der))\b")
_EXCEPTION = re.compile(r"\b(?:apart|aside|besides|except|other than)\b")
# "No acute abnormality otherwise."
_REST_BEHIND = re.compile(r" otherwise\b")
_NEGATED = re.compile(r"\b(?:not|no|without|never|cannot)\b(?: \w+)? $")
_SYSTEMS_OF: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"cardiopulm|cardioth|thorac|chest|thorax"), ALL),
    (re.compile(r"lung|pulmonary|parenchym"), LUNG),
    (re.compile(r"pleur"), PLEURA),
    (re.compile(r"heart|cardiac|cardio[ -]?mediast"), HEART),
)


def statements_in(sentence: str) -> tuple[Statement, ...]:
    """Find the statements of a sentence in lower case that a part of the chest, or all of it, is normal."""
    found: list[Statement] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(sentence):
            if not any(match.start() < other.end and other.start < match.end() for other in found) and not _denied(
                sentence, match
            ):
                found.append(
                    Statement(_findings_of(match), leaves_aside(sentence, match.end()), match.start(), match.end())
                )
    return tuple(sorted(found, key=lambda one: one.start))


def leaves_aside(sentence: str, end: int) -> bool:
    """Whether what is said up to a place leaves something aside: "the lungs are otherwise clear"."""
    return bool(_REST.search(sentence, 0, end) or _REST_BEHIND.match(sentence, end)) or makes_exception(sentence)


def makes_exception(sentence: str) -> bool:
    """Whether a sentence excepts something, which it must then name: "clear apart from the effusion"."""
    return _EXCEPTION.search(sentence) is not None


def _denied(sentence: str, match: re.Match[str]) -> bool:
    """Whether "not clear" or "no normal" turns the statement round; it then says something that nothing supports."""
    if match.re is _NOTHING_BAD:
        return False
    return _NEGATED.search(sentence[: match.start()]) is not None


def _findings_of(match: re.Match[str]) -> tuple[str, ...]:
    groups = match.groupdict()
    words = " ".join(text for name in ("parts", "system", "where") if (text := groups.get(name)))
    if not words:
        return ALL
    names: set[str] = set()
    for pattern, findings in _SYSTEMS_OF:
        if pattern.search(words):
            names.update(findings)
    return tuple(name for name in ALL if name in names)
