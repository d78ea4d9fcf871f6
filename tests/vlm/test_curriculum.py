"""Stages from one collection, reasoning that the guard lets through, manifests, dashboard, and what models need."""

import csv
import json

import pandas as pd
import pytest

from core.datasets.table import DatasetError
from core.findings import LABELS
from core.reporting.guard import Case, check
from core.vlm.__main__ import main
from core.vlm.curriculum import make_curriculum, read_collection
from core.vlm.distillation import Sample, by_rule, distil, reasons_against
from core.vlm.evaluation_manifest import read_manifest
from core.vlm.manifests import read_wanted, write_all_wanted
from core.vlm.prompts import STEPS, read_reply
from core.vlm.reference_evidence import evidence_from_decisions

PATIENT = {
    "subject_id": 1,
    "Age": 61,
    "Sex": "F",
    "Vitals": {
        "heart_rate": {"value": 90, "unit": "bpm", "charttime": "2150-01-01 08:00"},
        "respiratory_rate": {"value": 20, "charttime": "2150-01-01 10:00"},
    },
    "Labs": {"Sodium": {"value": 138, "unit": "mmol/L"}},
    "O2_device": "nasal cannula",
    "Chronic_conditions": ["COPD"],
}


@pytest.fixture
def collection(tmp_path, phantom_png_bytes):
    """Six rows: two of stage A, two of stage B, a duplicate under another name, and one without an image."""
    for number in range(5):
        # One byte behind the image makes each file another one.
        (tmp_path / f"{number}.png").write_bytes(phantom_png_bytes + bytes([number]))
    (tmp_path / "copy.png").write_bytes((tmp_path / "0.png").read_bytes())
    rows = [
        {
            "image_path": f"{number}.png",
            "impression": "Effusion.",
            "chexpert_labels": {"Pleural Effusion": 1, "Edema": -1},
        }
        for number in range(4)
    ]
    for row in rows[2:]:
        row |= {
            "patient_data": PATIENT | {"subject_id": row["image_path"]},
            "study_time": "2150-01-01 09:00",
            "icd_codes": ["J90", "J44.9", "Z9999"],
            "stage": "B",
        }
    rows += [rows[0] | {"image_path": "copy.png"}, rows[0] | {"image_path": "gone.png"}]
    path = tmp_path / "collection.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_each_image_is_used_once_in_its_stage(collection):
    studies, _, problems = read_collection(collection)
    assert not problems
    made = make_curriculum(studies, val_share=0)
    assert [len(made.stages[stage]["train"]) for stage in "AB"] == [2, 2]
    assert made.counts["duplicates"] == 1
    assert [one.item for one in made.problems] == [str(collection.parent / "gone.png")]
    images = [record["image"] for splits in made.stages.values() for part in splits.values() for record in part]
    assert len(images) == len(set(images)) == 4


def test_stage_a_sees_the_image_alone_and_stage_b_the_record_before_the_study(collection):
    studies, counts, _ = read_collection(collection)
    made = make_curriculum(studies, val_share=0)
    asked, answer = (turn["value"] for turn in made.stages["A"]["train"][0]["conversations"])
    assert "Clinical context" not in asked
    answer = json.loads(answer)
    assert answer["impression"] == "Effusion."
    assert (answer["chexpert"]["Pleural Effusion"], answer["chexpert"]["Edema"]) == (1, -1)
    assert answer["chexpert"]["Fracture"] is None
    asked, answer = (turn["value"] for turn in made.stages["B"]["train"][0]["conversations"])
    assert "heart rate 90 bpm" in asked
    # Charted an hour after the study, or of the study's day without a time of its own.
    assert "respiratory" not in asked
    assert counts["values after the study, or of unknown order, left out"] == 2
    answer = json.loads(answer)
    assert [one["code"] for one in answer["icd"]] == ["J90", "J44.9"]
    assert counts["codes that are none of ICD-10-CM, left out"] == 2
    assert any("COPD" in step for step in answer["reasoning"])
    assert made.coverage["heart_rate"] == made.coverage["any of Vitals"] == made.coverage["Sodium"] == 1
    assert "respiratory_rate" not in made.coverage


def test_invented_records_are_named_as_such(collection):
    studies, _, _ = read_collection(collection)
    made = make_curriculum(studies, val_share=0, synthetic=True)
    flags = [record["synthetic_record"] for record in made.stages["B"]["train"]]
    assert (made.synthetic, sum(flags), len(flags)) == (2, 2, 4)


