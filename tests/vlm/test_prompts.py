"""Prompts state the evidence, and replies come apart whatever their form."""

import random
import re

import pytest

from core.anatomy import Place
from core.findings import FINDINGS
from core.labeler import presences
from core.reporting.guard import Draft
from core.reporting.plan import clear_findings
from core.vlm.composition import random_evidence
from core.vlm.prompts import (
    STEPS,
    STYLES,
    Reply,
    evidence_units,
    read_reply,
    reasoning_steps,
    render_prompt,
    write_reply,
)
from core.vlm.reference_evidence import evidence_from_decisions

DRAFT = Draft("The heart is enlarged. The lungs are clear.", "Cardiomegaly.")


def evidence(**decisions):
    values = [decisions.get(finding.name, "absent") for finding in FINDINGS]
    left = (Place("left", "lower"),)
    places = [left if name in decisions and name == "Effusion" else () for name in (f.name for f in FINDINGS)]
    return evidence_from_decisions(values, places, seed="x", view="PA")


@pytest.mark.parametrize("style", STYLES)
def test_a_prompt_states_each_finding_once_with_side_decision_and_band(style):
    given = evidence(Effusion="present", Nodule="possible", Mass="unknown")
    lines = render_prompt(given, style).splitlines()
    assert "View: PA" in lines
    assert "lung mass: unknown" in lines
    for finding in FINDINGS:
        (line,) = [line for line in lines if re.match(rf"((left|right|bilateral) )?{finding.phrase}: ", line)]
        side = "left " if finding.name == "Effusion" else ""
        decision = {"Effusion": "present", "Nodule": "possible", "Mass": "unknown"}.get(finding.name, "absent")
        band = "" if decision == "unknown" else r" \((very low|low|moderate|high|very high)\)"
        assert re.fullmatch(f"{side}{finding.phrase}: {decision}{band}", line)


def test_every_statement_of_a_prompt_is_one_of_the_units():
    draw = random.Random(4)
    units = set(evidence_units())
    for _ in range(100):
        for line in render_prompt(random_evidence(draw)).splitlines()[2:]:
            statement, _, band = line.partition(" (")
            assert statement in units
            assert not band or f" ({band}" in units


def test_a_prompt_gives_bands_and_no_figures():
    assert not any(sign in render_prompt(evidence(Effusion="present")) for sign in "0123456789%")


def test_a_prompt_carries_the_clinical_context_only_when_there_is_one():
    assert "Clinical context" not in render_prompt(evidence())
    assert render_prompt(evidence(), context="age 72; sex F").endswith("Clinical context: age 72; sex F")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(DRAFT),
        Reply(DRAFT, technique="Single frontal chest radiograph.", view="PA."),
        Reply(DRAFT, steps=tuple(f"Step about part {number}." for number in "abcdefghij")),
    ],
)
def test_a_written_reply_is_read_back(reply):
    assert read_reply(write_reply(reply)) == reply


def test_headings_are_read_in_any_case_and_on_one_line():
    reply = read_reply("Technique: One view.\nview: AP.\nFindings: Lungs are\nclear.\nIMPRESSION: Normal lungs.")
    assert reply == Reply(Draft("Lungs are clear.", "Normal lungs."), technique="One view.", view="AP.")


@pytest.mark.parametrize(
    "heads", [("**Findings:**", "**Impression:**"), ("## Findings", "## Impression"), ("Findings.", "IMPRESSION")]
)
def test_headings_are_read_as_models_of_all_kinds_write_them(heads):
    reply = read_reply(f"{heads[0]}\nThe heart is normal.\n\n{heads[1]}\nFindings of the heart are normal.")
    assert reply.draft == Draft("The heart is normal.", "Findings of the heart are normal.")


@pytest.mark.parametrize("text", ["", "The lungs are clear.", "FINDINGS:", "<|user|>", "IMPRESSION:\n\nFINDINGS:\n"])
def test_a_reply_without_sections_is_an_empty_draft(text):
    assert read_reply(text).draft == Draft("", "")


@pytest.mark.parametrize("numbers", [range(1, 10), range(1, 12), [*range(1, 10), 9], range(2, 12)])
def test_reasoning_counts_only_with_exactly_ten_steps_in_order(numbers):
    text = "\n".join(f"{number}. A step." for number in numbers) + "\n\nFINDINGS:\nClear lungs.\n\nIMPRESSION:\nNormal."
    assert read_reply(text).steps == ()
    assert read_reply(text).draft == Draft("Clear lungs.", "Normal.")


def test_ten_reasoning_steps_say_what_the_evidence_says():
    draw = random.Random(3)
    for _ in range(200):
        given = random_evidence(draw)
        steps = reasoning_steps(given)
        assert len(steps) == STEPS
        found = presences(" ".join(steps[1:-1]))
        for item in given.findings:
            expected = {"present": "present", "possible": "uncertain", "absent": "absent", "unknown": None}
            said = expected[item.decision]
            # What looks like a finding that is called is left unsaid.
            if item.decision == "absent" and item.finding.name not in clear_findings(given):
                said = None
            assert found.get(item.finding.name) == said, (item.finding.name, steps)
