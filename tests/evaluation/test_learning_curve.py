import json
import math
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from core.__main__ import main
from core.datasets import load_table, patient_keys
from core.evaluation.learning_curve import subset


def test_shares_are_nested_and_divide_no_patient(nih_folder: Path) -> None:
    table = load_table(["nih"], [nih_folder], fractions=(1, 0, 0)).table
    parts = [subset(table, share, seed=3) for share in (0.2, 0.5, 1.0)]
    assert [len(part) for part in parts] == [6, 12, 24]  # whole patients of two images each
    for smaller, larger in pairwise(parts):
        assert set(smaller["study_id"]) < set(larger["study_id"])
    for part in parts:
        rest = table.drop(part.index)
        assert not set(patient_keys(part)) & set(patient_keys(rest))


def test_the_command_trains_each_share_once_and_says_what_a_doubling_brought(
    nih_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    command = ["learning-curve", "--dataset", "nih", "--data_dir", str(nih_folder), "--shares", "0.5", "1"]
    command += ["--split_fractions", "0.5", "0.5", "0", "--backbone", "resnet10t", "--initial_weights", "none"]
    command += ["--image_size", "64", "--epochs", "2", "--batch_size", "4", "--output_dir", str(tmp_path / "curve")]
    assert main(command) == 0
    assert "each doubling of the images brought" in capsys.readouterr().out
    curve = json.loads((tmp_path / "curve" / "learning_curve.json").read_text())
    half, full = curve["points"]
    assert half["n_images"] < full["n_images"]
    for point in curve["points"]:
        low, high = point["macro_auroc_ci95"]
        assert 0 <= low <= point["macro_auroc"] <= high <= 1
    gain = curve["gain_per_doubling"]
    doublings = math.log2(full["n_images"] / half["n_images"])
    assert gain["macro_auroc"] == pytest.approx((full["macro_auroc"] - half["macro_auroc"]) / doublings)
    assert (tmp_path / "curve" / "learning_curve.png").stat().st_size > 5000
    # As many steps at each point, and nothing is trained twice.
    runs = [tmp_path / "curve" / f"share-{share}" for share in ("0.5", "1")]
    written = [(run / "state.pt").stat().st_mtime_ns for run in runs]
    assert [len(pd.read_csv(run / "summary.csv")) for run in runs] == [2, 2]
    assert main(command) == 0
    assert [(run / "state.pt").stat().st_mtime_ns for run in runs] == written
    assert main([*command, "--shares", "1"]) == 1
    assert "--shares needs two or more" in capsys.readouterr().err
