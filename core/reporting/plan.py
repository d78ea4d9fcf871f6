"""``Evidence`` to ``Plan``: what a report says, in which order, grouped, how certain and where, before it is worded.

Template and language model both word the same plan, so that neither can add to it, leave out of it or reorder it.

- Findings: what is called, the pressing ones first (``core.reporting.urgency``), then by probability. Look-alikes stand
  together, and in one statement where their certainty and places are the same; none loses its own label. Then what is
  not called: three statements for a normal chest, one pooled statement beside anything called. Of a picture that may be
  no frontal chest nothing is denied.
- Impression: what is called as likely or possible in at most four statements, then all low-confidence calls in one.
- Notes, such as doubts about the picture, are sentences that stand as they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.anatomy import Place
from core.findings import FINDINGS, LABELS
from core.reporting.certainty import Certainty
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.report import Section
from core.reporting.urgency import urgency_of
from core.reporting.wording import LUNG

StatementKind = Literal["called", "heart", "lungs", "pleura", "chest", "not_called", "not_assessed", "note"]

# Findings that look alike on one film, so that a reader weighs them against each other.
LOOK_ALIKES: tuple[tuple[str, ...], ...] = (("Pneumonia", "Consolidation", "Infiltration"), ("Mass", "Nodule"))
# Statements of an impression that call something as likely or possible, at most.
MOST_LINES = 4

_NORMAL: tuple[tuple[StatementKind, tuple[str, ...]], ...] = (
    ("heart", ("Cardiomegaly",)),
    ("lungs", LUNG),
    ("pleura", ("Effusion", "Pneumothorax")),
)
# What a reader wants to see denied first.
_DENIED_FIRST = ("Pneumothorax", "Effusion", "Consolidation", "Pneumonia", "Edema")
_LOWEST: Certainty = "cannot_be_excluded"
_NOTHING_DENIED = "Nothing is said to be absent, because it is doubtful that this is a frontal chest radiograph."


@dataclass(frozen=True)
class Statement:
    """One thing that a report says.

    Attributes:
        section: where it stands.
        kind: ``called``: its findings are there, as certain as ``certainty``; ``heart``, ``lungs``, ``pleura``,
            ``chest``: that part is normal; ``not_called``: its findings are not called; ``not_assessed``: the model
            does not know them; ``note``: ``text`` as it stands.
        findings: names of all findings that it rests on, the foremost first.
        certainty: of what is called; None for any other kind.
        places: of all its findings, the foremost first; empty where no place may be named.
        text: of a note, one sentence or more; empty for any other kind.
    """

    section: Section
    kind: StatementKind
    findings: tuple[str, ...] = ()
    certainty: Certainty | None = None
    places: tuple[Place, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Plan:
    """All that a report says, in reading order."""

    statements: tuple[Statement, ...]

    def section(self, name: Section) -> tuple[Statement, ...]:
        """The statements of one section."""
        return tuple(one for one in self.statements if one.section == name)


def plan_of(evidence: Evidence) -> Plan:
    """Decide what is said of the evidence."""
    called = _called(evidence)
    notes = [Statement("technique", "note", text=warning) for warning in evidence.warnings]
    findings = [*called, *_unremarkable(evidence)]
    if unknown := _names(evidence.decided("unknown")):
        findings.append(Statement("findings", "not_assessed", unknown))
    return Plan((*notes, *findings, *_impression(called, evidence)))


def clear_findings(evidence: Evidence) -> tuple[str, ...]:
    """Names of the absent findings that may be denied, those that a reader looks for first ahead.

    A finding that looks much like one that is called, seen from either of the two (see ``Finding.resembles``), is left
    unsaid: "no consolidation" beside a pneumonia would read as a contradiction.
    """
    called = set(_names(evidence.decided("present", "possible")))
    silent = {name for finding in FINDINGS if finding.name in called for name in finding.resembles}
    silent |= {finding.name for finding in FINDINGS if called & set(finding.resembles)}
    absent = [name for name in _names(evidence.findings) if name in _names(evidence.decided("absent"))]
    clear = [name for name in absent if name not in silent]
    return tuple(sorted(clear, key=lambda name: (*_DENIED_FIRST, name).index(name)))


def _called(evidence: Evidence) -> list[Statement]:
    """What Findings calls: look-alikes beside each other, and as one where they agree in certainty and places."""
    pressing = [item.finding.name for item in urgency_of(evidence.findings, undoubted=evidence.undoubted).because]
    ordered = sorted(
        evidence.decided("present", "possible"),
        key=lambda item: pressing.index(item.finding.name) if item.finding.name in pressing else len(pressing),
    )
    families: dict[tuple[str, ...], list[FindingEvidence]] = {}
    for item in ordered:
        name = item.finding.name
        families.setdefault(next((family for family in LOOK_ALIKES if name in family), (name,)), []).append(item)
    statements: list[Statement] = []
    for members in families.values():
        alike: dict[tuple[Certainty | None, tuple[Place, ...]], list[FindingEvidence]] = {}
        for item in members:
            alike.setdefault((item.certainty, item.places), []).append(item)
        for (certainty, places), items in alike.items():
            statements.append(Statement("findings", "called", _names(items), certainty, places))
    return statements


def _unremarkable(evidence: Evidence) -> list[Statement]:
    """What Findings says of all that is not called."""
    if not evidence.undoubted:
        return [Statement("findings", "note", text=_NOTHING_DENIED)]
    clear = clear_findings(evidence)
    if set(clear) == set(LABELS) and not _abnormal_as_a_whole(evidence):
        return [Statement("findings", kind, names) for kind, names in _NORMAL]
    return [Statement("findings", "not_called", clear)] if clear else []


def _impression(called: Sequence[Statement], evidence: Evidence) -> list[Statement]:
    if called:
        lines = [one for one in called if one.certainty != _LOWEST]
        while len(lines) > MOST_LINES:
            lines = _pooled(lines)
        lowest = tuple(name for one in called if one.certainty == _LOWEST for name in one.findings)
        if lowest:
            places = next((one.places for one in called if one.findings == lowest), ())
            lines.append(Statement("findings", "called", lowest, _LOWEST, places))
        return [Statement("impression", "called", one.findings, one.certainty, one.places) for one in lines]
    if evidence.abnormal is not None and _abnormal_as_a_whole(evidence):
        text = (
            "No single finding is called, but this model calls the radiograph as a whole abnormal "
            f"(probability {evidence.abnormal.probability:.0%})."
        )
        return [Statement("impression", "note", text=text)]
    if not evidence.undoubted:
        return [Statement("impression", "note", text="No finding is called.")]
    clear = clear_findings(evidence)
    if set(clear) == set(LABELS):
        return [Statement("impression", "chest", LABELS)]
    return [Statement("impression", "not_called", clear)] if clear else []


def _pooled(lines: list[Statement]) -> list[Statement]:
    """The statements with the last two of one certainty as one, at the place of the first, whose places it keeps no
    longer unless both have the same."""
    for later in reversed(range(len(lines))):
        for earlier in reversed(range(later)):
            one, other = lines[earlier], lines[later]
            if one.certainty == other.certainty:
                places = one.places if one.places == other.places else ()
                both = Statement(one.section, "called", (*one.findings, *other.findings), one.certainty, places)
                return [*lines[:earlier], both, *lines[earlier + 1 : later], *lines[later + 1 :]]
    raise AssertionError("two of more than four statements of two certainties always agree in it")


def _abnormal_as_a_whole(evidence: Evidence) -> bool:
    whole = evidence.abnormal
    return whole is not None and whole.threshold is not None and whole.probability >= whole.threshold


def _names(items: Iterable[FindingEvidence]) -> tuple[str, ...]:
    return tuple(item.finding.name for item in items)
