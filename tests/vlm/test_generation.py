"""From an image to a written report as data, in Python and on the command line."""

import json
import re

import pytest

from core.imaging import ImagingError
from core.labeler import label_values, presences
from core.reporting.guard import Draft, examine
from core.vlm import generate
from core.vlm.__main__ import main
from core.vlm.comparison import compare_records, compare_settings
from core.vlm.ehr import EhrError, read_ehr
from core.vlm.generation import look
from core.vlm.pass_settings import PassSettings

EHR = '{"Age": 72, "Sex": "M", "Chronic_conditions": ["COPD"]}'


@pytest.fixture(scope="module")
def chest(tmp_path_factory, phantom_png_bytes):
    path = tmp_path_factory.mktemp("chest") / "chest.png"
    path.write_bytes(phantom_png_bytes)
    return path


def test_a_report_comes_with_its_labels_and_codes(phantom_png_bytes, classifier, writer):
    made = generate(phantom_png_bytes, classifier=classifier, backend=writer)
    assert made.findings
    assert made.impression
    assert made.labels == label_values(presences(f"FINDINGS: {made.findings}\nIMPRESSION: {made.impression}"))
    for item in made.evidence.findings:
        if item.certainty is not None:
            assert made.labels[item.finding.name] == (1 if (item.probability or 0) >= 0.5 else -1)
    coded = {name for entry in made.icd for name in entry.findings}
    assert coded == {item.finding.name for item in made.evidence.decided("present")}
    assert len(made.chexpert) == 14


def test_the_object_is_that_of_the_http_interface(chest, classifier, writer):
    made = generate(chest, EHR, classifier=classifier, backend=writer).as_object()
    assert made["report"]["source"] in ("vlm", "template")
    assert made["reports"]["template"]["source"] == "template"
    assert made["rewrite"]["status"] == "done"
    assert made["rewrite"]["verdict"]["action"]
    assert len(made["findings"]) == 14
    json.dumps(made)


def test_history_leaves_no_trace(chest, classifier, writer):
    made = generate(chest, EHR, classifier=classifier, backend=writer)
    assert not re.search(r"72|COPD|year", made.findings + made.impression)


def test_what_is_no_image_or_record_is_refused(chest, classifier, writer):
    with pytest.raises(ImagingError):
        generate(b"no image", classifier=classifier, backend=writer)
    with pytest.raises(EhrError):
        generate(chest, "no record", classifier=classifier, backend=writer)


