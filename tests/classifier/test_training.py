import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from core.classifier import Classifier
from core.classifier.training import TrainingSettings, soften, train
from core.datasets import load_nih
from core.findings import LABELS
from core.settings import ROOT

SMALL = TrainingSettings(backbone="resnet10t", initial_weights="none", image_size=64, epochs=3, batch_size=4)


@pytest.fixture
def table(nih_folder: Path) -> pd.DataFrame:
    return load_nih(nih_folder, val_fraction=0.3)


def test_the_command_trains_and_the_evaluation_and_the_app_can_use_the_result(nih_folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    data = ["--dataset", "nih", "--data_dir", str(nih_folder)]
    small = "--backbone resnet10t --initial_weights none --image_size 64 --epochs 2 --batch_size 4 --use_focal_loss"
    command = [sys.executable, str(ROOT / "train.py"), *data, "--output_dir", str(run), "--val_fraction", "0.3"]
    trained = subprocess.run([*command, *small.split()], capture_output=True, text=True, check=False)
    assert trained.returncode == 0, trained.stderr
    assert "python app.py --checkpoint" in trained.stdout
    assert len((run / "summary.csv").read_text().splitlines()) == 3
    assert Classifier(run / "checkpoint").config.provenance["training"]["use_focal_loss"] is True

    where = ["--model_path", str(run / "checkpoint"), "--split", "val", "--output_dir", str(tmp_path / "figures")]
    command = [sys.executable, str(ROOT / "evaluate.py"), *data, *where]
    evaluated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "calling everything absent scores" in evaluated.stdout


def test_a_stopped_run_ends_like_an_uninterrupted_one(table: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    whole = train(table, tmp_path / "whole", SMALL, data_settings={})

    from core.classifier import training

    real, epochs = training._train_epoch, []

    def stop_in_the_second_epoch(*arguments: object) -> float:
        epochs.append(arguments)
        if len(epochs) == 2:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(training, "_train_epoch", stop_in_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        train(table, tmp_path / "stopped", SMALL, data_settings={})
    monkeypatch.undo()
    resumed = train(table, tmp_path / "stopped", SMALL, data_settings={})

    assert _losses(tmp_path / "stopped") == pytest.approx(_losses(tmp_path / "whole"), abs=1e-6)
    expected, found = load_file(whole / "model.safetensors"), load_file(resumed / "model.safetensors")
    assert all(torch.allclose(expected[name].float(), found[name].float(), atol=1e-5) for name in expected)


def test_training_lowers_the_loss(table: pd.DataFrame, tmp_path: Path) -> None:
    settings = TrainingSettings(
        backbone="resnet10t", initial_weights="none", image_size=64, epochs=8, batch_size=4, learning_rate=3e-3
    )
    train(table, tmp_path, settings, data_settings={})
    losses = _losses(tmp_path)
    assert min(losses[-2:]) < 0.75 * losses[0]


def test_a_run_with_other_settings_is_not_resumed_by_mistake(table: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}\n")
    with pytest.raises(ValueError, match="holds a run with other settings"):
        train(table, tmp_path, SMALL, data_settings={})


def test_initial_weights_may_come_from_an_earlier_checkpoint(table: pd.DataFrame, tmp_path: Path) -> None:
    from dataclasses import replace

    from core.classifier.training import _initial_network

    first = train(table, tmp_path / "first", replace(SMALL, epochs=1), data_settings={})
    network = _initial_network(replace(SMALL, initial_weights=str(first), image_size=96))
    assert torch.equal(network.state_dict()["conv1.0.weight"], load_file(first / "model.safetensors")["conv1.0.weight"])
    with pytest.raises(ValueError, match="are of 'resnet10t', not of 'resnet18'"):
        _initial_network(replace(SMALL, initial_weights=str(first), backbone="resnet18"))


def test_a_missing_folder_ends_with_one_sentence_and_exit_code_one(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "--dataset", "nih", "--data_dir", str(tmp_path)]
    done = subprocess.run([*command, "--output_dir", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().startswith("train.py: No Data_Entry_2017_v2020.csv")
    assert "Traceback" not in done.stderr


def _losses(run: Path) -> list[float]:
    return pd.read_csv(run / "summary.csv")["train_loss"].tolist()


def test_a_teacher_moves_the_targets_of_its_images_half_way_and_leaves_unknown_labels_unknown() -> None:
    table = pd.DataFrame({"study_id": ["a", "b"], **{label: [1.0, 0.0] for label in LABELS}})
    table.loc[0, "Mass"] = float("nan")
    teacher = pd.DataFrame({label: [0.5] for label in LABELS}, index=pd.Index(["a"], name="study_id"))
    targets = pd.DataFrame(soften(table, teacher), columns=list(LABELS))
    assert targets.loc[0].drop("Mass").eq(0.75).all()
    assert math.isnan(targets.loc[0, "Mass"])
    assert targets.loc[1].eq(0).all()
    with pytest.raises(ValueError, match="cover none of the training images"):
        soften(table, teacher.rename(index={"a": "z"}))
