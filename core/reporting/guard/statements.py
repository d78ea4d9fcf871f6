"""What a sentence says without naming a finding: that the lungs are clear, that there is no opacity, no infection."""

import re
from dataclasses import dataclass

from core.findings import FINDINGS
from core.labeler.observations import CONGESTION, INFECTION, LESION, OPACITY
from core.reporting.guard.places import levels_in, sides_in

LUNG = tuple(finding.name for finding in FINDINGS if finding.group == "lung")
PLEURA = tuple(finding.name for finding in FINDINGS if finding.group == "pleura")
HEART = ("Cardiomegaly",)
# "No acute cardiopulmonary abnormality" beside any called finding reads as a contradiction.
ALL = tuple(finding.name for finding in FINDINGS)

AIRSPACE = ("Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia")
# Beside these radiologists speak of "no consolidation" and "no airspace disease", as they see fewer or finer lines.
SELDOM_AIRSPACE = ("Atelectasis", "Edema")
# What lasts, and is no news: beside it a chest has "no acute abnormality".
LASTING = (
    "Atelectasis",
    "Cardiomegaly",
    "Emphysema",
    "Fibrosis",
    "Hernia",
    "Mass",
    "Nodule",
    "Pleural_Thickening",
)
_INTERSTITIAL = ("Edema", "Fibrosis", "Infiltration", "Pneumonia")
LUMPS = ("Mass", "Nodule")


@dataclass(frozen=True)
class Implication:
    """How a further observation follows from the 14 findings.

    Attributes:
        asserted_by: it may be called where one of these is, with the same certainty; None where a call of it cannot be
            checked.
        denied_by: it may be denied where all of these are absent.
        seldom: of ``denied_by``, those beside which radiologists deny it all the same: "no airspace disease" rarely
            means an atelectasis.
    """

    asserted_by: tuple[str, ...] | None
    denied_by: tuple[str, ...]
    seldom: tuple[str, ...] = ()


