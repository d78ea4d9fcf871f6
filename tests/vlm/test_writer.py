"""The shipped writer, the guard behind it, and what is made of both."""

import random
import shutil

import pytest
import torch

from core.imaging import read_radiograph
from core.reporting.guard import Draft, examine
from core.reporting.templater import write_report
from core.vlm.composition import random_evidence
from core.vlm.guard_study import in_words, study_guard
from core.vlm.pictures import picture_of
from core.vlm.prompts import STEPS, Reply, reasoning_steps, render_prompt
from core.vlm.rewrite import rewrite
from core.vlm.writer import SHIPPED_WRITER, Decoding, Writer, WriterError

LIMIT_MB = 60


@pytest.fixture(scope="module")
def picture(phantom_png_bytes):
    return picture_of(read_radiograph(phantom_png_bytes))


def cases(number, seed=7):
    draw = random.Random(seed)
    return [random_evidence(draw) for _ in range(number)]


def shown(written):
    return Draft(written.report.text("findings"), written.report.text("impression"))


class Scripted:
    """A writer that always gives the same drafts."""

    identity = {"name": "scripted", "version": "1"}  # noqa: RUF012

    def __init__(self, *drafts, pieces=(), steps=()):
        self.drafts = drafts
        self.pieces = pieces
        self.steps = steps

    def replies(self, picture, prompt, *, seed, on_text=None):
        for piece in self.pieces if on_text else ():
            on_text(piece)
        for draft in self.drafts:
            yield Reply(draft, steps=self.steps)


def test_the_shipped_folder_is_small_and_states_who_it_is(writer):
    size = sum(file.stat().st_size for file in SHIPPED_WRITER.rglob("*") if file.is_file())
    assert size < LIMIT_MB * 1e6
    assert writer.identity["name"] == "chestlens-writer"
    assert (SHIPPED_WRITER / "README.md").is_file()


def test_the_same_input_gives_the_same_text(writer, picture):
    evidence = cases(1)[0]
    one, other = (rewrite(picture, evidence, write_report(evidence), writer) for _ in range(2))
    assert shown(one) == shown(other)
    assert one.model == writer.identity


def test_nothing_that_disagrees_with_the_evidence_is_shown(writer, picture):
    for evidence in cases(12):
        template = write_report(evidence)
        written = rewrite(picture, evidence, template, writer)
        if written.verdict.action == "fallback":
            assert written.report == template
            assert written.reply is None
        else:
            assert not examine(shown(written), evidence)
            assert written.report.source == "vlm"


def test_a_study_of_the_guard_counts_what_happened(writer):
    study = study_guard(writer, sets=6, seed=3)
    assert sum(study.actions.values()) == study.sets == 6
    assert study.shown_violations == 0
    assert study.f1_after == 1
    assert 0 <= study.f1_before <= 1
    assert "6 evidence sets" in in_words(study)


def test_reasoning_has_ten_steps_and_is_no_part_of_the_report(writer, picture):
    found = [rewrite(picture, evidence, write_report(evidence), writer, style="reasoning") for evidence in cases(4)]
    assert {len(written.reply.steps) for written in found if written.reply} == {STEPS}
    for written in found:
        text = shown(written).findings + shown(written).impression
        assert "One frontal radiograph" not in text
        assert "To report:" not in text


def test_text_is_streamed_as_it_is_written(writer, picture):
    pieces = []
    evidence = cases(1)[0]
    first = next(writer.replies(picture, render_prompt(evidence), seed=1, on_text=pieces.append))
    assert len(pieces) > 5
    assert first.draft.findings in " ".join("".join(pieces).split())


def test_a_small_writer_leaves_the_processors_to_others(writer, picture):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        used = []
        next(writer.replies(picture, "Write.", seed=1, on_text=lambda _: used.append(torch.get_num_threads())))
        assert set(used) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_only_sentences_that_agree_are_told_while_writing(picture):
    evidence = cases(1)[0]
    template = write_report(evidence)
    called = evidence.decided("present", "possible")[0].finding.phrase
    told = []
    pieces = ["FINDINGS:\nThe ribs are ", f"broken. No {called}. No rib", "s. ", "\n\nIMPRESSION:\nX."]
    rewrite(picture, evidence, template, Scripted(pieces=pieces), on_sentences=told.append)
    assert not any("broken" in text or f"No {called}" in text for sentences in told for text in sentences)


def test_a_writer_that_lies_is_never_shown(picture):
    lies = [
        Draft("Large right pneumothorax. Pacemaker in place.", "Pneumothorax, increased since the prior study."),
        Draft("The lungs are clear.", "Normal chest."),
        Draft("", ""),
        Draft("lorem ipsum " * 40, "###"),
    ]
    for evidence in cases(10, seed=2):
        written = rewrite(picture, evidence, write_report(evidence), Scripted(*lies))
        assert written.verdict.action in ("repaired", "fallback", "accepted", "regenerated")
        assert written.report.source == "template" or not examine(shown(written), evidence)


def test_reasoning_that_agrees_is_kept_and_another_gives_way_to_the_rule(picture):
    evidence = cases(1)[0]
    template = write_report(evidence)
    draft = Draft(template.text("findings"), template.text("impression"))
    called = evidence.decided("present", "possible")[0].finding.phrase
    contrary = ("One frontal radiograph.", *(f"No {called}." for _ in range(STEPS - 2)), "To report: nothing.")
    by_rule = reasoning_steps(evidence)
    agreeing = ("One frontal radiograph of a chest.", *by_rule[1:])
    for steps, expected, is_rule in ((agreeing, agreeing, False), (contrary, by_rule, True), ((), by_rule, True)):
        written = rewrite(picture, evidence, template, Scripted(draft, steps=steps), style="reasoning")
        assert written.reply.steps == expected
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
    writer = Writer(tiny_model, Decoding(max_new_tokens=8, attempts=1))
    assert writer.identity == {"name": "model", "version": "not stated"}
