"""Evidence for the tests of plans and of what is worded from them."""

import random
from collections.abc import Mapping

from core.anatomy import Gate, Place
from core.classifier.policies import OperatingPoint
from core.findings import FINDINGS
from core.reporting.evidence import Decision, Evidence, FindingEvidence

# Present from one half, possible from a tenth, as for a label that is hard to see.
POINT = OperatingPoint(0.5, 0.1, None, None, None, None, 50, 450)
PLACES = tuple(Place.from_key(key) for key in ("right_upper", "right_lower", "left_middle", "left_lower", "left"))


def evidence_with(
    probabilities: Mapping[str, float | None], places: Mapping[str, tuple[Place, ...]] | None = None
) -> Evidence:
    """Evidence with these probabilities; findings that are not named have 1%, those with None are not assessed."""
    items = []
    for finding in FINDINGS:
        value = probabilities.get(finding.name, 0.01)
        point = None if value is None else POINT
        decision: Decision = "unknown"
        if value is not None:
            decision = "present" if value >= POINT.threshold else "possible"
            decision = decision if value >= POINT.possible_threshold else "absent"
        items.append(FindingEvidence(finding, value, point, decision, (places or {}).get(finding.name, ()), None))
    model = {"name": "model", "version": "1", "architecture": "x"}
    return Evidence(tuple(items), "PA", Gate("accepted", frontal=1.0), (), "DX", model)


def drawn_evidence(seed: int, *, unknown: bool = True) -> Evidence:
    """Any findings called, in any company, at any probability and place; now and then some not assessed."""
    draw = random.Random(seed)
    count = draw.choice((0, 1, 2, 3, 4, 5, 7, 10, 14))
    probabilities: dict[str, float | None] = {
        finding.name: draw.choice((0.1, 0.15, 0.2, 0.3, 0.49, 0.5, 0.7, 0.95))
        for finding in draw.sample(FINDINGS, count)
    }
    if unknown and draw.random() < 0.2:
        probabilities |= dict.fromkeys((finding.name for finding in draw.sample(FINDINGS, 2)), None)
    places = {
        name: tuple(draw.sample(PLACES, draw.choice((0, 1, 1, 2))))
        for finding in FINDINGS
        if not finding.diffuse and (probabilities.get(name := finding.name) or 0) >= 0.1
    }
    return evidence_with(probabilities, places)
