import csv
import json
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydicom import dcmread

import app
import evaluate
import train
from core import DISCLAIMER
from core.__main__ import main
from core.classifier import SHIPPED, Classifier
from core.findings import LABELS
from core.imaging.reader import read_radiograph
from core.settings import ROOT

Command = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path, phantom_png_bytes: bytes, chest_dicom: Path) -> Path:
    inside = tmp_path / "images" / "deep"
    inside.mkdir(parents=True)
    (tmp_path / "images" / "a.png").write_bytes(phantom_png_bytes)
    (inside / "b.dcm").write_bytes(chest_dicom.read_bytes())
    (tmp_path / "images" / "broken.png").write_bytes(phantom_png_bytes[:2000])
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    return tmp_path / "images"


def test_help_of_all_commands_comes_without_what_takes_long_to_import() -> None:
    code = (
        "import contextlib, sys, train, evaluate, core.vlm.__main__\n"
        "from core.__main__ import parse_arguments\n"
        "with contextlib.suppress(SystemExit): parse_arguments(['--help'])\n"
        "print({'torch', 'transformers', 'sklearn', 'scipy.stats', 'matplotlib.figure'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    for command in ("predict", "bench", "learning-curve", "worker"):
        assert f"    {command}" in done.stdout
    assert done.stdout.endswith("set()\n")


def test_predict_gives_a_row_for_each_file_and_an_error_for_the_broken_one(
    folder: Path, tmp_path: Path, classifier: Classifier
) -> None:
    output = tmp_path / "predictions.csv"
    arguments = ["predict", str(folder), "--output", str(output), "--heatmaps", str(tmp_path / "maps")]
    # As a user runs it, in a process of its own.
    done = subprocess.run(
        [sys.executable, "-m", "core", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = {Path(row["path"]).name: row for row in csv.DictReader(output.read_text().splitlines())}
    assert list(next(iter(rows.values()))) == [
        *("path", "gate", "view", "abnormal", "present", "possible"),
        *LABELS,
        "error",
    ]
    assert set(rows) == {"a.png", "b.dcm", "broken.png"}
    expected = classifier.predict(read_radiograph((folder / "a.png").read_bytes())).probabilities
    assert [float(rows["a.png"][label]) for label in LABELS] == pytest.approx(expected, abs=1e-5)
    assert rows["b.dcm"]["view"] == "PA"
    assert rows["broken.png"]["gate"] == "unread"
    assert "truncated" in rows["broken.png"]["error"]
    assert rows["broken.png"]["Mass"] == ""
    assert "1 of 3 files could not be classified" in done.stderr
    assert len(list((tmp_path / "maps" / "a-png").glob("*.png"))) == 14


def test_predict_fails_with_a_sentence_when_nothing_can_be_done(tmp_path: Path, command: Command) -> None:
    missing = command(main, "predict", tmp_path / "nowhere", status=1)
    assert missing.err.count("\n") == 1
    assert "There is no file or folder" in missing.err
    command(main, "predict", tmp_path, status=1)
    command(main, "predict", status=2)


@pytest.mark.parametrize("file_format", ["txt", "json", "csv"])
def test_report_writes_each_format(chest_dicom: Path, tmp_path: Path, file_format: str, command: Command) -> None:
    output = tmp_path / f"report.{file_format}"
    command(main, "report", chest_dicom, "--format", file_format, "--output", output)
    text = output.read_text()
    assert DISCLAIMER in text
    if file_format == "json":
        assert len(json.loads(text)["findings"]) == 14
    if file_format == "csv":
        assert len(list(csv.DictReader(text.splitlines()))) == 14


def test_report_writes_documents_and_dicom_objects(
    chest_dicom: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    def report(file_format: str, *options: str) -> Path:
        output = tmp_path / f"report-{file_format}"
        assert main(["report", str(chest_dicom), "--format", file_format, "--output", str(output), *options]) == 0
        return output

    uploaded = dcmread(chest_dicom, stop_before_pixels=True)
    assert report("pdf").read_bytes().startswith(b"%PDF")
    assert dcmread(report("sr")).StudyInstanceUID == uploaded.StudyInstanceUID
    assert "hiatal hernia" in dcmread(report("sc", "--finding", "Hernia")).DerivationDescription
    assert main(["report", str(chest_dicom), "--format", "fhir"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["resourceType"] == "Bundle"


def test_a_finding_that_cannot_be_shown_is_refused(chest_dicom: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(chest_dicom), "--format", "txt", "--finding", "Mass"]) == 1
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    assert "shows no heatmap" in output.err
    with pytest.raises(SystemExit, match="2"):
        main(["report", str(chest_dicom), "--finding", "Fracture"])


def test_report_on_something_else_is_refused_in_one_sentence(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "notes.png"
    path.write_text("not an image at all" * 20)
    assert command(main, "report", path, status=1).err.count("\n") == 1


@pytest.mark.parametrize("script", [app, train, evaluate], ids=lambda script: script.__name__)
def test_help_explains_every_script(script: ModuleType, command: Command) -> None:
    assert len(command(script.main, "--help").out.splitlines()) > 8


def test_the_server_starts_says_where_it_is_and_reports_a_taken_port(tmp_path: Path) -> None:
    environment = {"CHESTLENS_INSTANCE": str(tmp_path), "PATH": "", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(ROOT / "app.py"), "--port"]
    server = subprocess.Popen(
        [*command, "0"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        ready = server.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", ready)
        assert address, ready
        with urllib.request.urlopen(address[0] + "/healthz", timeout=30) as answer:
            assert json.load(answer)["status"] == "ok"
        port = address[0].rsplit(":", 1)[1]
        second = subprocess.run(
            [*command, port], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert second.returncode == 1
        assert "in use" in second.stderr
    finally:
        server.terminate()
        server.communicate(timeout=30)
        time.sleep(0.1)


def test_a_checkpoint_that_does_not_name_its_validation_images_is_not_evaluated(
    nih_folder: Path, tmp_path: Path, command: Command
) -> None:
    shutil.copytree(SHIPPED, tmp_path / "other")
    path = tmp_path / "other" / "config.json"
    config = json.loads(path.read_text())
    del config["provenance"]["validation_studies"]
    path.write_text(json.dumps(config))
    data = ("--dataset", "nih", "--data_dir", nih_folder, "--output_dir", tmp_path)
    done = command(evaluate.main, "--model_path", tmp_path / "other", *data, status=1)
    assert done.err.count("\n") == 1
    assert "does not say which images validated it" in done.err


def test_a_port_that_does_not_exist_is_wrong_use(command: Command) -> None:
    assert "between 0 and 65535" in command(app.main, "--port", 99999, status=2).err


def test_bench_measures_a_running_server(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the writer has in hand would have to be waited for at the end; other tests start it.
    monkeypatch.setenv("CHESTLENS_WRITER", "off")
    lines = command(main, "bench", "--repeats", 2).out
    assert re.search(r"1024 x 1024 PNG, 2 uploads: median \d+\.\d\d s", lines)
    assert "memory" in lines