# Observations of the labeler that are missing here (congestion, fractures, devices, ...) follow from none of the 14.
IMPLICATIONS: dict[str, Implication] = {
    INFECTION: Implication(("Pneumonia",), ("Consolidation", "Infiltration", "Pneumonia")),
    LESION: Implication(LUMPS, LUMPS),
    CONGESTION: Implication(None, ("Edema",)),
}
HEART_FAILURE = Implication(("Cardiomegaly", "Edema", "Effusion"), ("Edema",))
_FAILURE = re.compile(r"failure|chf")
OPACITY_IMPLIED = Implication((*AIRSPACE, "Fibrosis", *LUMPS), (*AIRSPACE, "Fibrosis", *LUMPS))
_OPACITY_OF_A_KIND: tuple[tuple[re.Pattern[str], Implication], ...] = (
    (re.compile(r"air[- ]?space|alveolar"), Implication(AIRSPACE, AIRSPACE, SELDOM_AIRSPACE)),
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
        return next((one for kind, one in _OPACITY_OF_A_KIND if kind.search(" ".join(words))), OPACITY_IMPLIED)
    if observation == CONGESTION and _FAILURE.search(lowered, start, end):
        return HEART_FAILURE
    return IMPLICATIONS.get(observation)


@dataclass(frozen=True)
class Statement:
    """A part of the chest called normal.

    Attributes:
        findings: all must be absent for it to be true.
        rest: whether it says so of what else there is ("the lungs are otherwise clear"), which leaves findings that
            are called aside.
        start, end: its place in the sentence.
        acute: whether it denies only what is acute, so that what lasts may still be there.
        side: ``left`` or ``right`` where it speaks of that side alone, else None.
        levels: of the lung that it speaks of; empty for all of them.
    """

    findings: tuple[str, ...]
    rest: bool
    start: int
    end: int
    acute: bool = False
    side: str | None = None
    levels: frozenset[str] = frozenset()


_LUNGS = (
    r"lungs|(?<=left )lung|(?<=right )lung|lung (?:fields?|parenchyma|bases?|apices|ape?x|zones?)|pulmonary parenchyma"
    r"|(?:upper|middle|mid|lower) (?:lung )?(?:zones?|lobes?)|(?:lung )?(?:bases|apices)|chest(?= (?:is|are"
    r"|appears?) clear)"
)
_PLEURAE = (
    r"pleural? (?:spaces?|surfaces?|cavit(?:y|ies))|pleurae?|pleural (?=and )"
    r"|(?:lateral )?(?:costophrenic|costo-phrenic) (?:angles?|sulc(?:us|i)|recess(?:es)?)"
)
_HEARTS = (
    r"(?:heart|cardiac)(?: and mediastinal|/mediastinal)?(?: silhouettes?| shadow| contours?)?(?: size)?"
    r"|cardio[ -]?mediastinal (?:silhouettes?|contours?|size|shadow)(?: size)?|cardio-?thoracic (?:ratio|index)"
    r"|cardiopulmonary silhouette"
)
# What is called normal in one breath with them and lies outside the findings.
_OTHERS = (
    r"(?:(?:visuali[sz]ed|visible|adjacent|pulmonary|superior|thoracic|aortic|osseous|bony|hilar|upper|great|soft) )*"
    r"(?:mediastin(?:um|al)|abdomen|spine|ribs?|hil(?:a|um|ar)|vascula\w+|vessels|aorta|arch|structures|bones|thorax|skeleton|tissues?|trachea|skeletal|airways?"
    r"|xx+|diaphragms?|hemidiaphragms)(?: (?:contours?|silhouettes?|structures?|shadows?))?"
)
_INTERSTITIUM = r"(?:pulmonary |lung )?(?:interstitium|interstitial (?:markings|pattern|structures))"
_PART = (
    r"(?:(?:the|both|bilateral|visuali[sz]ed|visible|remaining|left|right|upper|lower) )*"
    rf"(?:{_INTERSTITIUM}|{_LUNGS}|{_PLEURAE}|{_HEARTS})"
)
_AND = r"(?:,? and |, |,? as well as |/| or )"
_PARTS = rf"{_PART}(?:{_AND}(?:{_PART}|(?:the )?{_OTHERS}))*"
_ADVERBS = (
    r"(?: (?:grossly|otherwise|both|all|also|bilaterally|overall|essentially|generally|entirely|completely|well"
    r"|normally"
    r"|normal in size and|normally aerated and|well[- ]expanded and|(?:well[- ])?(?:expanded|aerated|inflated) and"
    r"|(?:(?:mildly|slightly|well|normally|somewhat)[- ])?(?:hyper|hypo|under|over)?-?(?:expanded|inflated"
    r"|aerated)(?:,? but|,? and|,)?"
    r"|symmetric(?:al)? and|predominantly|relatively|again|now|still|unchanged and|stable and))*"
)
_VERB = r"(?: (?:is|are|was|were|lies|falls|appears?|remains?|look(?:s)?|show(?:s)?)(?: seen)?)?(?: to be)?"
_LOOKS = r"(?:size|shape|contours?|appearance|configuration|caliber)"
_GOOD = (
    r"(?:clear(?! of\b)"
    r"|(?:(?:at|near|within) )?(?:the )?(?:upper|high|top|borderline)(?:[- ]limits?)?(?: of)?[- ]normal"
    r"(?: (?:limits|range))?(?: in size)?|(?:of )?normal|unremarkable|sharp|dry|not enlarged"
    r"|(?:well )?preserved|(?:well )?maintained"
    r"|within (?:the )?(?:normal (?:limits|range)|limits of normal)"
    r"|free (?:of|from) (?:(?:any|acute|focal|active) )*(?:(?:disease|abnormalit(?:y|ies)|fluid|air)"
    r"(?:(?:,? (?:and|or) |/)(?:disease|abnormalit(?:y|ies)|fluid|air))*))"
)
# "... within normal limits for size and contour", "... clear bilaterally"
_IN_WHAT = rf"(?: (?:(?:for|in|of) )?(?:overall )?{_LOOKS}(?: and {_LOOKS})*)?(?: bilaterally)?"
_KIND = (
    r"(?:acute|active|superimposed|focal|patholog(?:ic|ical)|significant|other|additional|definite|gross|discrete|suspicious|overt|convincing"
    r"|radiographic|obvious|discernible|visible|visualized)"
)
_KINDS = rf"(?: {_KIND}(?:(?:,? | or |/){_KIND})*)?"
_SYSTEM = (
    r"(?:cardio[- ]?pulmonary|cardiothoracic|intrathoracic|thoracic|chest|cardiac|heart|pulmonary|lungs?|parenchymal"
    r"|pleural)"
)
_SYSTEMS = rf"(?:(?:left|right) )?{_SYSTEM}(?:(?:, | or | and |,? or |/){_SYSTEM})*"
_BAD = (
    r"(?:abnormalit(?:y|ies)|disease(?: process(?:es)?)?|process(?:es)?|findings?|pathology"
    r"|changes?(?! (?:in|of|from|since|to|compared|when|is|are)\b))"
)
_NO = (
    r"(?:no(?: (?:radiographic )?(?:evidence|signs?) (?:of|for)(?: an?)?)?"
    r"|without(?: (?:radiographic )?(?:evidence|signs?) of)?(?: an?)?|negative(?: for)?(?: an?)?|free of)"
)

_CALLED_NORMAL = re.compile(rf"\b(?P<parts>{_PARTS}){_ADVERBS}{_VERB}{_ADVERBS} {_GOOD}{_IN_WHAT}\b")
_NORMAL_PARTS = re.compile(
    r"\b(?:clear|normal|unremarkable|non-?enlarged)(?:(?: and|,) (?:stable|unchanged|clear|(?:hyper|hypo"
    r"|well)[- ]?\w+ed))?"
    rf"(?: (?:appearing|appearance of|{_LOOKS}(?: and {_LOOKS})? of|size(?=d? (?:heart|cardiac))d?))?(?: the)?"
    rf" (?P<parts>{_PARTS})\b"
)
_NOTHING_BAD = re.compile(
    rf"\b(?:(?P<parts>{_PARTS}) (?:is|are|shows?|demonstrates?|reveals?|has|have) )?"
    rf"{_NO}{_KINDS}(?: (?P<system>{_SYSTEMS}))? {_BAD}\b(?! (?:of|to|in|within|involving) (?!(?:the |either "
    rf"|both )?(?:lung|heart|chest|pleura(?!l (?:effusion|fluid|thick))|thorax|cardiac|left|right|visuali)))"
    rf"(?: (?:in|of|within|involving) (?:the )?(?P<where>chest|thorax|{_PARTS})\b(?! (?:effusion|fluid|thicken)))?"
)
_NEITHER = re.compile(
    rf"\bneither (?P<parts>lung(?: field)?|pleural space|hemithorax|side) (?:shows?|has|demonstrates?"
    rf"|contains?)(?: an?)?"
    rf"{_KINDS} {_BAD}\b"
)
_WHOLE = r"(?:chest|examination|study|radiograph|exam|film|x-?ray|(?<=chest )xx+)"
_NORMAL_WHOLE = re.compile(
    rf"(?:^|(?<=an )|(?<=a )|(?<=, )|(?<=is )|(?<=otherwise ))(?:normal|negative|unremarkable|clear)(?: frontal"
    rf"| pa| portable)?"
    rf" {_WHOLE}(?: {_WHOLE})?\b(?! for)"
    rf"|^(?:normal|negative|unremarkable)(?=\W*$)|\b{_WHOLE}(?: {_WHOLE})? (?:is|appears?){_ADVERBS} (?:normal"
    rf"|negative|unremarkable|within normal limits)\b(?! for)"
)
# "Low volumes, otherwise clear."
_REST_NORMAL = re.compile(
    r"\botherwise,? (?:(?P<where>clear)|normal|unremarkable|negative)(?=\W*$|,|;| (?:without|with no)\b)"
)
# A lung that fills its space has neither collapsed nor air around it.
_EXPANDED = re.compile(
    rf"\b(?:{_LUNGS})(?: (?:is|are|appears?|remains?))?(?: both)? (?:fully|completely|entirely)"
    r" (?:re-?)?(?:expanded|inflated|aerated)\b"
)
_PATTERNS = (_EXPANDED, _CALLED_NORMAL, _NORMAL_PARTS, _NOTHING_BAD, _NEITHER, _NORMAL_WHOLE, _REST_NORMAL)
# What stands in front of "shows no acute abnormality" and is no part of what the findings cover.
_OTHER_SUBJECT = re.compile(rf"\b{_OTHERS}(?: (?:is|are))?(?: (?:shows?|demonstrates?|reveals?|has|have|with))? $")
# Words that leave the findings named beside them aside: up to the statement itself, or anywhere in the sentence.
_REST = re.compile(r"\b(?:other(?:wise)?|additional|remain(?:ing|der))\b")
_EXCEPTION = re.compile(r"\b(?:apart|aside|besides|except|other than)\b")
# "No acute abnormality otherwise."
_REST_BEHIND = re.compile(r" otherwise\b")
_ACUTE = re.compile(r"\b(?:acute|active|superimposed)\b")
_NEGATED = re.compile(r"\b(?:not|no|without|never|cannot)\b(?: \w+)? $")
_SYSTEMS_OF: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"interstiti"), ("Edema", "Fibrosis")),
    (
        re.compile(
            r"cardio[- ]?pulm(?!\w+ silh)|cardio-?thoracic(?! (?:ratio|index))|intrathor"
            r"|(?<!cardio)(?<!cardio-)thorac|thorax|side|\\bchest(?! clear)"
        ),
        ALL,
    ),
    (
        re.compile(
            r"lung(?! interst)|(?<!cardio)(?<!cardio.)pulmonary(?! (?:vasc|vess|arter|vein|xx|interst))"
            r"|parenchym|lobe|zone|bases|apices|chest|clear"
        ),
        LUNG,
    ),
    (re.compile(r"pleur|costo-?phrenic|hemithor"), PLEURA),
    (re.compile(r"heart|cardiac|cardio[ -]?mediast|cardiopulmonary silh|cardio-?thoracic (?:ratio|index)"), HEART),
)


