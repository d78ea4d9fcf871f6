"""The template words the plan, and nothing beside it."""

import re
from dataclasses import replace

import pytest
from planned import drawn_evidence, evidence_with

from core.anatomy import Place
from core.findings import BY_NAME, FINDINGS, LABELS
from core.labeler import presences
from core.reporting.evidence import Evidence
from core.reporting.plan import plan_of
from core.reporting.templater import write_report


@pytest.fixture(params=range(60))
def evidence(request: pytest.FixtureRequest) -> Evidence:
    return drawn_evidence(request.param)


def test_each_statement_is_one_sentence_that_names_its_findings(evidence: Evidence) -> None:
    sentences = write_report(evidence).sentences
    for section in ("findings", "impression"):
        written = [one for one in sentences if one.section == section]
        planned = plan_of(evidence).section(section)
        assert [one.findings for one in written] == [one.findings for one in planned]
        for sentence, statement in zip(written, planned, strict=True):
            if statement.kind in ("called", "not_called", "not_assessed"):
                named = {one.name for one in FINDINGS if re.search(rf"\b{one.phrase}\b", sentence.text.lower())}
                if "The lungs are clear" in sentence.text:
                    named |= {one.name for one in FINDINGS if one.group == "lung"}
                assert named == set(statement.findings)


def test_the_text_reads_as_the_evidence(evidence: Evidence) -> None:
    report = write_report(evidence)
    for section in ("findings", "impression"):
        found = presences(
            " ".join(one.text for one in report.sentences if one.section == section and one.kind != "note")
        )
        for item in evidence.findings:
            said = found.get(item.finding.name, "not mentioned")
            if item.certainty is None:
                assert said in ("absent", "not mentioned")
            else:
                assert said == ("present" if (item.probability or 0) >= 0.5 else "uncertain")


def test_findings_give_the_probability_of_each_call(evidence: Evidence) -> None:
    chance = {item.finding.name: item.probability for item in evidence.findings}
    for sentence in write_report(evidence).sentences:
        if sentence.section == "findings" and sentence.kind == "finding":
            told = [float(figure) for figure in re.findall(r"([\d.]+)%", sentence.text)]
            assert told == pytest.approx([100 * chance[name] for name in sentence.findings], abs=0.51)


def test_a_side_or_zone_stands_only_where_the_evidence_has_a_place(evidence: Evidence) -> None:
    places = {item.finding.name: item.places for item in evidence.findings}
    for sentence in write_report(evidence).sentences:
        if re.search(r"\b(left|right|both|bilateral|upper|middle|lower)\b", sentence.text):
            assert sentence.kind == "finding"
            for name in sentence.findings:
                sides = {place.side for place in places[name]}
                assert sides
                for side in ("left", "right"):
                    assert side not in sentence.text.lower() or side in sides


@pytest.mark.parametrize(
    ("name", "places", "text"),
    [
        ("Pneumonia", [("right", "lower")], "Likely pneumonia in the right lower zone."),
        ("Pneumonia", [("right", "lower"), ("left", "lower")], "Likely pneumonia in both lower zones."),
        ("Pneumonia", [("right", "upper"), ("left", None)], "Likely pneumonia in the right upper zone and left lung."),
        ("Effusion", [("left", "lower")], "Likely left pleural effusion."),
        ("Effusion", [("left", "lower"), ("right", "lower")], "Likely bilateral pleural effusion."),
        ("Cardiomegaly", [], "Likely cardiomegaly."),
    ],
)
def test_a_place_is_worded_as_it_lies(name: str, places: list[tuple[str, str]], text: str) -> None:
    evidence = evidence_with({name: 0.7}, {name: tuple(Place(*place) for place in places)})
    assert write_report(evidence).text("impression") == text


def test_a_normal_chest_reads_like_a_normal_report() -> None:
    report = write_report(evidence_with({}))
    assert report.text("findings") == (
        "The heart is not enlarged. The lungs are clear. There is no pleural effusion or pneumothorax."
    )
    assert report.text("impression") == "No acute cardiopulmonary abnormality."
    assert set().union(*(one.findings for one in report.sentences)) == set(LABELS)


def test_unknown_findings_are_neither_called_nor_denied() -> None:
    report = write_report(evidence_with({"Hernia": None}))
    about = [one for one in report.sentences if "Hernia" in one.findings]
    assert [(one.kind, one.text) for one in about] == [("note", "This model does not assess hiatal hernia.")]


def test_view_and_doubts_of_the_file_are_passed_on() -> None:
    evidence = evidence_with({})
    assert write_report(evidence).text("view").startswith("PA")
    doubted = replace(evidence, view=None, warnings=("The polarity was corrected.",))
    assert "Not stated" in write_report(doubted).text("view")
    assert "The polarity was corrected." in write_report(doubted).text("technique")


def test_a_phrase_of_every_finding_is_known_to_the_labeler() -> None:
    for label in LABELS:
        assert presences(f"Possible {BY_NAME[label].phrase}.")[label] == "uncertain"
