"""Clean texts, changed in one way: always caught."""

import random
import re
from collections.abc import Iterator

import pytest
from guard_cases import random_evidence

from core.findings import BY_NAME, LABELS
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft, ViolationKind, examine, repair
from core.reporting.guard.text import divide

# Of each kind of change at least this many are tried.
FEWEST = 30
ROUNDS = 100
BONES = "No acute osseous abnormality."


def clean_drafts() -> Iterator[tuple[Draft, Evidence]]:
    """Drafts that name what is called in the words of a radiologist, on random evidence."""
    generator = random.Random(5)
    for _ in range(ROUNDS):
        evidence = random_evidence(generator)
        draft = repair(Draft("", ""), evidence)
        if draft.findings and draft.impression:
            yield draft, evidence


@pytest.fixture(scope="module")
def clean() -> list[tuple[Draft, Evidence]]:
    drafts = list(clean_drafts())
    assert all(examine(*one) == () for one in drafts)
    return drafts


def kinds(draft: Draft, evidence: Evidence) -> set[ViolationKind]:
    return {violation.kind for violation in examine(draft, evidence)}


def test_a_denied_finding_is_caught_when_asserted(clean) -> None:
    tried = 0
    for draft, evidence in clean:
        for sentence in divide(draft.findings):
            if sentence.startswith("No "):
                positive = sentence.removeprefix("No ").replace(" or ", " and ").capitalize()
                changed = Draft(draft.findings.replace(sentence, positive), draft.impression)
                assert "added" in kinds(changed, evidence), changed
                tried += 1
    assert tried >= FEWEST


def test_a_called_finding_is_caught_when_denied(clean) -> None:
    tried = 0
    for draft, evidence in clean:
        for item in evidence.decided("present", "possible"):
            phrase = item.finding.phrase
            sentence = next(one for one in divide(draft.findings) if phrase in one.lower())
            changed = Draft(draft.findings.replace(sentence, f"No {phrase}."), draft.impression)
            assert kinds(changed, evidence) >= {"flipped", "dropped"}, changed
            tried += 1
    assert tried >= FEWEST


def test_a_finding_is_caught_when_its_sentence_is_dropped(clean) -> None:
    tried = 0
    for draft, evidence in clean:
        for section in ("findings", "impression"):
            called = evidence.decided("present", "possible")
            wanted = [item for item in called if section == "findings" or item.certainty == "likely"]
            sentences = divide(getattr(draft, section))
            for item in wanted:
                kept = [one for one in sentences if item.finding.phrase not in one.lower()]
                parts = {"findings": draft.findings, "impression": draft.impression, section: " ".join(kept)}
                found = examine(Draft(**parts), evidence)
                assert ("dropped", (item.finding.name,)) in {(one.kind, one.findings) for one in found}
                tried += 1
    assert tried >= FEWEST


def test_a_side_is_caught_when_swapped(clean) -> None:
    other = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
    tried = 0
    for draft, evidence in clean:
        changed = re.sub(r"\b(?:left|right)\b", lambda one: other[one[0].lower()], draft.findings, flags=re.IGNORECASE)
        if changed != draft.findings:
            assert "side" in kinds(Draft(changed, draft.impression), evidence), changed
            tried += 1
    assert tried >= FEWEST


@pytest.mark.parametrize("hedge", ["Possible {}", "{} cannot be excluded", "There may be {}"])
def test_a_certain_finding_is_caught_when_hedged(clean, hedge: str) -> None:
    tried = 0
    for draft, evidence in clean:
        for item in (one for one in evidence.decided("present", "possible") if one.certainty == "likely"):
            phrase = item.finding.phrase
            sentence = next(one for one in divide(draft.findings) if phrase in one.lower())
            doubtful = hedge.format(phrase).capitalize() + "."
            changed = Draft(draft.findings.replace(sentence, doubtful), draft.impression)
            assert "made_uncertain" in kinds(changed, evidence), changed
            tried += 1
    assert tried >= FEWEST


def test_a_possible_finding_is_caught_when_made_certain(clean) -> None:
    tried = 0
    for draft, evidence in clean:
        for item in (one for one in evidence.decided("present", "possible") if one.certainty != "likely"):
            phrase = item.finding.phrase
            sentence = next(one for one in divide(draft.findings) if phrase in one.lower())
            certain = f"{phrase.capitalize()}."
            assert "made_certain" in kinds(Draft(draft.findings.replace(sentence, certain), draft.impression), evidence)
            tried += 1
    assert tried >= FEWEST


@pytest.mark.parametrize(
    ("addition", "kind"),
    [
        (BONES, "outside"),
        ("The mediastinum is unremarkable.", "outside"),
        ("Recommend follow-up.", "recommendation"),
        ("Pacemaker is seen.", "device"),
        ("Unchanged since the prior examination.", "comparison"),
        ("Measuring 2 cm.", "measurement"),
        ("History of cough.", "history"),
    ],
)
def test_an_addition_is_caught_in_either_section(clean, addition: str, kind: ViolationKind) -> None:
    for draft, evidence in clean:
        assert kind in kinds(Draft(f"{draft.findings} {addition}", draft.impression), evidence)
        assert kind in kinds(Draft(draft.findings, f"{addition} {draft.impression}"), evidence)


def test_a_normal_chest_is_caught_when_anything_is_called(clean) -> None:
    tried = 0
    for draft, evidence in clean:
        if evidence.decided("present", "possible"):
            changed = Draft(draft.findings, f"{draft.impression} No cardiopulmonary abnormality.")
            assert "contradiction" in kinds(changed, evidence)
            tried += 1
    assert tried >= FEWEST


def test_a_finding_that_is_not_assessed_is_caught_when_mentioned(clean) -> None:
    tried = 0
    for draft, evidence in clean:
        for item in evidence.decided("unknown"):
            for sentence in (f"No {item.finding.phrase}.", f"{item.finding.phrase.capitalize()} is present."):
                assert "added" in kinds(Draft(f"{draft.findings} {sentence}", draft.impression), evidence)
            tried += 1
    assert tried >= FEWEST


def test_repair_takes_every_such_change_back(clean) -> None:
    """Whatever was changed, the repaired draft is clean and names what the evidence calls."""
    generator = random.Random(6)
    phrases = [BY_NAME[name].phrase for name in LABELS]
    for draft, evidence in clean:
        sentences = list(divide(draft.findings))
        generator.shuffle(sentences)
        kept = sentences[: generator.randint(0, len(sentences))]
        wrong = [
            f"{generator.choice(['No', 'Possible', 'Small left', 'Stable'])} {generator.choice(phrases)}.",
            f"Heart size and bony structures are normal, with {generator.choice(phrases)}.",
            generator.choice([BONES, "Recommend CT.", "The lungs are clear.", "No acute disease."]),
        ]
        changed = Draft(" ".join(kept + wrong), " ".join(wrong))
        mended = repair(changed, evidence)
        assert examine(mended, evidence) == (), (changed, mended)
