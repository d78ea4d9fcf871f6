"""Training records ask with evidence and answer with just what it covers."""

import random
import re

import pytest

from core.datasets.table import DatasetError
from core.findings import BY_NAME, LABELS
from core.labeler import presences
from core.reporting.guard import examine
from core.vlm.composition import SentenceBank, random_evidence
from core.vlm.pairing import ImagePairs
from core.vlm.prompts import read_reply
from core.vlm.training_records import Recipe, covered_report, covered_reports, make_training_records

PHRASES = {finding.phrase: finding.name for finding in BY_NAME.values()}


def given_in(request):
    """The decisions that a request states, by finding."""
    found = re.findall(
        r"^(?:(?:left|right|bilateral) )?(.+): (present|possible|absent|unknown)\b", request, re.MULTILINE
    )
    return {PHRASES[phrase]: decision for phrase, decision in found}


def parts(record):
    request, reply = (turn["value"] for turn in record["conversations"])
    return request, read_reply(reply)


def test_what_the_evidence_does_not_cover_is_not_taught():
    example = covered_report(
        "s1",
        "Heart size is normal. The lungs are clear. No pleural effusion. Old rib fractures. Stable since prior study.",
        "No acute cardiopulmonary abnormality.",
        "PA",
    )
    assert example is not None
    assert not examine(example.draft, example.evidence)
    assert not re.search(r"rib|prior|stable", example.draft.findings, re.IGNORECASE)
    assert "lungs are clear" in example.draft.findings.lower()


@pytest.mark.parametrize(("findings", "impression"), [("", "Normal."), (None, None), ("Clear lungs.", "")])
def test_a_report_without_both_sections_teaches_nothing(findings, impression):
    assert covered_report("s1", findings, impression, None) is None


def test_every_answer_says_what_its_request_gives(records):
    asked = [record for split in records.values() for record in split if record["style"] != "image only"]
    assert len(asked) > 60
    for record in asked:
        request, reply = parts(record)
        given = given_in(request)
        found = presences(f"FINDINGS: {reply.draft.findings}\nIMPRESSION: {reply.draft.impression}")
        assert set(given) == set(LABELS)
        for name, decision in given.items():
            stated = found.get(name, "not mentioned")
            assert (decision, stated) in {
                ("present", "present"),
                ("possible", "uncertain"),
                ("absent", "absent"),
                ("absent", "not mentioned"),
                ("unknown", "not mentioned"),
            }, (request, reply)


def test_each_style_has_its_own_form(records):
    for record in records["train"]:
        _, reply = parts(record)
        assert bool(reply.steps) == (record["style"] == "reasoning")
        assert bool(reply.technique and reply.view) == (record["style"] == "rsna")


def test_requests_without_evidence_give_none(records):
    plain = [record for record in records["train"] if record["style"] == "image only"]
    assert plain
    assert not any(given_in(parts(record)[0]) for record in plain)


def test_the_reports_of_one_split_teach_that_split_alone(reports, pairs):
    changed = reports.assign(
        report_findings=reports["report_findings"].where(reports["split"] != "test", "Large left pneumothorax."),
        report_impression=reports["report_impression"].where(reports["split"] != "test", "Left pneumothorax."),
    )
    recipe = Recipe(variants=2, composed=10, normal_reports=3)
    one = make_training_records(covered_reports(reports), pairs, recipe)
    other = make_training_records(covered_reports(changed), pairs, recipe)
    assert one["train"] == other["train"]
    assert one["val"] == other["val"]
    assert one["test"] != other["test"]


def test_a_report_without_image_gets_one_with_its_labels(reports, images, pairs):
    recipe = Recipe(variants=1, composed=0, image_only=0, normal_reports=3)
    made = make_training_records(covered_reports(reports), pairs, recipe)
    labels = images.set_index("image_path")[list(LABELS)]
    for record in made["train"]:
        request, _ = parts(record)
        called = {name for name, decision in given_in(request).items() if decision in ("present", "possible")}
        shown = {label for label in LABELS if labels.loc[record["image"], label] == 1}
        # No image shows a pneumonia alone: the nearest set stands in.
        assert shown == called or (called == {"Pneumonia"} and "Pneumonia" in shown)


def test_without_any_image_a_sentence_says_which_flag_is_missing(reports):
    with pytest.raises(DatasetError, match="--images"):
        make_training_records(
            covered_reports(reports), {"train": None, "val": None, "test": None}, Recipe(composed=0, normal_reports=1)
        )


def test_a_table_without_reports_is_refused(images):
    with pytest.raises(DatasetError, match="use a source with reports"):
        covered_reports(images)


def test_images_of_an_empty_table_are_refused(images):
    with pytest.raises(DatasetError, match="no row with an image"):
        ImagePairs(images[:0])


def test_compositions_for_any_evidence_pass_the_guard_nearly_always(reports):
    examples = covered_reports(reports)["train"]
    bank = SentenceBank(
        [(example.evidence, example.draft) for example in examples],
        [example.original.findings for example in examples],
        normal_reports=10,
    )
    draw = random.Random(5)
    cases = [(evidence, bank.compose(evidence, draw)) for evidence in (random_evidence(draw) for _ in range(150))]
    clean = [not examine(draft, evidence) for evidence, draft in cases]
    assert sum(clean) > 0.8 * len(clean)


def test_random_evidence_meets_every_finding_in_every_decision():
    draw = random.Random(1)
    seen = {(item.finding.name, item.decision) for _ in range(600) for item in random_evidence(draw).findings}
    assert seen == {(label, decision) for label in LABELS for decision in ("present", "possible", "absent", "unknown")}
