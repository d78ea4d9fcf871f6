import json

import pytest
from guard_cases import evidence_of

from core.reporting.guard import Attempt, Draft, Verdict, examine, link, repair, verdict_as_object

EVIDENCE = evidence_of("+Effusion@left_lower_zone ?Pneumonia 0Hernia")
CLEAN = Draft("Left pleural effusion. Possible pneumonia. No pneumothorax.", "Left pleural effusion.")
FAULTY = Draft("Right pleural effusion. Possible pneumonia. The bones are intact.", "Pleural effusion.")


def test_the_record_is_plain_data_that_says_why() -> None:
    mended = repair(FAULTY, EVIDENCE)
    verdict = Verdict("repaired", tuple(Attempt(draft, examine(draft, EVIDENCE)) for draft in (FAULTY, mended)))
    record = json.loads(json.dumps(verdict_as_object(verdict)))
    assert record["action"] == "repaired"
    first, last = record["attempts"]
    assert (first["findings"], first["impression"]) == (FAULTY.findings, FAULTY.impression)
    assert last["violations"] == []
    by_kind = {violation["kind"]: violation for violation in first["violations"]}
    assert by_kind["outside"]["sentence"] == "The bones are intact."
    assert "bones" in by_kind["outside"]["message"]
    assert by_kind["side"]["findings"] == ["Effusion"]


@pytest.mark.parametrize(
    ("findings", "sentence", "mended"),
    [
        ("", "Heart size normal and bones intact.", "Heart size normal."),
        (
            "",
            "The heart size and pulmonary vascularity are within normal limits.",
            "The heart size is within normal limits.",
        ),
        ("", "Heart size, bony structures and the lungs are normal.", "Heart size and the lungs are normal."),
        ("", "No pneumothorax, rib fracture, or pleural effusion.", "No pneumothorax or pleural effusion."),
        (
            "0Nodule",
            "No consolidation, nodule, effusion or pneumothorax is seen.",
            "No consolidation, effusion, or pneumothorax is seen.",
        ),
        ("", "The lungs are clear; the aorta is tortuous.", "The lungs are clear."),
        ("+Cardiomegaly", "Stable cardiomegaly.", "Cardiomegaly is present."),
        ("+Cardiomegaly", "The heart is mildly enlarged.", "The heart is enlarged."),
        ("+Effusion", "There is a small left pleural effusion.", "There is a pleural effusion."),
        ("+Effusion@left_lower_zone", "There is a small left pleural effusion.", "There is a left pleural effusion."),
        ("+Effusion", "Pleural effusion, unchanged.", "Pleural effusion."),
        ("", "No consolidation, but there is a pacemaker.", "No consolidation."),
        ("", "The trachea is midline and the lungs are clear.", "The lungs are clear."),
    ],
)
def test_repair_keeps_the_part_of_a_sentence_that_can_stand(findings: str, sentence: str, mended: str) -> None:
    evidence = evidence_of(findings)
    draft = repair(Draft(f"No pneumothorax is seen. {sentence}", "No pneumothorax."), evidence)
    expected = mended if mended != "Cardiomegaly is present." else "Likely cardiomegaly."
    assert expected in draft.findings
    assert examine(draft, evidence) == ()


def test_repair_states_what_was_dropped_first_and_in_plain_words() -> None:
    mended = repair(Draft("No pneumothorax.", "No pneumothorax."), EVIDENCE)
    assert mended.findings == "Likely left pleural effusion. Possible pneumonia. No pneumothorax."
    assert mended.impression == "Likely left pleural effusion. No pneumothorax."


def test_repair_names_doubtful_findings_where_the_impression_calls_all_else_normal() -> None:
    mended = repair(Draft("Possible pneumonia.", "Otherwise, no acute disease."), evidence_of("?Pneumonia"))
    assert mended.impression == "Possible pneumonia. Otherwise, no acute disease."


def test_repair_drops_repeated_sentences() -> None:
    mended = repair(
        Draft("No pneumothorax. No pneumothorax. " * 3, "No acute disease. No acute disease."), evidence_of()
    )
    assert mended == Draft("No pneumothorax.", "No acute disease.")


def test_repair_drops_what_is_only_called_again_but_keeps_a_place_that_is_new() -> None:
    evidence = evidence_of("+Effusion@left_lower_zone ?Pneumonia")
    said = "Pleural effusion. Left pleural effusion. Possible pneumonia. Left pleural effusion is present."
    draft = Draft(f"{said} Questionable pneumonia without pneumothorax. Pacemaker.", "Left pleural effusion.")
    assert repair(draft, evidence).findings == (
        "Pleural effusion. Left pleural effusion. Possible pneumonia. Questionable pneumonia without pneumothorax."
    )


def test_a_report_that_loses_everything_normal_says_something_that_is_supported() -> None:
    lost = Draft("The bones are intact. Follow-up is recommended.", "Stable chest.")
    assert repair(lost, evidence_of()) == Draft("The lungs are clear.", "No acute cardiopulmonary abnormality.")
    assert repair(lost, evidence_of("+Consolidation")) == Draft(
        "Likely consolidation. No pneumothorax or pleural effusion.", "Likely consolidation."
    )


def test_repair_leaves_a_clean_draft_as_it_is() -> None:
    assert repair(CLEAN, EVIDENCE) == CLEAN


def test_links_name_what_each_sentence_rests_on() -> None:
    evidence = evidence_of("+Effusion@left_lower_zone +Consolidation@left_lower_zone")
    draft = Draft(
        "Left pleural effusion without pneumothorax. Left basilar airspace opacity, consistent with consolidation. "
        "Heart size is normal. The pleural spaces are otherwise clear.",
        "Left pleural effusion.",
    )
    assert [(one.section, one.findings, one.kind) for one in link(draft, evidence)] == [
        ("findings", ("Effusion", "Pneumothorax"), "finding"),
        ("findings", ("Consolidation",), "finding"),
        ("findings", ("Cardiomegaly",), "normal"),
        ("findings", ("Pleural_Thickening", "Pneumothorax"), "normal"),
        ("impression", ("Effusion",), "finding"),
    ]
