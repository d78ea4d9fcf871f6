"""Any generator's text against its evidence, from plain data to plain data and as a command."""

import csv
import json
from pathlib import Path

import pytest

from core.__main__ import main
from core.reporting.guard import Draft, check, check_object, read_evidence
from core.reporting.guard.study import read_examples, study_examples

SENTENCES = Path(__file__).parent / "adversarial.tsv"
KINDS = {
    "hedge": "certain where the evidence doubts, or in doubt where it does not, in a second clause or other words",
    "presuppose": "a finding that is not called is taken for known: the effusion, another nodule, adjacent to the mass",
    "severity": "a degree, a shape or a consequence of a called finding that worries",
    "side": "a called finding on the other side, or on both",
    "zone": "a called finding at another level of the lung",
    "count": "several where the evidence has one",
    "certainty": "a plain sentence with the certainty of the other band",
    "lookalike": "what looks like a called finding, or the part that holds it, is called absent or normal",
    "flip": "a called finding is denied",
    "added": "a finding that is not called, by name or by its signs",
    "comparison": "a change that takes a finding for known that is not called, or that ends one that is",
    "fair": "a paraphrase that the evidence bears out, or words outside the 14 findings",
}
EVIDENCE = "+Effusion@left_lower_zone ?Pneumonia"
FAIR = {
    "id": "a",
    "evidence": EVIDENCE,
    "findings": "Left effusion. Possible pneumonia.",
    "impression": "Left effusion.",
}


def test_a_fair_draft_is_accepted_and_what_lies_outside_is_listed() -> None:
    text = "The bones are intact. The left effusion is unchanged. Possible pneumonia."
    answer = check_object(FAIR | {"findings": text})
    assert answer == {
        "id": "a",
        "verdict": "accepted",
        "faults": [],
        "not_checked": ["The bones are intact.", "unchanged"],
    }


def test_what_lies_outside_is_taken_out_where_that_is_asked_for() -> None:
    text = "The bones are intact. Stable left effusion. Possible pneumonia. Heart and mediastinum are normal."
    answer = check_object(FAIR | {"findings": text}, outside="removed")
    assert answer["verdict"] == "accepted"
    assert answer["findings"] == "Left effusion. Possible pneumonia. Heart is normal."
    assert answer["not_checked"] == ["The bones are intact.", "Stable", "mediastinum"]


def test_a_fault_names_its_kind_its_sentence_and_why() -> None:
    answer = check_object(FAIR | {"findings": "Right effusion. Possible pneumonia."})
    assert answer["verdict"] == "refused"
    assert [(one["kind"], one["sentence"]) for one in answer["faults"]] == [("side", "Right effusion.")]
    assert "left lower zone" in answer["faults"][0]["why"]


def test_the_findings_list_of_the_api_says_the_same_as_the_short_form() -> None:
    listed = [
        {"name": "Effusion", "decision": "present", "probability": 0.7, "places": [{"side": "left", "zone": "lower"}]},
        {"name": "Pneumonia", "decision": "possible", "probability": 0.3, "places": []},
        *({"name": name, "decision": "absent", "probability": 0.01} for name in ("Mass", "Nodule", "Edema")),
    ]
    short, full = read_evidence(EVIDENCE), read_evidence(listed)
    for name in ("Effusion", "Pneumonia", "Mass"):
        assert short.expected[name] == full.expected[name]


def test_a_present_finding_below_one_half_must_be_stated_with_doubt() -> None:
    case = read_evidence([{"name": "Edema", "decision": "present", "probability": 0.3}])
    assert check(Draft("Possible pulmonary edema.", "Possible pulmonary edema."), case).verdict == "accepted"
    assert check(Draft("Pulmonary edema.", "Pulmonary edema."), case).faults[0].kind == "made_certain"


