"""The template and the labeler understand each other, whatever the evidence."""

import random

from guard_cases import random_evidence

from core.labeler import presences
from core.reporting.guard import Draft, examine
from core.reporting.templater import write_report

ROUNDS = 1_000
SAID = {"likely": {"present"}, "possible": {"uncertain"}, "cannot_be_excluded": {"uncertain"}}
UNCALLED = {"absent": {"absent", "not mentioned"}, "unknown": {"not mentioned"}}


def test_labels_come_back_from_the_template_exactly_and_the_guard_lets_it_stand() -> None:
    generator = random.Random(20)
    for _ in range(ROUNDS):
        evidence = random_evidence(generator)
        report = write_report(evidence)
        draft = Draft(report.text("findings"), report.text("impression"))
        found = presences(f"{draft.findings}\n\n{draft.impression}")
        for item in evidence.findings:
            said = found.get(item.finding.name, "not mentioned")
            wanted = SAID[item.certainty] if item.certainty else UNCALLED[item.decision]
            assert said in wanted, (item.finding.name, item.decision, draft)
        if draft.impression:
            assert examine(draft, evidence) == (), draft
