"""Evidence for the tests of the guard."""

import random

from core.anatomy import Gate, Place
from core.anatomy.place import Zone
from core.classifier.policies import OperatingPoint
from core.findings import FINDINGS
from core.reporting.evidence import Decision, Evidence, FindingEvidence

POINT = OperatingPoint(0.4, 0.2, 0.8, 0.8, 0.9, 0.6, 10, 10)
PROBABILITIES: dict[Decision, float | None] = {"present": 0.7, "possible": 0.3, "absent": 0.1, "unknown": None}
ZONES: tuple[Zone, ...] = ("upper", "middle", "lower")
PLACES: list[tuple[Place, ...]] = [
    *((Place(side, zone),) for side in ("left", "right") for zone in ZONES),
    *((Place("right", zone), Place("left", zone)) for zone in ZONES),
    (Place("right", "upper"), Place("left", "lower")),
    (Place("left"),),
    (),
]


def evidence_of(findings: str = "") -> Evidence:
    """Evidence in shorthand: ``"+Effusion ?Edema 0Hernia"`` is present, possible, unknown; all others are absent.

    Places may follow: ``"+Effusion@left_lower"``, several joined by ``&``.
    """
    signs: dict[str, Decision] = {"+": "present", "?": "possible", "0": "unknown", "-": "absent"}
    decisions: dict[str, Decision] = {}
    places: dict[str, tuple[Place, ...]] = {}
    for part in findings.split():
        name, _, place = part[1:].partition("@")
        decisions[name] = signs[part[0]]
        if place:
            places[name] = tuple(map(Place.from_key, place.split("&")))
    items = []
    for finding in FINDINGS:
        decision = decisions.get(finding.name, "absent")
        known = decision != "unknown"
        items.append(
            FindingEvidence(
                finding,
                PROBABILITIES[decision],
                POINT if known else None,
                decision,
                places.get(finding.name, ()),
                None,
            )
        )
    assert set(decisions) | set(places) <= {item.finding.name for item in items}
    return _whole(items)


def random_evidence(generator: random.Random) -> Evidence:
    """Any combination of decisions, probabilities and places, from nothing called to everything called."""
    weights = [generator.random() ** 2 + 0.01 for _ in PROBABILITIES]
    items = []
    for finding in FINDINGS:
        (decision,) = generator.choices(list(PROBABILITIES), weights)
        # A few values of each kind, so that sentences repeat and the test stays fast.
        low, high = generator.choice([(0.009, 0.0145), (0.14, 0.333), (0.55, 0.8)])
        chance = {"present": generator.choice([high, 1.0]), "possible": low, "absent": 0.001}.get(decision)
        point = OperatingPoint(high, low, None, None, None, None, 0, 0) if decision != "unknown" else None
        placed = decision in ("present", "possible") and not finding.diffuse
        where = generator.choice(PLACES) if placed else ()
        items.append(FindingEvidence(finding, chance, point, decision, where, None))
    return _whole(items)


def _whole(items: list[FindingEvidence]) -> Evidence:
    model = {"name": "model", "version": "1", "architecture": "x"}
    return Evidence(tuple(items), "PA", Gate("accepted", frontal=1.0), (), "DX", model)
