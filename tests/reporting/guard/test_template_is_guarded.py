"""The template and the labeler understand each other, whatever the evidence."""

import random

from guard_cases import random_evidence

from core.labeler import presences
from core.reporting.guard import Draft, examine
from core.reporting.templater import write_report

# Each pair of decisions about two findings comes about a hundred times.
ROUNDS = 2_000
SAID = {
    "present": {"present"},
    "possible": {"uncertain"},
    "absent": {"absent", "not mentioned"},
    "unknown": {"not mentioned"},
}


def test_labels_come_back_from_the_template_exactly_and_the_guard_lets_it_stand() -> None:
    generator = random.Random(20)
    for _ in range(ROUNDS):
        evidence = random_evidence(generator)
        report = write_report(evidence)
        draft = Draft(report.text("findings"), report.text("impression"))
        found = presences(f"{draft.findings}\n\n{draft.impression}")
        for item in evidence.findings:
            said = found.get(item.finding.name, "not mentioned")
            assert said in SAID[item.decision], (item.finding.name, item.decision, draft)
        assert examine(draft, evidence) == (), draft
