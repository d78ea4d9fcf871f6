"""Ten-step reasoning of a teacher, as far as the guard lets it through, and training on it."""

import json

import pytest

from core.reporting.evidence import Evidence
from core.vlm.__main__ import main
from core.vlm.distillation import reasons_against
from core.vlm.prompts import STEPS, read_reply
from core.vlm.training_records import covered_reports
from core.vlm.writer import SHIPPED_WRITER

SAMPLES = 8


@pytest.fixture(scope="module")
def distilled(tmp_path_factory, reports, images):
    """The folder that ``distil`` writes, asked of the shipped writer; test_endpoint.py asks a server."""
    folder = tmp_path_factory.mktemp("distilled")
    reports.to_csv(folder / "reports.csv", index=False)
    images.to_csv(folder / "images.csv", index=False)
    tables = ["--table", str(folder / "reports.csv"), "--images", str(folder / "images.csv")]
    asked = ["--backend", str(SHIPPED_WRITER), "--samples", str(SAMPLES), "--output_dir", str(folder / "out")]
    assert main(["distil", *tables, *asked]) == 0
    return folder / "out"


def evidence_by_study(reports) -> dict[str, Evidence]:
    return {one.study_id: one.evidence for split in covered_reports(reports).values() for one in split}


def test_what_is_kept_has_ten_steps_and_what_is_not_has_reasons(distilled, reports):
    kept = [one for name in ("train", "val") for one in json.loads((distilled / f"{name}.json").read_text())]
    refused = [json.loads(line) for line in (distilled / "rejected.jsonl").read_text().splitlines()]
    assert len(kept) + len(refused) == SAMPLES
    assert kept, "the teacher has learned to reason: some of it stands up to the guard"
    for one in kept:
        reply = read_reply(one["conversations"][1]["value"])
        assert len(reply.steps) == STEPS
        assert reply.draft.findings
        assert reply.draft.impression
    by_study = evidence_by_study(reports)
    for one in refused:
        assert one["reasons"] == reasons_against(one["answer"], by_study[one["id"]])
        assert one["reasons"]


def test_a_student_learns_from_what_was_kept(distilled, tiny_model, tmp_path):
    sizes = ["--epochs", "1", "--batch_size", "2", "--precision", "fp32"]
    where = ["--model", str(tiny_model), "--records", str(distilled), "--output_dir", str(tmp_path / "run")]
    assert main(["train", "--stage", "language", *where, *sizes]) == 0
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
