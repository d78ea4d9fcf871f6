"""The plan says all that the evidence calls, in order and no more firmly than it is known."""

from collections import Counter
from dataclasses import replace

import pytest
from planned import drawn_evidence, evidence_with

from core.anatomy import Gate, Place
from core.classifier.abnormality import Abnormal
from core.findings import BY_NAME, LABELS
from core.reporting.evidence import Evidence
from core.reporting.plan import MOST_LINES, Plan, Statement, plan_of
from core.reporting.urgency import urgency_of

LOWER = (Place("right", "lower"),)


@pytest.fixture(params=range(60))
def evidence(request: pytest.FixtureRequest) -> Evidence:
    return drawn_evidence(request.param)


def _called(plan: Plan, section: str) -> list[Statement]:
    return [one for one in plan.statements if one.section == section and one.kind == "called"]


def test_each_section_calls_each_called_finding_once_as_certain_as_it_is(evidence: Evidence) -> None:
    plan = plan_of(evidence)
    expected = {item.finding.name: item.certainty for item in evidence.decided("present", "possible")}
    for section in ("findings", "impression"):
        stated = [(name, one.certainty) for one in _called(plan, section) for name in one.findings]
        assert dict(stated) == expected
        assert len(stated) == len(expected)


def test_places_are_those_of_every_finding_of_a_statement(evidence: Evidence) -> None:
    places = {item.finding.name: item.places for item in evidence.findings}
    for one in _called(plan_of(evidence), "findings"):
        assert {places[name] for name in one.findings} == {one.places}
    for one in _called(plan_of(evidence), "impression"):
        assert one.places == () or {places[name] for name in one.findings} == {one.places}


def test_what_is_pressing_comes_first_and_then_the_more_probable(evidence: Evidence) -> None:
    stated = [name for one in _called(plan_of(evidence), "findings") for name in one.findings]
    pressing = [item.finding.name for item in urgency_of(evidence.findings).because]
    leading = [one.findings[0] for one in _called(plan_of(evidence), "findings")]
    assert stated[:1] == (pressing or [item.finding.name for item in evidence.decided("present", "possible")])[:1]
    # Look-alikes of a family stand beside its first; apart from them the order is kept.
    alone = [name for name in leading if name not in ("Pneumonia", "Consolidation", "Infiltration", "Mass", "Nodule")]
    chance = {item.finding.name: item.probability or 0 for item in evidence.findings}
    expected = sorted(alone, key=lambda name: (name not in pressing, 0 if name in pressing else -chance[name]))
    assert [name for name in alone if name not in pressing] == [name for name in expected if name not in pressing]
    assert [name for name in alone if name in pressing] == [name for name in pressing if name in alone]


def test_the_impression_has_four_lines_at_most_and_one_of_low_confidence(evidence: Evidence) -> None:
    lines = _called(plan_of(evidence), "impression")
    low = [one for one in lines if one.certainty == "cannot_be_excluded"]
    assert len(low) <= 1
    assert len(lines) - len(low) <= MOST_LINES
    assert low == lines[len(lines) - len(low) :]
    named = {name for one in lines for name in one.findings}
    assert {item.finding.name for item in urgency_of(evidence.findings).because} <= named


def test_nothing_is_denied_that_is_called_or_looks_like_it(evidence: Evidence) -> None:
    called = {item.finding.name for item in evidence.decided("present", "possible")}
    denied = {name for one in plan_of(evidence).statements if one.kind == "not_called" for name in one.findings}
    assert all(item.decision == "absent" for item in evidence.findings if item.finding.name in denied)
    for name in denied:
        assert not called & set(BY_NAME[name].resembles)
        assert not any(name in BY_NAME[other].resembles for other in called)


def test_one_pooled_statement_tells_what_is_not_called(evidence: Evidence) -> None:
    kinds = Counter(one.kind for one in plan_of(evidence).section("findings"))
    assert kinds["not_called"] <= 1
    assert bool(kinds["not_called"]) != bool(kinds["lungs"]) or not evidence.decided("absent") or kinds["called"]


def test_look_alikes_of_one_certainty_and_place_are_one_statement() -> None:
    plan = plan_of(
        evidence_with(
            {"Pneumonia": 0.3, "Infiltration": 0.4, "Consolidation": 0.25, "Cardiomegaly": 0.35, "Mass": 0.6},
            {"Pneumonia": LOWER, "Infiltration": LOWER},
        )
    )
    assert [(one.findings, one.certainty, one.places) for one in _called(plan, "findings")] == [
        (("Pneumonia", "Infiltration"), "possible", LOWER),
        (("Consolidation",), "possible", ()),
        (("Mass",), "likely", ()),
        (("Cardiomegaly",), "possible", ()),
    ]


def test_a_normal_chest_is_three_statements_and_a_conclusion() -> None:
    plan = plan_of(evidence_with({}))
    assert [(one.section, one.kind) for one in plan.statements] == [
        ("findings", "heart"),
        ("findings", "lungs"),
        ("findings", "pleura"),
        ("impression", "chest"),
    ]
    assert plan.statements[-1].findings == LABELS


def test_a_chest_that_is_abnormal_as_a_whole_is_not_called_normal() -> None:
    whole = replace(evidence_with({}), abnormal=Abnormal(0.6, 0.5, (0.4, 0.8)))
    (line,) = plan_of(whole).section("impression")
    assert line.kind == "note"
    assert "60%" in line.text
    assert {one.kind for one in plan_of(whole).section("findings")} == {"not_called"}
    for other in (Abnormal(0.4, 0.5, (0.2, 0.6)), Abnormal(0.9, None, (0.8, 1.0))):
        assert plan_of(replace(whole, abnormal=other)).section("impression")[0].kind == "chest"


def test_what_the_model_does_not_know_is_neither_called_nor_denied() -> None:
    plan = plan_of(evidence_with({"Hernia": None, "Effusion": 0.7}))
    assert [one.kind for one in plan.statements if "Hernia" in one.findings] == ["not_assessed"]
    assert plan_of(evidence_with({"Hernia": None})).section("impression")[0].kind == "not_called"


def test_doubts_about_the_picture_stand_as_notes() -> None:
    evidence = replace(evidence_with({}), warnings=("The polarity was corrected.",))
    assert [(one.kind, one.text) for one in plan_of(evidence).section("technique")] == [
        ("note", "The polarity was corrected.")
    ]


@pytest.mark.parametrize("gate", [Gate("unsure", frontal=0.4), Gate("refused", frontal=0.1, forced=True)])
def test_of_a_picture_that_may_be_no_chest_nothing_is_denied(gate: Gate) -> None:
    nothing = plan_of(replace(evidence_with({}), gate=gate))
    assert {one.kind for one in nothing.statements} == {"note"}
    called = plan_of(replace(evidence_with({"Effusion": 0.7}), gate=gate))
    assert [one.kind for one in called.section("findings")] == ["called", "note"]
    assert "doubtful" in called.section("findings")[1].text
