import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from core.__main__ import main
from core.datasets import COLUMNS, read_table
from core.evaluation.bench import data
from core.findings import LABELS
from core.settings import ROOT

Run = Callable[..., Any]


@pytest.fixture
def run(command: Callable[..., Any]) -> Run:
    """Calls ``python -m core``."""
    return partial(command, main)


def test_label_prints_labels_and_mentions_as_json(run: Run) -> None:
    answer = json.loads(run("label", "--text", "Small left effusion. No edema. Possible mass.", "--json").out)
    assert list(answer["labels"]) == list(LABELS)
    assert [answer["labels"][name] for name in ("Effusion", "Edema", "Mass", "Hernia")] == [1, 0, -1, None]
    first = answer["mentions"][0]
    assert (first["severity"], first["laterality"], first["sentence"]) == ("small", "left", "Small left effusion")


def test_label_prints_what_people_read(run: Run) -> None:
    text = run("label", "--text", "Small left effusion.", "--chexpert").out
    assert "Effusion" in text
    assert "present (small, left)" in text
    assert "Pleural Effusion" in text
    assert "none of the 14" in run("label", "--text", "Unremarkable bones.").out


def test_label_labels_a_file_and_lists_bad_rows(tmp_path: Path, run: Run) -> None:
    (tmp_path / "reports.csv").write_text("id,text\n1,Edema.\n2,\n")
    done = run("label", "--input", tmp_path / "reports.csv", "--output", tmp_path / "labels.csv")
    assert "2 reports labelled" in done.out
    assert "1 row or file was left out" in done.err
    rows = list(csv.DictReader((tmp_path / "labels.csv").read_text().splitlines()))
    assert [row["Edema"] for row in rows] == ["1", ""]
    assert "row 3" in (tmp_path / "labels.problems.csv").read_text()


@pytest.mark.parametrize(
    "arguments", [("label",), ("label", "--input", "a.csv"), ("table", "--dataset", "nih"), ("table", "--dataset", "x")]
)
def test_wrong_use_exits_with_two(arguments: tuple[str, ...], run: Run) -> None:
    run(*arguments, status=2)