def test_rows_that_make_no_sense_are_listed_and_the_rest_goes_on(collection, capsys):
    bad = [
        {"impression": "x"},
        {"image_path": "0.png"},
        {"image_path": "0.png", "impression": "x", "stage": "C"},
        {"image_path": "0.png", "impression": "x", "chexpert_labels": {"Nonsense": 1}},
        {"image_path": "0.png", "impression": "x", "chexpert_labels": {"Edema": 2}},
        {"image_path": "0.png", "impression": "x", "patient_data": {"Age": "old"}},
    ]
    collection.write_text(collection.read_text() + "".join(json.dumps(row) + "\n" for row in bad))
    output = collection.parent / "out"
    assert main(["curriculum", "--input", str(collection), "--output_dir", str(output), "--val_share", "0"]) == 0
    assert "7 rows were left out" in capsys.readouterr().err
    assert len(pd.read_csv(output / "problems.csv")) == 7
    assert len(json.loads((output / "stage_a" / "train.json").read_text())) == 2
    assert json.loads((output / "summary.json").read_text())["counts"]["duplicates"] == 1


def test_a_table_of_mimic_gives_the_same_curriculum(tmp_path, phantom_png_bytes):
    (tmp_path / "1.png").write_bytes(phantom_png_bytes)
    row = {
        "image_path": str(tmp_path / "1.png"),
        "patient_id": "7",
        "report_impression": "Effusion.",
        "Effusion": "1",
        "Edema": "0",
        "ehr": json.dumps({"Age": 50, "Vitals": {"heart_rate": {"value": 80, "unit": "bpm"}}}),
        "icd_codes": "J90|4280",
        "icd_versions": "10|9",
    }
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    (study,), _, problems = read_collection(path)
    assert not problems
    assert (study.labels, study.codes, study.patient) == ({"Pleural Effusion": 1, "Edema": 0}, ["J90"], "7")
    assert study.record == {"Age": 50, "Vitals": {"heart_rate": {"value": 80, "unit": "bpm"}}}


def test_a_missing_collection_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"no collection .*gone\.jsonl"):
        read_collection(tmp_path / "gone.jsonl")


def evidence(*present):
    decisions = ["present" if name in present else "absent" for name in LABELS]
    return evidence_from_decisions(decisions, [()] * len(LABELS), seed="1", view="PA")


