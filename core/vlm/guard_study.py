"""The writer and the guard on many pieces of evidence: how often each has to step in, and what is shown in the end."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from core.anatomy import admit
from core.classifier import Classifier
from core.findings import LABELS
from core.imaging import read_safely
from core.labeler import presences
from core.reporting import assess
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft, examine
from core.statistics import wilson
from core.vlm.backends import Backend
from core.vlm.composition import random_evidence
from core.vlm.faithfulness import faults_of
from core.vlm.pictures import picture_of
from core.vlm.prompts import stated_decision
from core.vlm.rewrite import Rewrite, rewrite
from core.vlm.written import write_all

_CALLED = ("present", "uncertain")


@dataclass(frozen=True)
class GuardStudy:
    """What came of the evidence sets.

    Attributes:
        sets: their number.
        actions: how many were accepted, repaired, and left to the template.
        sentences: of the rewritten reports, by who chose their words: the ``model``, or the ``rule`` where the sentence
            of the template stands.
        faults: what ``core.vlm.faithfulness`` finds in the texts shown, and how often; there must be none.
        fallback_interval: 95% interval (Wilson) of the share left to the template.
        shown_violations: texts shown in which the guard finds anything; there must be none.
        f1_before, f1_after: micro-F1 of the labels that the labeler reads from the first draft, and from what is shown,
            against the evidence.
        violations: kinds of violations in first drafts, and how often each occurred.
        seconds: median and 95th percentile of the time for one report.
    """

    sets: int
    actions: dict[str, int]
    sentences: dict[str, int]
    faults: dict[str, int]
    fallback_interval: tuple[float, float]
    shown_violations: int
    f1_before: float
    f1_after: float
    violations: dict[str, int]
    seconds: tuple[float, float]


def study_guard(writer: Backend, *, sets: int, seed: int = 0) -> GuardStudy:
    """Write and guard ``sets`` reports for evidence drawn at random (see ``random_evidence``)."""
    draw = random.Random(seed)
    evidences = [random_evidence(draw) for _ in range(sets)]
    return summarise(evidences, write_all(evidences, writer))


def study_images(files: Sequence[Path], classifier: Classifier, writer: Backend) -> GuardStudy:
    """Write and guard the report of each radiograph, with the evidence that the classifier gives.

    Raises:
        ImagingError: a file cannot be read, or is no frontal chest radiograph.
    """
    evidences, written = [], []
    for file in tqdm(files, desc="writing", unit="report", disable=None):
        admitted = admit(read_safely(file.read_bytes()))
        evidences.append(assess(admitted, classifier).evidence)
        written.append(rewrite(picture_of(admitted.radiograph), evidences[-1], writer))
    return summarise(evidences, written)


def summarise(evidences: Sequence[Evidence], written: Sequence[Rewrite]) -> GuardStudy:
    """The figures of reports that were written."""
    sets = len(written)
    actions = Counter(one.verdict.action for one in written)
    first = [one.verdict.attempts[0] for one in written]
    shown = [Draft(one.report.text("findings"), one.report.text("impression")) for one in written]
    times = [one.seconds for one in written]
    return GuardStudy(
        sets=sets,
        actions=dict(actions.most_common()),
        sentences={
            author: sum(one.worded_by(author) for one in written if one.report.source == "vlm")
            for author in ("model", "rule")
        },
        faults=dict(
            Counter(
                fault
                for one, evidence in zip(written, evidences, strict=True)
                for fault, _ in faults_of(one.report, evidence)
            ).most_common()
        ),
        fallback_interval=wilson(actions["fallback"], sets),
        shown_violations=sum(_violates(*case) for case in zip(written, shown, evidences, strict=True)),
        f1_before=_micro_f1([attempt.draft for attempt in first], evidences),
        f1_after=_micro_f1(shown, evidences),
        violations=dict(Counter(found.kind for attempt in first for found in attempt.violations).most_common()),
        seconds=(float(np.median(times)), float(np.percentile(times, 95))),
    )


def in_words(study: GuardStudy) -> str:
    """The study as lines for people."""
    low, high = study.fallback_interval
    share = study.actions.get("fallback", 0) / study.sets
    return "\n".join(
        [
            f"{study.sets} evidence sets: " + ", ".join(f"{name} {count}" for name, count in study.actions.items()),
            f"sentences worded by the model: {study.sentences['model']}, by rule: {study.sentences['rule']}",
            "faults in the texts shown: "
            + (", ".join(f"{fault} {count}" for fault, count in study.faults.items()) or "none"),
            f"left to the template: {share:.1%} [{low:.1%}, {high:.1%}]",
            f"texts shown with a violation: {study.shown_violations}",
            f"label micro-F1 against the evidence: {study.f1_before:.4f} before the guard, {study.f1_after:.4f} after",
            "violations in first drafts: "
            + (", ".join(f"{kind} {count}" for kind, count in study.violations.items()) or "none"),
            f"time for a report: median {study.seconds[0]:.2f} s, 95th percentile {study.seconds[1]:.2f} s",
        ]
    )


def _violates(written: Rewrite, shown: Draft, evidence: Evidence) -> bool:
    return written.report.source == "vlm" and bool(examine(shown, evidence))


def _micro_f1(drafts: Sequence[Draft], evidences: Sequence[Evidence]) -> float:
    """Over all 14 findings: called in the text, and called with the same certainty in the evidence."""
    counts: Counter[str] = Counter()
    for draft, evidence in zip(drafts, evidences, strict=True):
        found = presences(f"FINDINGS: {draft.findings}\nIMPRESSION: {draft.impression}")
        stated = {(name, found[name]) for name in LABELS if found.get(name) in _CALLED}
        truth = {
            (item.finding.name, "present" if stated_decision(item) == "present" else "uncertain")
            for item in evidence.decided("present", "possible")
        }
        counts.update(hit=len(stated & truth), stated=len(stated), truth=len(truth))
    total = counts["stated"] + counts["truth"]
    return 2 * counts["hit"] / total if total else 1.0