def test_places_in_several_tokens_are_several_places() -> None:
    joined, apart = "+Effusion@left_lower,right_lower", "+Effusion@left_lower_zone +Effusion@right_lower_zone"
    assert read_evidence(joined).places("Effusion") == read_evidence(apart).places("Effusion")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"evidence": "+Effusio"}, "Effusio' is no finding"),
        ({"evidence": "+Effusion@nowhere"}, "names no place"),
        ({"evidence": "+Effusion ?Effusion"}, "both"),
        ({"evidence": 3}, "neither text nor a list"),
        ({"evidence": [{"name": "Effusion", "decision": "perhaps"}]}, "perhaps"),
        ({"findings": None}, "should be text"),
        ({"id": {}}, "'id'"),
    ],
)
def test_a_draft_that_cannot_be_read_is_told_in_a_sentence(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_object(FAIR | change)


def test_the_command_writes_a_verdict_a_line_and_tells_of_bad_lines(tmp_path: Path, capsys) -> None:
    source, target = tmp_path / "drafts.jsonl", tmp_path / "verdicts.jsonl"
    wrong = FAIR | {"id": 7, "findings": "Left effusion. Pneumonia."}
    source.write_text(f"{json.dumps(FAIR)}\n{{broken\n\n{json.dumps(wrong)}\n")
    assert main(["guard", "--input", str(source), "--output", str(target)]) == 0
    first, second = map(json.loads, target.read_text().splitlines())
    assert (first["id"], first["verdict"], second["id"], second["verdict"]) == ("a", "accepted", 7, "refused")
    assert "line 2:" in capsys.readouterr().err
    source.write_text("{}\n")
    assert main(["guard", "--input", str(source), "--output", str(target)]) == 1
    assert main(["guard", "--input", str(tmp_path / "none"), "--output", str(target)]) == 1


def test_the_held_out_sentences_are_many_and_none_occurs_twice() -> None:
    with SENTENCES.open(encoding="utf-8") as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    rows = [(row["evidence"], row["sentence_in_question"]) for row in table]
    assert len(set(rows)) == len(rows) >= 700
    assert {row["kind"] for row in table} == set(KINDS)


def test_few_misleading_sentences_pass_and_few_fair_ones_are_refused_in_either_half() -> None:
    for figure in study_examples(read_examples(SENTENCES)):
        share = figure.guard / figure.total
        if "caught" in figure.name:
            assert share >= 0.9, figure
        else:
            assert share <= (0.05 if "pass" in figure.name else 0.1), figure


SILENT = {"id": "s", "evidence": "+Effusion ?Nodule", "impression": "Pleural effusion."}


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("Small left pleural effusion.", ["small", "left"]),
        ("Bilateral pleural effusions.", ["bilateral", "pleural effusions"]),
        ("Pleural effusion at the left base.", ["left", "lower"]),
        ("The right pleural space is clear.", ["The right pleural space is clear."]),
        ("Possible calcified nodule in the right upper lobe.", ["calcified", "right", "upper"]),
    ],
)
def test_places_and_mild_degrees_of_which_the_evidence_is_silent_are_set_apart_or_refused(sentence, words) -> None:
    draft = SILENT | {"findings": f"Pleural effusion is present. A nodule is possible. {sentence}"}
    answer = check_object(draft)
    assert (answer["verdict"], sorted(answer["not_checked"])) == ("accepted", sorted(words))
    strict = check_object(draft, silent="refused")
    assert {(one["kind"], one["sentence"]) for one in strict["faults"]} == {("silent", sentence)}
    assert strict["not_checked"] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "Large left pleural effusion.",
        "Tension is caused by the pleural effusion.",
        "Possible lung nodules.",
        "Severe pleural effusion.",
        "No left pneumothorax, but a massive effusion.",
        "There is a loculated effusion.",
    ],
)
def test_what_worries_is_refused_where_the_evidence_is_silent(sentence: str) -> None:
    draft = SILENT | {"findings": f"Pleural effusion is present. A nodule is possible. {sentence}"}
    assert check_object(draft)["verdict"] == "refused"


def test_the_degree_of_the_evidence_is_held_against_that_of_the_text() -> None:
    listed = [{"name": "Effusion", "decision": "present", "severity": "severe"}]
    for sentence, accepted in (
        ("Large pleural effusion.", True),
        ("Moderate to large pleural effusion.", True),
        ("Small pleural effusion.", False),
        ("Pleural effusion.", True),
    ):
        draft = {"evidence": listed, "findings": sentence, "impression": "Pleural effusion."}
        answer = check_object(draft)
        assert (answer["verdict"] == "accepted") == accepted, sentence
        assert answer["not_checked"] == []
    with pytest.raises(ValueError, match="severity"):
        check_object(draft | {"evidence": [{"name": "Effusion", "decision": "present", "severity": "huge"}]})


def test_a_place_that_is_known_is_no_place_of_another_side() -> None:
    case = read_evidence("+Effusion@right_lower_zone")
    fair = Draft(
        "Right pleural effusion. No effusion on the left. The left costophrenic angle is sharp.", "Right effusion."
    )
    assert check(fair, case, silent="refused").verdict == "accepted"
    wrong = Draft("Right pleural effusion. No effusion on the right.", "Right effusion.")
    assert {one.kind for one in check(wrong, case).faults} == {"flipped", "contradiction"}


def test_each_sentence_has_its_standing() -> None:
    draft = Draft(
        "Small left effusion. Right pneumothorax. The bones are intact. Possible pneumonia.", "Left effusion."
    )
    result = check(draft, read_evidence(EVIDENCE))
    assert [(one.section, one.standing, one.not_checked) for one in result.sentences] == [
        ("findings", "kept", ("small",)),
        ("findings", "refused", ()),
        ("findings", "not_checked", ("The bones are intact.",)),
        ("findings", "kept", ()),
        ("impression", "kept", ()),
    ]
    assert result.sentences[1].faults[0].kind == "added"


def test_where_what_is_not_checked_is_removed_places_go_too() -> None:
    draft = SILENT | {"evidence": "+Effusion", "findings": "There is a small effusion in the left base."}
    answer = check_object(draft, outside="removed")
    assert (answer["verdict"], answer["findings"]) == ("accepted", "There is an effusion.")