def statements_in(sentence: str) -> tuple[Statement, ...]:
    """Find the statements of a sentence in lower case that a part of the chest, or all of it, is normal."""
    found: list[Statement] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(sentence):
            if not any(match.start() < other.end and other.start < match.end() for other in found) and not _denied(
                sentence, match
            ):
                words = match[0]
                sides = sides_in(words)
                found.append(
                    Statement(
                        _findings_of(match),
                        leaves_aside(sentence, match.end()),
                        match.start(),
                        match.end(),
                        match.re is _NOTHING_BAD and _ACUTE.search(words) is not None,
                        next(iter(sides)) if len(sides) == 1 and "bilateral" not in sides else None,
                        levels_in(words),
                    )
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
        return _OTHER_SUBJECT.search(sentence[: match.start()]) is not None
    if match.re is _NEITHER:
        return False
    return _NEGATED.search(sentence[: match.start()]) is not None


def _findings_of(match: re.Match[str]) -> tuple[str, ...]:
    groups = match.groupdict()
    if match.re is _EXPANDED:
        return ("Atelectasis", "Pneumothorax")
    words = " ".join(text for name in ("parts", "system", "where") if (text := groups.get(name)))
    if not words:
        return ALL
    names: set[str] = set()
    for pattern, findings in _SYSTEMS_OF:
        if pattern.search(words):
            names.update(findings)
    return tuple(name for name in ALL if name in names)