def test_table_writes_the_fixed_columns_and_lists_what_it_left_out(nih_folder: Path, tmp_path: Path, run: Run) -> None:
    (nih_folder / "images" / "00000004_001.png").unlink()
    done = run("table", "--dataset", "nih", "--data_dir", nih_folder, "--output", tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 23
    assert {row["Mass"] for row in rows} == {"0", "1"}
    assert "note: 1 of 24 images" in done.err
    assert "00000004_001.png" in (tmp_path / "table.problems.csv").read_text()
    run("table", "--dataset", "nih", "--data_dir", nih_folder, "--output", tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.parquet"), read_table(tmp_path / "table.csv"))


def test_table_says_in_one_sentence_what_is_wrong_with_the_folder(tmp_path: Path, run: Run) -> None:
    for name in ("nih", "openi", "rexgradient", "mimic", "csv"):
        done = run("table", "--dataset", name, "--data_dir", tmp_path / "no", "--output", tmp_path / "t.csv", status=1)
        assert done.err.count("\n") == 1
        assert str(tmp_path / "no") in done.err
    assert not (tmp_path / "t.csv").exists()


def test_prepared_copies_can_be_trained_on_as_they_lie(nih_folder: Path, tmp_path: Path, run: Run) -> None:
    (nih_folder / "images" / "00000004_001.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    output = tmp_path / "prepared"
    options = ("--dataset", "nih", "--data_dir", nih_folder, "--image_size", "64", "--output", output)
    done = run("prepare", *options)
    assert "23 of 24 images prepared" in done.out
    assert "00000004_001.png" in (output / "problems.csv").read_text()
    again = read_table(output / "table.csv")
    assert len(again) == 23
    assert max(Image.open(again["image_path"][0]).size) == 64
    run("prepare", *options)
    run("table", "--dataset", "csv", "--data_dir", output, "--output", tmp_path / "again.csv")
    assert read_table(tmp_path / "again.csv")["split"].tolist() == again["split"].tolist()


def test_quality_writes_a_page_and_says_the_main_things(nih_folder: Path, tmp_path: Path, run: Run) -> None:
    run("table", "--dataset", "nih", "--data_dir", nih_folder, "--output", tmp_path / "table.csv")
    done = run("quality", tmp_path / "table.csv", "--output", tmp_path / "quality")
    result = json.loads((tmp_path / "quality" / "quality.json").read_text())
    assert all(sentence["text"] in done.out for sentence in result["summary"])
    assert (tmp_path / "quality" / "quality.html").stat().st_size > 10_000
    assert "There is no table" in run("quality", tmp_path / "none.csv", "--output", tmp_path, status=1).err


def test_tables_that_the_hub_does_not_give_are_said_in_one_sentence(tmp_path: Path) -> None:
    options = ("table", "--dataset", "rexgradient", "--data_dir", str(tmp_path), "--output", str(tmp_path / "t.csv"))
    command = [sys.executable, "-m", "core", *options]
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    done = subprocess.run(command, cwd=ROOT, env=offline, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "run hf auth login" in done.stderr


@pytest.mark.real_data
def test_the_labeler_study_prints_train_and_test_apart(shared_data: Path, tmp_path: Path, run: Run) -> None:
    if importlib.util.find_spec("torchxrayvision") is None:
        pytest.skip("torchxrayvision, which carries the Open-i reports, is not installed")
    split = shared_data / "openi" / "r2gen_split.csv"
    done = run("labeler-study", "--r2gen_split", split, "--output", tmp_path / "study.json")
    assert "R2Gen train (2028 reports)" in done.out
    assert "R2Gen test (565 reports)" in done.out
    assert json.loads((tmp_path / "study.json").read_text())["splits"]["all"]["micro_f1"] > 0.9


def test_bench_measures_the_work_on_data(
    nih_folder: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "NIH_ROWS", 2_000)
    monkeypatch.setattr(data, "NIH_PATIENTS", 500)
    options = ("--images", nih_folder / "images", "--image_size", "64", "--output", tmp_path / "bench.json")
    lines = run("bench", "data", *options).out
    told = json.loads((tmp_path / "bench.json").read_text())
    assert [figure["text"] for figure in told["figures"]] == lines.splitlines()
    assert re.search(r"labeler: [\d,]+ reports/s|labeler: not measured", lines)
    assert re.search(r"NIH table of 2,000 rows, read and split: \d+\.\d s, peak memory \d\.\d\d GiB", lines)
    assert re.search(r"preparation of 24 images to 64 pixels with \d+ processes: \d+ images/s", lines)


def test_the_paths_of_predictions_are_read_back_as_a_data_set(
    run: Run, tmp_path: Path, phantom_png_bytes: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("films/a/view1.png", "films/b/view1.png", "films/b/1.2.840.7", 'films/b/ÿ ,"x".png'):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(phantom_png_bytes)
    Path("films/b/broken.png").write_bytes(b"torn")
    Path("out").mkdir()
    run("predict", "films", "--output", "out/predictions.csv")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")  # relative paths are those of the table, not of the reader
    run("table", "--dataset", "csv", "--data_dir", "../out/predictions.csv", "--output", "table.csv")
    table = read_table(Path("table.csv"))
    wanted = {path for path in (tmp_path / "films").rglob("*") if path.is_file() and path.name != "broken.png"}
    assert {Path(path) for path in table["image_path"]} == {path.resolve() for path in wanted}
    assert table[list(LABELS)].isna().all(axis=None)
    left_out = list(csv.DictReader(next(Path().glob("*problem*")).open()))
    assert any("It was not judged" in str(row) for row in left_out)
