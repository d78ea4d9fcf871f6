"""What a sentence says without naming a finding: that the lungs are clear, that there is no opacity, no infection."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.datasets.labeler.lexicon import INFECTION, LESION, OPACITY
from core.findings import FINDINGS

LUNG = tuple(finding.name for finding in FINDINGS if finding.group == "lung")
PLEURA = tuple(finding.name for finding in FINDINGS if finding.group == "pleura")
HEART = ("Cardiomegaly",)
# "No acute cardiopulmonary abnormality" beside any called finding reads as a contradiction.
ALL = tuple(finding.name for finding in FINDINGS)

_AIRSPACE = ("Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia")
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
    (
        re.compile(r"interstitial"),
        Implication(
            ("Edema", "Fibrosis", "Infiltration", "Pneumonia"), ("Edema", "Fibrosis", "Infiltration", "Pneumonia")
        ),
    ),
)


def implication(observation: str, words: str) -> Implication | None:
    """How a further observation, named by these words of the sentence, follows from the 14; None where it does not."""
    if observation == OPACITY:
        return next((one for kind, one in _OPACITY_OF_A_KIND if kind.search(words)), _OPACITY)
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


_LUNGS = r"lungs?(?: fields?| parenchyma| bases| apices| zones)?|pulmonary parenchyma"
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
_VERB = r"(?: (?:is|are|appears?|is seen|are seen))?(?: to be)?"
_ADVERBS = r"(?: (?:grossly|otherwise|both|all|also|bilaterally|radiographically|well|normal in size and))*"
_GOOD = (
    r"(?:clear(?! of\b)|normal(?:ly)?|unremarkable|within normal limits|within (?:the )?limits of normal"
    r"|free of (?:acute |focal |active )*(?:disease|abnormalit(?:y|ies)))"
)
_IN = r"(?: (?:for|in|of)? ?(?:overall )?(?:size|contours?|appearance|configuration|caliber)(?: and (?:size|contours?|appearance|configuration))?)?"
_KINDS = (
    r"(?:acute|active|focal|significant|other|additional|definite|gross|discrete|suspicious|overt|convincing|radiographic"
    r"|obvious|discernible)"
)
_SYSTEM = (
    r"(?:cardiopulmonary|cardiothoracic|intrathoracic|thoracic|chest|cardiac|heart|pulmonary|lungs?|parenchymal|pleural"
    r"|pleuroparenchymal)"
)
_SYSTEMS = rf"{_SYSTEM}(?:(?:, | or | and |,? or |/){_SYSTEM})*"
_BAD = r"(?:abnormalit(?:y|ies)|disease(?: process(?:es)?)?|process(?:es)?|findings?|patholog(?:y|ies)|changes?)"
_NO = (
    r"(?:no(?: (?:radiographic )?(?:evidence|signs?) (?:of|for)(?: an?)?)?"
    r"|without(?: (?:radiographic )?(?:evidence|signs?) of)?(?: an?)?|negative for(?: an?)?|free of)"
)

_CALLED_NORMAL = re.compile(
    rf"(?P<parts>\b{_PARTS}){_VERB}{_ADVERBS} (?P<good>{_GOOD}){_IN}(?: (?:bilaterally|in appearance))?\b"
)
_NORMAL_PARTS = re.compile(
    rf"\b(?:clear|normal|unremarkable)(?: (?:appearing|appearance of|size of|size and contour of))?(?: the)? (?P<parts>{_PARTS})\b"
)
_NOTHING_BAD = re.compile(
    rf"(?:(?P<parts>\b{_PARTS}) (?:are|is|shows?|demonstrates?|reveals?|have|has)(?: with)? )?\b{_NO}"
    rf"(?: {_KINDS})*(?:,? {_KINDS})*(?: (?P<system>{_SYSTEMS}))? (?P<bad>{_BAD})\b(?! (?:of|to) (?!the (?:lung|heart|chest|pleura)))"
    rf"(?: (?:in|of|within|involving) (?:the )?(?P<where>chest|thorax|{_PARTS}))?"
)
_PATTERNS = (_CALLED_NORMAL, _NORMAL_PARTS, _NOTHING_BAD)
_REST = re.compile(r"\b(?:other|otherwise|additional|remaining)\b")
_NEGATED = re.compile(r"\b(?:not|no|without|never|cannot)\b(?:\s\w+)?$")
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
                    Statement(_findings_of(match), _REST.search(match[0]) is not None, match.start(), match.end())
                )
    return tuple(sorted(found, key=lambda one: one.start))


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


def implied_observations(observation: str) -> Iterator[str]:
    """The 14 findings that an observation rests on."""
    if known := IMPLICATIONS.get(observation, _OPACITY if observation == OPACITY else None):
        yield from dict.fromkeys((*known.asserted_by, *known.denied_by))
