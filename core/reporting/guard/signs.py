"""Other words for the 14 findings: signs and synonyms that the labeler leaves to the reader.

"Fluid is seen in the left pleural space" calls an effusion without its name, and "the pleural spaces are free of air"
denies a pneumothorax.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.labeler import Mention, find_mentions
from core.reporting.guard.statements import (
    AIRSPACE,
    LUMPS,
    OPACITY_IMPLIED,
    Implication,
)


@dataclass(frozen=True)
class Sign:
    """Words that stand for findings.

    Attributes:
        observation: the finding itself, or the name of the sign where several findings show it.
        implied: how the sign follows from the findings; None where it is the finding itself.
        pattern: the words, in lower case.
    """

    observation: str
    implied: Implication | None
    pattern: re.Pattern[str]


_PLEURAL = r"(?:pleura\w*|costophrenic|hemithora\w+|fissures?|chest cavity)"

# The word that stands for the finding, and a word that must stand somewhere in the same part of the sentence, or must
# not.
_SIGNS: tuple[tuple[Sign, str, str], ...] = (
    (
        Sign("Effusion", None, re.compile(r"\b(?:fluid|liquid)\b(?! overload)(?: collections?)?")),
        "",
        r"\b(?:lungs?(?! base)|alveol\w+|pericard\w+|airways?|stomach|bowel|abdom\w+|soft tissues?)\b",
    ),
    (Sign("Effusion", None, re.compile(r"\bcollections?\b")), rf"\b{_PLEURAL}\b", r"\b(?:air|fluid)\b"),
    (Sign("Pneumothorax", None, re.compile(r"\b(?:air|gas)\b(?![- ]?spac| bronch| trapp)")), rf"\b{_PLEURAL}\b", ""),
    (Sign("Edema", None, re.compile(r"\bwater\b")), r"\blungs?\b", ""),
    (
        Sign("Atelectasis", None, re.compile(r"\bcollaps(?:e|es|ed|ing)\b")),
        "",
        r"\b(?:vertebra\w*|bod(?:y|ies)|trachea\w*|compression|spine)\b",
    ),
    (
        Sign(
            "Blunted_angle",
            Implication(("Effusion", "Pleural_Thickening"), ("Effusion",)),
            re.compile(r"\b(?:blunt(?:ed|ing|s)?|obliterat\w+|fill(?:ed|ing)\b)"),
        ),
        r"\b(?:costophrenic|sulc\w+|angles?)\b",
        "",
    ),
    (
        Sign(
            "Lung_density",
            OPACITY_IMPLIED,
            re.compile(r"\b(?:densit(?:y|ies)|shadowing|haze|haziness|ground[- ]glass)\b"),
        ),
        "",
        r"\b(?:bon\w+|osseous|metal\w*|calci\w+|breast|fat|soft tissue|cardiac|heart|mineral)\b",
    ),
    (
        Sign(
            "Whiteout",
            Implication((*AIRSPACE, "Effusion", "Mass"), (*AIRSPACE, "Effusion", "Mass")),
            re.compile(r"\b(?:white[d]?[- ]?out|opacified)\b"),
        ),
        "",
        "",
    ),
    (
        Sign(
            "Lump",
            Implication(LUMPS, LUMPS),
            re.compile(r"\b(?:lesions?|tumou?rs?|neoplasms?|lumps?|growths?|spots?)\b"),
        ),
        "",
        r"\b(?:bon\w+|osseous|lytic|blastic|skelet\w+|rib|ribs|breast|skin|liver|vertebra\w*)\b",
    ),
    (
        Sign("Lung_bulla", Implication(("Emphysema",), ()), re.compile(r"\bbull(?:a|ae)\b|\bblebs?\b")),
        "",
        "",
    ),
    (
        Sign(
            "Lucency",
            Implication(("Emphysema", "Pneumothorax"), ()),
            re.compile(r"\b(?:hyper)?lucen(?:cy|cies|t)\b"),
        ),
        "",
        r"\b(?:bon\w+|osseous|rib|ribs|humer\w+|vertebra\w*)\b",
    ),
    (Sign("Fibrosis", None, re.compile(r"\bhoneycomb\w*")), "", ""),
    (
        Sign("Air_bronchogram", Implication(("Consolidation", "Pneumonia"), ()), re.compile(r"\bair bronchograms?\b")),
        "",
        "",
    ),
    (
        Sign("Hernia", None, re.compile(r"\b(?:stomach|bowel)\b")),
        r"\b(?:chest|thora\w+|above (?:the )?(?:\w+ )?(?:hemi)?diaphragm)\b",
        r"\b(?:beneath|below)\b",
    ),
    (
        Sign(
            "Enlarged_silhouette",
            Implication(("Cardiomegaly",), ("Cardiomegaly",)),
            re.compile(
                r"\b(?:enlarged|large|widened|prominent) (?:cardio[ -]?mediastinal|cardiac and mediastinal)\b"
                r"|\b(?:enlargement|widening) of the cardio[ -]?mediastinal\b"
                r"|\b(?:cardio[ -]?mediastinal|cardiac and mediastinal|heart and mediastinal) (?:silhouette|contours?"
                r"|shadow)s?(?= (?:size )?(?:is|are|appears?|remains?) (?:\w+ )?(?:enlarged|large|widened|prominent))"
            ),
        ),
        "",
        "",
    ),
    (
        Sign(
            "Cardiomegaly",
            None,
            re.compile(
                r"\b(?:larger|bigger|wider|broader|greater)\b(?= than (?:normal|it should"
                r"|expected|usual|average))"
            ),
        ),
        r"\b(?:heart|cardiac)\b",
        "",
    ),
    (Sign("Nodularity", Implication(LUMPS, LUMPS), re.compile(r"\bnodularit(?:y|ies)\b")), "", ""),
    (
        Sign("Congestion", Implication(None, ("Edema",)), re.compile(r"\bcongest(?:ion|ed)\b")),
        "",
        "",
    ),
    (
        Sign("Kerley_lines", Implication(("Edema",), ()), re.compile(r"\bkerley\b|\bseptal (?:lines?|thickening)\b")),
        "",
        "",
    ),
    (
        Sign("Hyperinflation", Implication(None, ("Emphysema",)), re.compile(r"\bhyper[- ]?(?:infla|expan|aera)\w+")),
        r"\blungs?\b|\bno\b|\bnot\b|\bwithout\b",
        "",
    ),
    (
        Sign("Volume_loss", Implication(None, ("Atelectasis",)), re.compile(r"\bvolume loss\b|\bloss of volume\b")),
        "",
        "",
    ),
    (Sign("Pleural_Thickening", None, re.compile(r"\bthick(?:ened|ening)\b")), r"\bpleura\w*\b", ""),
    (
        Sign(
            "Cardiomegaly",
            None,
            re.compile(
                r"\bcardio-?thoracic (?:ratio|index) (?:\w+ ){0,2}?(?:increased|enlarged|high|raised|elevated"
                r"|abnormal)\b"
            ),
        ),
        "",
        "",
    ),
)
_PART = re.compile(r"[,;:]|\b(?:but|however|although|while)\b")


def signs_in(sentence: str, mentions: list[Mention]) -> Iterator[tuple[Sign, Mention]]:
    """Signs that a sentence names, where the labeler has read nothing, each as the labeler reads a finding there."""
    lowered = sentence.lower()
    taken = [(one.start, one.end) for one in mentions]
    for sign, needs, bars in _SIGNS:
        for found in sign.pattern.finditer(lowered):
            if any(start < found.end() and found.start() < end for start, end in taken):
                continue
            part = _part_around(lowered, found.start())
            if (needs and not re.search(needs, part)) or (bars and re.search(bars, part)):
                continue
            # How a finding in its place would be read: the grammar of a denial or a doubt is the same.
            place = found.start()
            swapped = find_mentions(f"{sentence[:place]}effusion{sentence[found.end() :]}")
            for mention in swapped:
                if mention.observation == "Effusion" and mention.start <= place < mention.end:
                    taken.append(found.span())
                    yield sign, _moved(mention, sentence, found.start(), found.end())
                    break


def _moved(mention: Mention, sentence: str, start: int, end: int) -> Mention:
    fields = {name: getattr(mention, name) for name in ("presence", "cue", "severity", "laterality", "section")}
    return Mention(
        observation=mention.observation, words=sentence[start:end], sentence=sentence, start=start, end=end, **fields
    )


def _part_around(lowered: str, place: int) -> str:
    begin = max((found.end() for found in _PART.finditer(lowered, 0, place)), default=0)
    stop = _PART.search(lowered, place)
    return lowered[begin : stop.start() if stop else len(lowered)]
