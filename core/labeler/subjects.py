"""Findings that are said of an organ by a predicate: "the heart is mildly enlarged", "the pleura appears thickened".

Their words stand apart, so that the sentence is searched for a subject and for what is said of it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from core.labeler.observations import ENLARGED_MEDIASTINUM, PLEURAL_OTHER
from core.labeler.traces import Trace


class Stated(NamedTuple):
    """A subject with its predicate.

    Attributes:
        observations: what the two decide.
        start, end: from the subject to the end of the predicate, in characters.
        there: whether the observations are there.
    """

    observations: tuple[str, ...]
    start: int
    end: int
    there: bool


_SUBJECT = re.compile(
    r"\b(?:cardio ?-?mediastin\w+|heart and mediastin\w+"
    r"|(?:heart|cardiac)\b(?! failure| valve| cath| pacemaker)"
    r"|mediastin(?:um|al)\b(?! (?:mass|lymph|adenopathy|clip|drain|shift|hernia|calcif)))"
    r"(?:(?: (?:size|silhouettes?|shadow|contours?|outline|borders?)){0,2} ?[:=|-](?= ))?"
)
_NORMAL = (
    r"not? (?:[a-z]+ ){0,2}?(?:enlarged|widened|dilated|increased|large|wide)|nonenlarged",
    r"(?:upper|top|near|high)(?:[- ]limits?)?(?: of| for)?[- ]normal",
    r"within (?:the )?(?:upper )?(?:limits?|range) of normal|within normal|(?<!not )(?:normal|unremarkable)",
)
_PREDICATE = re.compile(
    # What follows these words is said of something else.
    r"(?P<stop>\b(?:aort\w+|(?:but|however|although)(?! (?:(?:is|was|still|probably|likely|appears?|mildly|slightly|now"
    r"|possibly) )*(?:enlarged|normal))|(?<!and )(?<!, )lungs?|pleur\w+|there|without|with(?! normal)(?!in)"
    r"|(?:hil\w+|vasculature|vascularity) (?:is|are)|no (?!cardio|enlarge))\b|[;:])"
    r"|(?P<borderline>\bborderline"
    r"|\b(?:upper limits?(?: of)? )?normal (?:or|to) (?:mildly|slightly|borderline|minimally))"
    rf"|(?P<normal>\b(?:{'|'.join(_NORMAL)}))"
    r"|(?P<enlarged>\b(?:enlarged|enlargement|large|dilated|increased|big|widen\w*|wide)\b)"
    r"(?! (?:and )?(?:[a-z]+ ){0,2}(?:aort|thyroid|hil(?:a|um)\b|left (?:atri|ventric)))"
)
# How far a predicate may stand behind its subject, in characters: "heart size, mediastinal contours and pulmonary
# vascularity are all within normal limits".
_REACH = 90
_NORMAL_BEFORE = re.compile(
    r"\b(?:normal|unremarkable)"
    r"(?: appearance of the| appearing| sized?| in size| size (?:and contour )?of the)?(?: the)? "
    r"(?P<subject>heart|cardiac(?: (?:silhouette|shadow|contours?|size))?|cardio ?-?mediastin\w+|mediastin\w+)"
)
# A heart is called large where it takes more than half of the chest's width (Danzer, Am J Med Sci 1919).
_RATIO = re.compile(
    r"\b(?:cardio-? ?thoracic(?: ratio| index)?(?: \(ctr\))?|ctr)(?: is| of| measures| estimated at| at|:| =| about)*"
    r"(?P<than> (?:less than|below|under|<|above|greater than|more than|over|>|exceeds))? ?"
    r"(?:(?P<top>\d{1,2}(?:\.\d)?) ?/ ?(?P<bottom>\d{2}(?:\.\d)?)|(?P<value>0?\.\d{1,2}|\d{2}))"
)
_RATIO_WORDS = re.compile(
    r"\b(?:cardio-? ?thoracic (?:ratio|index)|ctr)(?: \(ctr\))?(?: is| appears| remains|:| =)*(?: [a-z]+ly)?"
    r" (?:(?P<normal>normal|within normal|not increased|not enlarged)"
    r"|(?P<enlarged>increased|enlarged|elevated|raised|high))\b"
)
# Pleura and lung; the words between must not begin a clause of another subject.
_LINK = r"(?: (?!and |or |but |with |without |no )[a-z]+){0,4}?"
_OTHERS = (
    (
        re.compile(rf"\b(?:pleura|pleurae|pleural surfaces?|fissures?)(?P<link>{_LINK}) thickened\b"),
        ("Pleural_Thickening", PLEURAL_OTHER),
    ),
    (re.compile(rf"\b(?:lungs?|lobes?|lingula)(?P<link>{_LINK}) collapsed\b"), ("Atelectasis",)),
)
_DENIED = re.compile(r"\b(?:not|no longer|never|nor|isn't|aren't|hasn't)\b")


SUBJECT_TRACES: tuple[Trace, ...] = (
    "heart|cardiac|mediastin",
    "ctr",
    ("cardio", "thoracic"),
    ("pleura|fissure", "thickened"),
    ("lung|lobe|lingula", "collapsed"),
)
"""What leads to a sentence of which ``stated_in`` may find something."""


def stated_in(sentence: str) -> Iterator[Stated]:
    """What a sentence in standard wording says of heart, mediastinum, pleura and lungs by predicates."""
    if "ctr" in sentence or "thoracic" in sentence:
        yield from _ratios(sentence)
    if "heart" in sentence or "cardiac" in sentence or "mediastin" in sentence:
        yield from _silhouettes(sentence)
    if "thickened" in sentence or "collapsed" in sentence:
        for words, observations in _OTHERS:
            for found in words.finditer(sentence):
                there = _DENIED.search(found["link"]) is None
                yield Stated(observations, found.start(), found.end(), there)


def _ratios(sentence: str) -> Iterator[Stated]:
    for found in _RATIO_WORDS.finditer(sentence):
        yield Stated(("Cardiomegaly",), found.start(), found.end(), found["enlarged"] is not None)
    for found in _RATIO.finditer(sentence):
        if found["value"]:
            ratio = float(found["value"]) / (1 if "." in found["value"] else 100)
        else:
            ratio = float(found["top"]) / float(found["bottom"])
        than = (found["than"] or "").strip()
        there = than not in ("less than", "below", "under", "<") if than else ratio > 0.5
        yield Stated(("Cardiomegaly",), found.start(), found.end(), there)


def _silhouettes(sentence: str) -> Iterator[Stated]:
    leading = list(_NORMAL_BEFORE.finditer(sentence)) if "normal" in sentence or "unremark" in sentence else []
    taken = [found.span() for found in leading]
    for found in leading:
        yield Stated(_judged(found["subject"], enlarged=False), found.start(), found.end(), there=False)
    for subject in _SUBJECT.finditer(sentence):
        if any(start <= subject.start() < end for start, end in taken):
            continue
        predicate = _PREDICATE.search(sentence, subject.end(), subject.end() + _REACH)
        if predicate is None or predicate.lastgroup == "stop":
            continue
        enlarged = predicate.lastgroup in ("enlarged", "borderline")
        yield Stated(_judged(subject[0], enlarged=enlarged), subject.start(), predicate.end(), there=enlarged)


def _judged(subject: str, *, enlarged: bool) -> tuple[str, ...]:
    """The observations that the size of ``subject`` decides.

    A normal cardiomediastinal silhouette excludes both; an enlarged one need not be the heart (as in CheXpert).
    """
    if subject.startswith(("heart and", "cardiom", "cardio")):
        return (ENLARGED_MEDIASTINUM,) if enlarged else ("Cardiomegaly", ENLARGED_MEDIASTINUM)
    return (ENLARGED_MEDIASTINUM,) if subject.startswith("mediastin") else ("Cardiomegaly",)