@pytest.mark.parametrize(
    ("style", "headings"),
    [
        ("report", ["FINDINGS", "IMPRESSION"]),
        ("rsna", ["Technique", "View", "Findings", "Impression"]),
        ("reasoning", ["FINDINGS", "IMPRESSION"]),
    ],
)
def test_each_style_prints_its_headings(chest, capsys, style, headings):
    assert main(["write", str(chest), "--style", style]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = [line for line in lines if line.lower() in ("technique", "view", "findings", "impression")]
    assert found == headings
    steps = [line for line in lines if re.match(r"  \d+\. ", line)]
    assert len(steps) in ((0, 10) if style == "reasoning" else (0,))


def test_structured_output_is_json(chest, capsys):
    assert main(["write", str(chest), "--style", "structured"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert set(made) == {"findings", "impression", "chexpert", "icd", "timing", "passes"}


def test_a_manifest_keeps_what_failed(chest, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"no image")
    table = tmp_path / "studies.csv"
    ehr = EHR.replace('"', '""')
    table.write_text(f'id,image_path,ehr\na,{chest},"{ehr}"\nb,bad.png,\nc,missing.png,\n')
    assert main(["write", "--manifest", str(table), "--output", str(tmp_path / "out.jsonl")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["a", "b", "c"]
    assert [("error" in line) for line in lines] == [False, True, True]
    assert "1 of 3 reports (failed 2, " in capsys.readouterr().err


def test_a_broken_line_of_a_manifest_costs_itself_alone(chest, tmp_path, capsys):
    manifest = tmp_path / "studies.jsonl"
    good = json.dumps({"id": "a", "image_path": str(chest)}).encode()
    manifest.write_bytes(b'{"id": "torn\n' + b'{"id": "\xe9", "image_path": "x"}\n' + b"[1]\n" + good)
    assert main(["write", "--manifest", str(manifest), "--output", str(tmp_path / "out.jsonl")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["line 1", "line 2", "line 3", "a"]
    ends = ("line 1 is not JSON.", "line 2 is not JSON.", "line 3 is not a JSON object.")
    assert all(line["error"].endswith(end) for line, end in zip(lines, ends, strict=False))
    assert lines[3]["findings"]
    assert "1 of 4 reports (failed 3, " in capsys.readouterr().err


def test_a_stopped_manifest_goes_on_and_gives_the_same_reports(chest, tmp_path, capsys, monkeypatch):
    table = tmp_path / "studies.csv"
    table.write_text("id,image_path\n" + "".join(f"{name},{chest}\n" for name in "abc"))
    command = ["write", "--manifest", str(table), "--output"]
    assert main([*command, str(tmp_path / "whole.jsonl")]) == 0
    calls = []

    def stopped_at_the_third(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return generate(*arguments, **options)

    monkeypatch.setattr("core.vlm.generation.generate", stopped_at_the_third)
    output = tmp_path / "out.jsonl"
    main([*command, str(output)])
    assert not output.exists()
    (partial,) = tmp_path.glob("out.jsonl.*.partial")
    with partial.open("a") as file:
        file.write('{"id": "cut o')
    assert main([*command, str(output)]) == 0
    assert len(calls) == 4
    assert [path.name for path in tmp_path.glob("*.partial")] == []
    texts = [
        [json.loads(line)["findings"] for line in path.read_text().splitlines()] for path in tmp_path.glob("*.jsonl")
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["write"], "Name one FILE"),
        (["write", "x.png", "--manifest", "y.csv"], "Name one FILE"),
        (["write", "x.png", "--backend", "nowhere"], "holds no model"),
        (["write", "nowhere.png"], "nowhere.png"),
        (["train", "--stage", "vision", "--model", "m", "--output_dir", "o"], "--table"),
        (["train", "--stage", "language", "--model", "m", "--output_dir", "o"], "--records"),
    ],
)
def test_mistakes_end_with_one_sentence(arguments, message, capsys):
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.fixture(scope="module")
def seen(chest, classifier):
    return look(chest, classifier=classifier)


def test_a_record_changes_codes_and_never_a_finding(seen, writer):
    record = read_ehr('{"Age": 72, "Vitals": {"o2_saturation": 84}, "Chronic_conditions": ["pneumothorax", "COPD"]}')
    settings = PassSettings(icd_positive_bias=50)
    compared = compare_records(seen, record, writer, settings=settings)
    first, second = compared.reports
    assert "J44.9" in compared.codes()[1]
    assert not compared.codes()[0]
    for report in compared.reports:
        assert examine(Draft(report.findings, report.impression), seen.evidence) == ()
    assert first.labels == second.labels, "the record says pneumothorax, which the image does not show"
    same = compare_records(seen, read_ehr({"Age": 40, "Sex": "F"}), writer, settings=settings).reports[0]
    assert (same.findings, same.icd) == (first.findings, first.icd), "the draws are the same each time"


def test_differences_stand_in_both_texts_word_for_word(seen, writer):
    compared = compare_records(seen, {"Age": 72}, writer, structured=False)
    for name, runs in compared.differences().items():
        for report, other in zip(compared.reports, ("only second", "only first"), strict=True):
            assert " ".join(text for change, text in runs if change != other) == getattr(report, name)


def test_two_settings_differ_by_what_the_model_answers(seen, writer):
    settings = PassSettings(chexpert_positive_bias=-50), PassSettings(chexpert_positive_bias=50)
    made = compare_settings(seen, settings, writer).as_object()
    first, second = made["reports"]
    assert 1 not in first["passes"]["answered"].values()
    assert set(second["passes"]["answered"].values()) == {1}
    assert first["chexpert"] == second["chexpert"], "labels that are shown rest on the evidence"
    assert made["labels_changed"] == {}
    assert second["passes"]["settings"]["chexpert_positive_bias"] == 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "nothing to compare"),
        (["--against", "chexpert_vote"], "--against takes NAME=VALUE"),
        (["--against", "votes=3"], "--against takes NAME=VALUE"),
        (["--against", "icd_vote=0"], "ICD_VOTE must lie between"),
    ],
)
def test_a_comparison_without_sense_is_refused_before_the_image_is_read(command, options, message):
    ended = command(main, "compare", "missing.png", *options, status=1)
    assert message in ended.err


def test_the_command_marks_what_a_record_and_what_a_setting_changes(chest, tmp_path, command):
    record = tmp_path / "ehr.json"
    record.write_text(EHR)
    shown = command(main, "compare", chest, "--ehr", record, "--structured", "--icd_positive_bias", "50").out
    assert "age 72" in shown
    assert "chronic: COPD" in shown
    assert re.search(r"only with image and record: .*J44\.9", shown)
    both = command(
        main,
        "compare",
        chest,
        "--against",
        "ICD_POSITIVE_BIAS=-50",
        "--ehr",
        record,
        "--icd_positive_bias",
        "50",
        "--json",
    ).out
    made = json.loads(both)
    assert made["record"][0] == "age 72"
    assert "J44.9" in made["codes_only_first"]
