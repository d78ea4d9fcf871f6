"""Where a report says something else than its evidence, judged from its words alone.

The plan is not asked: what was planned wrongly would be found right. The labeler reads each sentence.
"""

import re
from collections.abc import Iterator
from typing import Literal

from core.findings import BY_NAME
from core.labeler import Mention, find_mentions
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.plan import MOST_LINES
from core.reporting.report import Report, Section, Sentence
from core.reporting.urgency import urgency_of

Fault = Literal[
    "undoubted below one half",
    "doubted from one half on",
    "added",
    "missing",
    "contradicted",
    "placed without evidence",
    "misplaced",
    "impression too long",
    "impression leaves out",
    "said twice",
]
_CALLED = ("present", "uncertain")
_ZONES = {
    "upper": re.compile(r"\bupper\b"),
    "middle": re.compile(r"\bmid(?:dle)?\b"),
    "lower": re.compile(r"\b(?:lower|bas(?:e|es|al|ilar))\b"),
}
_SIDES = {"left": ("left",), "right": ("right",), "bilateral": ("left", "right")}


def faults_of(report: Report, evidence: Evidence) -> list[tuple[Fault, str]]:
    """Each fault with the sentence or the finding that shows it; empty for a faithful report."""
    known = {item.finding.name: item for item in evidence.findings}
    called = {name for name, item in known.items() if item.decision in ("present", "possible")}
    faults: list[tuple[Fault, str]] = []
    for section in ("findings", "impression"):
        sentences = _worded(report, section)
        texts = [one.text for one in sentences]
        faults += [("said twice", text) for text in set(texts) if texts.count(text) > 1]
        mentions = [one for text in texts for one in find_mentions(text) if one.observation in BY_NAME]
        for one in mentions:
            faults += ((fault, one.sentence) for fault in _of_mention(one, known[one.observation], called))
        stated = {one.observation for one in mentions if one.presence in _CALLED}
        faults += [("missing", name) for name in sorted(called - stated) if section == "findings"]
        if section == "impression":
            faults += _of_impression(mentions, stated, evidence)
    return faults


def _worded(report: Report, section: Section | str) -> list[Sentence]:
    return [one for one in report.sentences if one.section == section and one.kind != "note"]


def _of_mention(one: Mention, item: FindingEvidence, called: set[str]) -> Iterator[Fault]:
    name, chance = item.finding.name, item.probability
    if one.presence == "absent":
        looks_alike = called & {*item.finding.resembles, *(key for key in BY_NAME if name in BY_NAME[key].resembles)}
        if name in called or looks_alike:
            yield "contradicted"
        return
    if one.presence not in _CALLED:
        return
    if name not in called:
        yield "added"
        return
    if chance is not None and chance < 0.5 and one.presence == "present":
        yield "undoubted below one half"
    if chance is not None and chance >= 0.5 and one.presence == "uncertain":
        yield "doubted from one half on"
    zones = {zone for zone, words in _ZONES.items() if words.search(one.sentence.lower())}
    if (one.laterality or zones) and not item.places:
        yield "placed without evidence"
    sides = set(_SIDES.get(one.laterality or "", ()))
    if item.places and (sides - {place.side for place in item.places} or zones - {place.zone for place in item.places}):
        yield "misplaced"


def _of_impression(mentions: list[Mention], stated: set[str], evidence: Evidence) -> Iterator[tuple[Fault, str]]:
    chance = {item.finding.name: item.probability for item in evidence.findings}
    lines: dict[str, list[float]] = {}
    for one in mentions:
        if one.presence in _CALLED:
            lines.setdefault(one.sentence, []).append(chance[one.observation] or 0.0)
    low = [text for text, chances in lines.items() if max(chances) < 0.2]
    if len(lines) - len(low) > MOST_LINES or len(low) > 1:
        yield "impression too long", " ".join(lines)
    for item in urgency_of(evidence.findings, undoubted=evidence.undoubted).because:
        if item.finding.name not in stated:
            yield "impression leaves out", item.finding.name
