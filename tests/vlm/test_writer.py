"""The shipped writer, the plan that it words, and the guard behind it."""

import random
import shutil
from dataclasses import replace

import pytest
import torch

from core.imaging.reader import read_radiograph
from core.reporting.guard import Draft, examine
from core.reporting.plan import plan_of
from core.reporting.templater import write_report
from core.vlm.backends import Backend, Decoding
from core.vlm.composition import random_evidence
from core.vlm.faithfulness import faults_of
from core.vlm.guard_study import in_words, study_guard, summarise
from core.vlm.models import WriterError
from core.vlm.pictures import picture_of
from core.vlm.prompts import STEPS, Reply, reasoning_steps, render_prompt, write_reply
from core.vlm.rewrite import rewrite
from core.vlm.writer import SHIPPED_WRITER, Writer

LIMIT_MB = 60


@pytest.fixture(scope="module")
def picture(phantom_png_bytes):
    return picture_of(read_radiograph(phantom_png_bytes))


def cases(number, seed=7):
    draw = random.Random(seed)
    return [random_evidence(draw) for _ in range(number)]


def shown(written):
    return Draft(written.report.text("findings"), written.report.text("impression"))


class Perverse(Backend):
    """A writer that finds likeliest what is last in the alphabet, and reasons as it is told."""

    identity = {"name": "perverse", "version": "1"}  # noqa: RUF012
    decoding = Decoding(temperature=0)
    weighs = True

    def __init__(self, steps=()):
        self.steps = steps

    def begin(self, picture, prompt):
        return self

    def likelihoods(self, candidates):
        return [float(sorted(candidates).index(text)) for text in candidates]

    def add(self, text):
        pass

    def answer(self, picture, prompt, *, seed, decoding=None, on_text=None):
        return write_reply(Reply(Draft("A fracture.", "A fracture."), steps=self.steps))


def test_the_shipped_folder_is_small_and_states_who_it_is(writer):
    size = sum(file.stat().st_size for file in SHIPPED_WRITER.rglob("*") if file.is_file())
    assert size < LIMIT_MB * 1e6
    assert writer.identity["name"] == "chestlens-writer"
    assert (SHIPPED_WRITER / "README.md").is_file()


def test_the_shipped_writer_says_that_it_answers_no_questions_and_others_are_asked(writer, tiny_model):
    assert not writer.answers_questions
    assert Writer(tiny_model).answers_questions


def test_the_same_input_gives_the_same_text(writer, picture):
    evidence = cases(1)[0]
    one, other = (rewrite(picture, evidence, writer) for _ in range(2))
    assert shown(one) == shown(other)
    assert one.model == writer.identity


@pytest.fixture(scope="module")
def written(writer, picture):
    """Evidence drawn at random, and its rewritten report."""
    return [(evidence, rewrite(picture, evidence, writer)) for evidence in cases(8)]


def test_rewritten_reports_say_the_plan_and_nothing_else(written):
    for evidence, one in written:
        assert one.verdict.action == "accepted"
        assert faults_of(one.report, evidence) == []
        assert not examine(shown(one), evidence)
        for section in ("findings", "impression"):
            stated = [sentence.findings for sentence in one.report.sentences if sentence.section == section]
            assert stated == [statement.findings for statement in plan_of(evidence).section(section)]


def test_all_but_notes_is_in_the_words_of_the_model(written):
    for _, one in written:
        own = [sentence for sentence in one.report.sentences if sentence.section in ("findings", "impression")]
        assert {sentence.author for sentence in own if sentence.kind != "note"} == {"model"}
        assert {sentence.author for sentence in own if sentence.kind == "note"} <= {"rule"}
        assert one.worded_by("rule") == 0
        assert one.worded_by("model") == sum(sentence.kind != "note" for sentence in own)


def test_a_writer_with_the_worst_taste_still_says_the_plan(picture):
    for evidence in cases(25, seed=2):
        one = rewrite(picture, evidence, Perverse())
        assert faults_of(one.report, evidence) == []
        assert one.verdict.action == "accepted"


def test_a_study_of_the_guard_counts_what_happened(writer):
    study = study_guard(writer, sets=4, seed=3)
    assert sum(study.actions.values()) == study.sets == 4
    assert study.shown_violations == 0
    assert study.faults == {}
    assert study.f1_after == study.f1_before == 1
    assert study.sentences["rule"] == 0 < study.sentences["model"]
    assert "4 evidence sets" in in_words(study)


def test_a_study_counts_the_template_s_sentences_and_a_report_of_other_evidence_as_faults(picture):
    evidences = cases(6, seed=4)
    written = [rewrite(picture, evidence, Perverse()) for evidence in evidences]
    by_rule = [
        replace(one, report=replace(write_report(evidence), source="vlm"))
        for one, evidence in zip(written, evidences, strict=True)
    ]
    study = summarise(evidences, by_rule)
    assert study.sentences["model"] == 0 < study.sentences["rule"]
    assert study.faults == {}
    exchanged = summarise(evidences[1:], written[:-1])
    assert exchanged.faults
    assert exchanged.shown_violations


