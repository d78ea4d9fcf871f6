"""A report's own labels as ``Evidence``: what a perfect classifier would have handed to the writer.

The writer is trained and measured on studies whose images it may not have: the labels of the reference report take
the classifier's place. What the reference says of anything but the 14 findings is not evidence and is left behind.
"""

import hashlib
import math
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import get_args

import numpy as np

from core.anatomy import Gate, Place
from core.anatomy.place import Side, Zone
from core.classifier import SHIPPED, load_config
from core.classifier.policies import OperatingPoint
from core.findings import FINDINGS, Finding
from core.labeler import Mention, Presence, find_mentions, presences
from core.reporting.certainty import LIKELY_FROM
from core.reporting.evidence import Decision, Evidence, FindingEvidence

# A finding that a report does not speak of was looked for all the same: radiologists leave most normal findings unsaid.
DECISION: dict[Presence, Decision] = {
    "present": "present",
    "uncertain": "possible",
    "absent": "absent",
    "not mentioned": "absent",
}
_STATED: dict[Decision, Presence] = {"present": "present", "possible": "uncertain"}

_GATE = Gate("accepted", frontal=1.0, checks=("labels of the reference report, no image",))
_MODEL = {"name": "reference-report", "version": "1", "architecture": "report labeler"}

_ZONES: tuple[tuple[Zone, re.Pattern[str]], ...] = (
    ("lower", re.compile(r"\b(?:lower|bas(?:e|es|al|ilar)|bibas\w+|costophrenic|(?:hemi)?diaphragm\w*)\b")),
    ("upper", re.compile(r"\b(?:upper|apex|apices|(?:bi)?apical|suprahilar)\b")),
    ("middle", re.compile(r"\b(?:mid|middle|midlung|midzone|lingula\w*|(?:peri|bi)?hil\w+)\b")),
)
# Where heatmaps of these findings usually peak when the report states a side and no height.
_USUAL_ZONE: dict[str, Zone] = {"Atelectasis": "lower", "Effusion": "lower", "Pneumothorax": "upper"}


def evidence_from_report(report: str, *, study_id: str, view: str | None = None) -> Evidence:
    """Read a reference report as evidence.

    A finding stated as present is present, one stated with doubt is possible, every other is absent. Each probability
    is drawn within the band that the shipped classifier's operating point gives to that decision, and on the side of
    one half that its certainty has; the same study has the same draw in every run. Places are the sides that the report
    states; a zone that it leaves open is the finding's usual one.

    Args:
        report: findings, impression, or both.
        study_id: of the study; seeds the draws.
        view: view position, such as ``PA``, or None.
    """
    stated = presences(report)
    decisions = [DECISION[stated.get(finding.name, "not mentioned")] for finding in FINDINGS]
    return evidence_from_decisions(decisions, stated_places(report, decisions), seed=study_id, view=view)


def stated_places(report: str, decisions: Sequence[Decision]) -> list[tuple[Place, ...]]:
    """Where a report places each finding.

    Args:
        report: findings, impression, or both.
        decisions: one for each finding, in their order; only present and possible ones have a place.

    Returns:
        For each finding, none where the report names no side, or a place would mislead.
    """
    decided = list(zip(FINDINGS, decisions, strict=True))
    located = any(decision in _STATED and not finding.diffuse for finding, decision in decided)
    mentions = find_mentions(report) if located else []
    return [_places(finding, decision, mentions) for finding, decision in decided]


def evidence_from_decisions(
    decisions: Sequence[Decision], places: Sequence[tuple[Place, ...]], *, seed: str, view: str | None = None
) -> Evidence:
    """Evidence with these decisions, as the shipped classifier would give it.

    Args:
        decisions: one for each finding, in their order.
        places: where each finding's heatmap has its peaks.
        seed: of the probabilities, which are drawn within the bands of the decisions.
        view: view position, or None.
    """
    number = int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest())
    draws = np.random.default_rng(number).random(len(FINDINGS))
    points = _operating_points()
    return Evidence(
        findings=tuple(
            FindingEvidence(
                finding=finding,
                probability=None
                if decision == "unknown"
                else _within_band(decision, points[finding.name], float(share)),
                operating_point=None if decision == "unknown" else points[finding.name],
                decision=decision,
                places=where,
                reliability=None,
            )
            for finding, decision, where, share in zip(FINDINGS, decisions, places, draws, strict=True)
        ),
        view=view,
        gate=_GATE,
        warnings=(),
        modality=None,
        model=_MODEL,
    )


@lru_cache(maxsize=1)
def _operating_points() -> dict[str, OperatingPoint]:
    return load_config(SHIPPED).policy().points


def _within_band(decision: Decision, point: OperatingPoint, share: float) -> float:
    """The probability at ``share`` in [0, 1) of the band that the policy for reading decides so."""
    low, high = {
        "absent": (0.0, point.possible_threshold),
        # A report that states a finding plainly holds it for more likely there than not.
        "possible": (point.possible_threshold, min(point.threshold, LIKELY_FROM)),
        "present": (max(point.threshold, LIKELY_FROM), 1.0),
    }[decision]
    return min(low + (high - low) * share, math.nextafter(high, low))


def _places(finding: Finding, decision: Decision, mentions: list[Mention]) -> tuple[Place, ...]:
    """Where the report places the finding; nowhere if it names no side or a place would mislead."""
    if finding.diffuse or decision not in _STATED:
        return ()
    for mention in mentions:
        if mention.observation == finding.name and mention.presence == _STATED[decision] and mention.laterality:
            sentence = mention.sentence.lower()
            named = (zone for zone, words in _ZONES if words.search(sentence))
            zone = next(named, _USUAL_ZONE.get(finding.name, "middle"))
            return tuple(Place(side, zone) for side in get_args(Side) if mention.laterality in (side, "bilateral"))
    return ()
