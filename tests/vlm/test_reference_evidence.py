import pytest

from core.anatomy import Place
from core.findings import LABELS
from core.reporting.evidence import Decision
from core.reporting.templater import write_report
from core.vlm.reference_evidence import evidence_from_decisions, evidence_from_report, stated_places

REPORT = (
    "The heart is enlarged. Small left pleural effusion with bibasilar atelectasis. Possible right upper lobe "
    "pneumonia. No pneumothorax. Mild pulmonary edema, greater on the right."
)


def decisions(report: str) -> dict[str, str]:
    return {item.finding.name: item.decision for item in evidence_from_report(report, study_id="1").findings}


def places(report: str) -> dict[str, list[str]]:
    return {
        item.finding.name: [place.key for place in item.places]
        for item in evidence_from_report(report, study_id="1").findings
    }


def test_the_labels_of_the_report_become_decisions() -> None:
    found = decisions(REPORT)
    assert list(found) == list(LABELS)
    assert {name for name, decision in found.items() if decision == "present"} == {
        "Cardiomegaly",
        "Effusion",
        "Atelectasis",
        "Edema",
    }
    assert [name for name, decision in found.items() if decision == "possible"] == ["Pneumonia"]
    assert "unknown" not in found.values()


def test_a_report_without_words_shows_nothing() -> None:
    assert set(decisions("").values()) == {"absent"}


def test_sides_become_places_and_diffuse_findings_have_none() -> None:
    found = places(REPORT)
    assert found["Effusion"] == ["left_lower_zone"]
    assert found["Atelectasis"] == ["right_lower_zone", "left_lower_zone"]
    assert found["Pneumonia"] == ["right_upper_zone"]
    assert found["Edema"] == []
    assert found["Cardiomegaly"] == []
    assert found["Pneumothorax"] == []


def test_a_side_that_is_not_stated_is_not_invented() -> None:
    assert places("There is a nodule.")["Nodule"] == []


def test_the_side_of_the_statement_that_decides_is_taken() -> None:
    assert places("No left pleural effusion. Right pleural effusion.")["Effusion"] == ["right_lower_zone"]


@pytest.mark.parametrize("report", [REPORT, "", "Possible nodule, mass, effusion or consolidation."])
def test_every_probability_reads_back_as_its_decision(report: str) -> None:
    for study in range(200):
        for item in evidence_from_report(report, study_id=str(study)).findings:
            point = item.operating_point
            assert item.probability is not None
            assert point is not None
            called = item.probability >= point.possible_threshold
            read = "absent" if not called else "present" if item.probability >= point.threshold else "possible"
            assert read == item.decision


def test_a_study_has_the_same_draw_in_every_run_and_studies_differ() -> None:
    assert evidence_from_report(REPORT, study_id="7") == evidence_from_report(REPORT, study_id="7")
    assert evidence_from_report(REPORT, study_id="7") != evidence_from_report(REPORT, study_id="8")


def test_the_template_writes_from_it() -> None:
    report = write_report(evidence_from_report(REPORT, study_id="1", view="PA"))
    assert "PA, as stated in the file." in [sentence.text for sentence in report.sentences]


def test_given_decisions_hold_and_the_report_gives_the_side() -> None:
    decisions: list[Decision] = ["unknown"] * len(LABELS)
    decisions[LABELS.index("Effusion")] = "present"
    places = stated_places("Left pleural effusion. Right lower lobe mass.", decisions)
    found = evidence_from_decisions(decisions, places, seed="1").findings
    assert [item.decision for item in found] == decisions
    assert found[LABELS.index("Effusion")].places == (Place("left", "lower"),)
    assert [item.places for item in found if item.decision == "unknown"] == [()] * 13
    assert [item.probability for item in found if item.decision == "unknown"] == [None] * 13