def test_a_text_in_progress_finds_the_usual_likelier_than_the_absurd(writer, picture):
    text = writer.begin(picture, render_prompt(cases(1)[0]))
    text.add("FINDINGS:\n")
    usual, absurd = text.likelihoods(["The heart is normal in size.", "The banana is normal in size."])
    assert usual > absurd


def test_likelihoods_do_not_depend_on_the_company_and_asking_changes_nothing(writer, picture):
    text = writer.begin(picture, render_prompt(cases(1)[0]))
    text.add("FINDINGS:\n")
    ways = ["The lungs are clear.", "No pleural effusion or pneumothorax is seen.", "Normal heart."]
    together = text.likelihoods(ways)
    assert together == pytest.approx([text.likelihoods([way])[0] for way in ways], abs=1e-3)
    assert text.likelihoods(ways) == pytest.approx(together, abs=1e-5)


@pytest.mark.parametrize("chosen", range(4))
def test_ways_with_a_common_beginning_are_read_once_and_weighed_as_each_by_itself(writer, picture, monkeypatch, chosen):
    ways = ["The lungs are", "The lungs are clear.", "The lungs are hyperinflated.", "No"]
    following = [" No pneumothorax.", " Normal heart."]

    def weighed():
        text = writer.begin(picture, render_prompt(cases(1)[0]))
        text.add("FINDINGS:\n")
        found = text.likelihoods(ways)
        text.add(ways[chosen])
        return found + text.likelihoods(following)

    read = []
    read_on = writer._read_on
    monkeypatch.setattr(writer, "_read_on", lambda *given, **more: read.append(more) or read_on(*given, **more))
    together = weighed()
    rows = [writer._tokens(way) for way in ways]
    beginnings = {tuple(tokens[:length]) for tokens in rows for length in range(1, len(tokens) + 1)}
    assert read[2]["input_ids"].shape == (1, len(beginnings))
    # Neither was the way that the text went on with read again.
    assert len(read) == 4
    monkeypatch.setattr(writer, "_branching", False)
    assert weighed() == pytest.approx(together, abs=1e-4)


def test_likelihoods_are_those_of_the_whole_text_read_at_once(writer, picture):
    prompt = render_prompt(cases(1)[0])
    text = writer.begin(picture, prompt)
    text.add("FINDINGS:\n")
    text.add("The lungs are clear.")
    (stepwise,) = text.likelihoods([" The heart is normal in size."])
    fresh = writer.begin(picture, prompt)
    fresh.add("FINDINGS:\nThe lungs are clear.")
    assert fresh.likelihoods([" The heart is normal in size."]) == pytest.approx([stepwise], abs=1e-3)


def test_reasoning_has_ten_steps_and_is_no_part_of_the_report(writer, picture):
    found = [rewrite(picture, evidence, writer, style="reasoning") for evidence in cases(2)]
    assert {len(one.steps) for one in found} == {STEPS}
    for one in found:
        text = shown(one).findings + shown(one).impression
        assert "One frontal radiograph" not in text
        assert "To report:" not in text


def test_a_small_writer_leaves_the_processors_to_others(writer, picture):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        used = []
        watched = writer._model.register_forward_pre_hook(lambda *_: used.append(torch.get_num_threads()))
        writer.begin(picture, "Write.").likelihoods(["Normal heart."])
        watched.remove()
        assert set(used) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_sentences_are_told_one_after_another(picture):
    evidence = cases(1)[0]
    told = []
    one = rewrite(picture, evidence, Perverse(), on_sentences=told.append)
    assert [len(sentences) for sentences in told] == list(range(1, len(told) + 1))
    own = [s.text for s in one.report.sentences if s.section in ("findings", "impression")]
    assert list(told[-1]) == own


def test_reasoning_that_agrees_is_kept_and_another_gives_way_to_the_rule(picture):
    evidence = cases(1)[0]
    called = evidence.decided("present", "possible")[0].finding.phrase
    contrary = ("One frontal radiograph.", *(f"No {called}." for _ in range(STEPS - 2)), "To report: nothing.")
    by_rule = reasoning_steps(evidence)
    agreeing = ("One frontal radiograph of a chest.", *by_rule[1:])
    for steps, expected, is_rule in ((agreeing, agreeing, False), (contrary, by_rule, True), ((), by_rule, True)):
        written = rewrite(picture, evidence, Perverse(steps), style="reasoning")
        assert written.steps == expected
        assert written.steps_by_rule == is_rule


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(WriterError, match="holds no model"):
        Writer(tmp_path)


def test_damaged_weights_are_refused(tmp_path):
    shutil.copytree(SHIPPED_WRITER, tmp_path / "writer")
    weights = tmp_path / "writer" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(WriterError, match="cannot be opened"):
        Writer(tmp_path / "writer")


def test_a_model_of_others_is_called_by_its_folder(tiny_model):
    writer = Writer(tiny_model, Decoding(max_new_tokens=8))
    assert writer.identity == {"name": "model", "version": "not stated"}