class Teacher:
    """Answers in turn."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def answer(self, picture, prompt, *, seed):
        assert "exactly ten numbered steps" in prompt
        return self.answers.pop(0)


def test_only_reasoning_that_the_guard_lets_through_is_learned_from():
    found = evidence("Effusion")
    good = by_rule(found)
    assert reasons_against(good, found) == []
    reply = read_reply(good)
    assert len(reply.steps) == STEPS
    assert check(reply.draft, Case.of(found)).verdict == "accepted"
    nine = good.replace("10. ", "Also: ")
    flipped = by_rule(evidence("Pneumothorax"))
    bare = good.split("FINDINGS")[0]
    samples = [Sample(str(number), "image.png", found, "train") for number in range(4)]
    made = distil(samples, Teacher(good, nine, flipped, bare), lambda path: None)
    assert len(made.records["train"]) == 1
    assert read_reply(made.records["train"][0]["conversations"][1]["value"]) == reply
    reasons = {one["id"]: one["reasons"] for one in made.rejected}
    assert "exactly 10 numbered steps" in reasons["1"][0]
    assert any("neumothorax" in reason for reason in reasons["2"])
    assert "lacks Findings or Impression" in reasons["3"][0]


def manifest(tmp_path, phantom_png_bytes, suffix):
    (tmp_path / "a.png").write_bytes(phantom_png_bytes)
    rows = [
        {"id": "1", "image_path": "a.png", "reference_findings": "Effusion.", "reference_impression": "Effusion."},
        {"id": "2", "image_path": "", "reference_findings": "Clear.", "reference_impression": "Normal."},
        {"id": "3", "image_path": "gone.png", "reference_findings": "Clear.", "reference_impression": "Normal."},
        {"id": "4", "image_path": "a.png", "reference_findings": "Clear.", "reference_impression": "Normal."},
    ]
    path = tmp_path / f"studies{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_evaluate_reads_what_write_wrote(tmp_path, phantom_png_bytes, suffix, capsys):
    source = manifest(tmp_path, phantom_png_bytes, suffix)
    written = tmp_path / f"written{suffix}"
    assert main(["write", "--manifest", str(source), "--output", str(written)]) == 0
    said = capsys.readouterr().err
    assert "2 of 4 reports" in said
    assert "failed 2" in said
    output = tmp_path / "out"
    arguments = ["evaluate", "--predictions", f"own={written}", "--output_dir", str(output), "--resamples", "10"]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "2 studies" in shown
    assert "GPT-4V" in shown, "published figures stand beside"
    page = (output / "dashboard.html").read_text()
    assert page.count('src="data:image/jpeg;base64,') == 2
    assert "Radiologist" in page
    assert "http" not in page.replace("http-equiv", "")
    assert 'data-disagreeing="' in page
    assert json.loads((output / "metrics.json").read_text())["n_studies"] == 2


def test_a_stopped_run_goes_on_with_the_same_key_only(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": str(number), "image_path": "x"}) + "\n" for number in range(3)))
    wanted = read_wanted(path)
    calls = []

    def write(one):
        calls.append(one.id)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return {"id": one.id}

    with pytest.raises(KeyboardInterrupt):
        list(write_all_wanted(wanted, tmp_path / "out.jsonl", write, key="a"))
    assert not (tmp_path / "out.jsonl").exists()
    lines = list(write_all_wanted(wanted, tmp_path / "out.jsonl", write, key="a"))
    assert [line["id"] for line in lines] == ["0", "1", "2"]
    assert calls == ["0", "1", "1", "2"]
    list(write_all_wanted(wanted, tmp_path / "out.jsonl", write, key="b"))
    assert calls[4:] == ["0", "1", "2"]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_what_is_written_of_a_collection_with_impressions_only_is_what_evaluate_reads(tmp_path, ending):
    rows = [{"image_path": f"{number}.png", "impression": "No acute disease."} for number in range(2)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def write(one):
        return {"id": one.id, **one.kept, "findings": "The lungs are clear.", "impression": "Normal."}

    list(write_all_wanted(read_wanted(tmp_path / "in.jsonl"), tmp_path / f"out.{ending}", write, key="a"))
    table = read_manifest(tmp_path / f"out.{ending}")
    assert table["reference_impression"].tolist() == ["No acute disease."] * 2
    assert table["reference_findings"].tolist() == [""] * 2


def test_a_run_that_is_stopped_while_its_table_is_made_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "in.csv"
    path.write_text("id,image_path\n" + "".join(f"{number},x\n" for number in range(3)))
    written = []

    def write(one):
        written.append(one.id)
        return {"id": one.id, "findings": ["two", "words"]}

    def stop(lines, path):
        path.write_text("id\n0\n")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("core.vlm.manifests._to_csv", stop)
        with pytest.raises(KeyboardInterrupt):
            list(write_all_wanted(read_wanted(path), tmp_path / "out.csv", write, key="a"))
    assert not (tmp_path / "out.csv").exists()
    lines = list(write_all_wanted(read_wanted(path), tmp_path / "out.csv", write, key="a"))
    assert [line["id"] for line in lines] == written == ["0", "1", "2"]
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == '0,"[""two"", ""words""]"'
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("in.csv", "id\n1\n", "needs the column image_path"),
        ("in.jsonl", "{", "line 1 is not JSON"),
        ("in.jsonl", "[1]\n", "line 1 is not a JSON object"),
        ("in.txt", "x", "a .csv or .jsonl file"),
        ("gone.csv", None, "no manifest"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_wanted(tmp_path / name)


def test_sizes_of_published_models_are_those_that_their_makers_state():
    from core.vlm.planning import named_configuration, serving_bytes, size_of, training_bytes

    # In billions, from the model cards.
    for name, stated in (("llava-1.5-7b", 7.06), ("qwen2.5-vl-7b", 8.29), ("llama-3.2-vision-11b", 10.67)):
        size = size_of(named_configuration(name))
        assert size.total / 1e9 == pytest.approx(stated, abs=0.01)
        assert 1.9 < serving_bytes(size, "bf16") / size.total < 2.4
        assert serving_bytes(size, "4bit") < 0.5 * serving_bytes(size, "bf16")
        assert training_bytes(size, "qlora") < training_bytes(size, "lora-64") < training_bytes(size, "full")


@pytest.mark.parametrize("architecture", ["llava-llama", "qwen2.5-vl", "mllama", "gemma3"])
def test_a_smaller_model_of_the_class_has_the_size_that_is_computed(architecture):
    from core.vlm.adapters import attach
    from core.vlm.planning import size_of
    from core.vlm.small_models import make_small

    model, _ = make_small(architecture, ["The heart is normal."] * 20)
    size = size_of(model.config)
    assert size.total == sum(weight.numel() for weight in model.parameters())
    adapted = attach(model, "lora-16")
    added = sum(weight.numel() for name, weight in adapted.named_parameters() if "lora_" in name)
    assert added == size.adapted["lora-16"]


def test_what_is_neither_published_nor_a_folder_is_named(capsys):
    assert main(["plan", "no-such-model"]) == 1
    assert "no-such-model is neither a model folder nor one of llava-1.5-7b" in capsys.readouterr().err
