import errno
import math
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import evaluate
from core.classifier import Classifier, load_config
from core.classifier.preprocessing import Preprocessing
from core.classifier.training import TrainingError, TrainingSettings, train
from core.classifier.training.distillation import Teacher
from core.classifier.training.images import TrainingImages, draw_epoch, soften
from core.classifier.training.initial import initial_network
from core.classifier.training.optimisation import LearningRate
from core.findings import LABELS
from core.settings import ROOT
from train import main

SMALL = TrainingSettings(backbone="test_resnet", initial_weights="none", image_size=64, epochs=3, batch_size=4)


def test_the_command_trains_and_the_evaluation_and_the_app_can_use_the_result(
    nih_folder: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    run = tmp_path / "run"
    small = "--backbone test_resnet --initial_weights none --image_size 64 --epochs 2 --batch_size 4 --use_focal_loss"
    assert "python app.py --checkpoint" in command(main, *_options(nih_folder, run, small)).out
    assert len((run / "summary.csv").read_text().splitlines()) == 3
    assert Classifier(run / "checkpoint").config.provenance["training"]["use_focal_loss"] is True

    data = ("--dataset", "nih", "--data_dir", nih_folder, "--split_fractions", 0.7, 0.3, 0)
    where = ("--model_path", run / "checkpoint", "--split", "val", "--output_dir", tmp_path / "figures")
    assert "calling everything absent scores" in command(evaluate.main, *data, *where).out


def test_a_stopped_run_ends_like_an_uninterrupted_one(table: pd.DataFrame, tmp_path: Path, monkeypatch) -> None:
    whole = train(table, tmp_path / "whole", SMALL, data_settings={})

    from core.classifier.training import loop

    real, updates = loop._Run._update, []

    def stop_in_the_middle_of_the_second_epoch(*arguments: object) -> float:
        updates.append(arguments)
        if len(updates) == 6:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop._Run, "_update", stop_in_the_middle_of_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        train(table, tmp_path / "stopped", SMALL, data_settings={})
    monkeypatch.undo()
    resumed = train(table, tmp_path / "stopped", SMALL, data_settings={})

    assert _losses(tmp_path / "stopped") == pytest.approx(_losses(tmp_path / "whole"), abs=1e-6)
    expected, found = load_file(whole / "model.safetensors"), load_file(resumed / "model.safetensors")
    assert all(torch.allclose(expected[name].float(), found[name].float(), atol=1e-5) for name in expected)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_lowers_the_loss(table: pd.DataFrame, tmp_path: Path, precision: str) -> None:
    settings = replace(SMALL, epochs=8, learning_rate=3e-3, precision=precision)
    train(table, tmp_path, settings, data_settings={})
    losses = _losses(tmp_path)
    assert min(losses[-2:]) < 0.75 * losses[0]


def test_a_run_with_other_settings_is_not_resumed_by_mistake(table: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("{}\n")
    with pytest.raises(ValueError, match="holds a run with other settings"):
        train(table, tmp_path, SMALL, data_settings={})


def test_initial_weights_may_come_from_an_earlier_checkpoint(trained_run: Path) -> None:
    first = trained_run / "checkpoint"
    network, _ = initial_network(replace(SMALL, initial_weights=str(first), image_size=96))
    assert torch.equal(network.state_dict()["conv1.0.weight"], load_file(first / "model.safetensors")["conv1.0.weight"])
    with pytest.raises(ValueError, match="are of 'test_resnet', not of 'resnet18'"):
        initial_network(replace(SMALL, initial_weights=str(first), backbone="resnet18"))


def test_what_an_earlier_checkpoint_learned_from_never_validates_its_successor(
    nih_folder: Path, tmp_path: Path, trained_run: Path, command: Callable[..., Any]
) -> None:
    def validated(name: str, *options: str) -> list[str]:
        small = f"--backbone test_resnet --image_size 64 --epochs 1 --batch_size 4 --split_seed 3 {' '.join(options)}"
        command(main, *_options(nih_folder, tmp_path / name, small))
        return load_config(tmp_path / name / "checkpoint").provenance["validation_studies"]

    first = load_config(trained_run / "checkpoint").provenance["validation_studies"]
    assert validated("other", "--initial_weights", "none") != first
    assert validated("second", "--initial_weights", str(trained_run / "checkpoint")) == first


def test_a_missing_folder_ends_with_one_sentence_and_exit_code_one(tmp_path: Path, command: Callable[..., Any]) -> None:
    done = command(main, "--dataset", "nih", "--data_dir", tmp_path, "--output_dir", tmp_path, status=1)
    assert done.err.strip().startswith("train.py: No Data_Entry_2017_v2020.csv")


def _losses(run: Path) -> list[float]:
    return pd.read_csv(run / "summary.csv")["train_loss"].tolist()


def test_a_teacher_moves_the_targets_of_its_images_half_way_and_leaves_unknown_labels_unknown() -> None:
    table = pd.DataFrame({"image_path": ["a", "b"], **{label: [1.0, 0.0] for label in LABELS}})
    table.loc[0, "Mass"] = float("nan")
    teacher = pd.DataFrame({label: [0.5] for label in LABELS}, index=pd.Index(["a"], name="image_path"))
    targets = pd.DataFrame(soften(table, Teacher(teacher)), columns=list(LABELS))
    assert targets.loc[0].drop("Mass").eq(0.75).all()
    assert math.isnan(targets.loc[0, "Mass"])
    assert targets.loc[1].eq(0).all()


# A backbone without batch norm, whose results do not depend on how a batch is divided.
EVEN = "--backbone test_convnext --initial_weights none --image_size 64 --epochs 1 --batch_size 4 --drop_rate 0"
EVEN += " --drop_path_rate 0 --precision fp32 --loader_workers 0"


def _options(nih_folder: Path, run: Path, options: str) -> list[str]:
    data = ["--dataset", "nih", "--data_dir", str(nih_folder), "--split_fractions", "0.7", "0.3", "0"]
    return [*data, "--output_dir", str(run), *options.split()]


def _teacher_file(nih_folder: Path) -> Path:
    """Another model's probabilities of every other image."""
    studies = sorted(path.stem for path in (nih_folder / "images").iterdir())[::2]
    rows = [
        {"Image Index": study, **{label: 0.01 * (1 + (i + j) % 30) for j, label in enumerate(LABELS)}}
        for i, study in enumerate(studies)
    ]
    pd.DataFrame(rows).to_csv(path := nih_folder.parent / "teacher.csv", index=False)
    return path


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in another number of threads differ in the last digits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_two_processes_and_accumulated_parts_give_the_loss_of_one(nih_folder: Path, tmp_path: Path) -> None:
    assert main(_options(nih_folder, tmp_path / "one", EVEN)) == 0
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines"]
    launch += ["1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    launch += [str(ROOT / "train.py"), *_options(nih_folder, tmp_path / "two", EVEN)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(launch, capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    halves = EVEN.replace("--batch_size 4", "--batch_size 2 --gradient_accumulation_steps 2")
    assert main(_options(nih_folder, tmp_path / "halves", halves)) == 0
    expected = _losses(tmp_path / "one")
    assert _losses(tmp_path / "two") == pytest.approx(expected, abs=2e-5)
    assert _losses(tmp_path / "halves") == pytest.approx(expected, abs=2e-5)
    weights = [load_file(tmp_path / name / "checkpoint" / "model.safetensors") for name in ("one", "two")]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-4) for name in weights[0])


@pytest.mark.usefixtures("one_thread")
def test_a_killed_run_goes_on_exactly(nih_folder: Path, tmp_path: Path) -> None:
    small = "--backbone test_resnet --initial_weights none --image_size 64 --epochs 4 --batch_size 4"
    small += f" --boxes {nih_folder / 'BBox_List_2017.csv'} --teacher {_teacher_file(nih_folder)}"
    assert main(_options(nih_folder, tmp_path / "whole", small)) == 0
    options = _options(nih_folder, tmp_path / "killed", small)
    # Forked, it need not import again, which takes longer than all it does.
    run = multiprocessing.get_context("fork").Process(target=main, args=(options,))
    run.start()
    while not (tmp_path / "killed" / "state.pt").exists():
        assert run.is_alive()
        time.sleep(0.02)
    run.kill()
    run.join()
    assert main(options) == 0
    assert _losses(tmp_path / "killed") == pytest.approx(_losses(tmp_path / "whole"), abs=1e-6)


def test_a_config_file_gives_options_and_the_command_line_wins(
    nih_folder: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"dataset: nih\ndata_dir: {nih_folder}\nsplit_fractions: [0.7, 0.3, 0]\nbackbone: test_resnet\n"
        "initial_weights: none\nimage_size: 64\nepochs: 3\nuse_asymmetric_loss: true\nschedule: plateau\n"
    )
    done = command(main, "--config", config, "--epochs", 1, "--output_dir", tmp_path / "run")
    assert "Evaluate it with: python evaluate.py --model_path" in done.out
    saved = yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())
    assert (saved["training"]["epochs"], saved["training"]["use_asymmetric_loss"]) == (1, True)
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    config.write_text("epoch: 3\n")
    refused = command(main, "--config", config, "--epochs", 1, "--output_dir", tmp_path / "other", status=1)
    assert refused.err.count("\n") == 1
    assert "the option 'epoch', which does not exist" in refused.err


def test_training_ends_early_when_no_epoch_is_better(table: pd.DataFrame, tmp_path: Path) -> None:
    # At this rate nothing is learned, and without batch norm nothing else changes: the first epoch stays the best.
    settings = replace(SMALL, backbone="test_convnext", epochs=9, learning_rate=1e-12, monitor="loss")
    train(table, tmp_path, replace(settings, early_stopping_patience=2), data_settings={})
    assert len(_losses(tmp_path)) == 3
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in board.Scalars("loss/val")] == [1, 2, 3]
    # Pictures are of what is kept.
    assert [event.step for event in board.Images("curves/1")] == [1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"precision": "fp16"}, "--precision fp16 needs a GPU"),
        ({"learning_rate": 1e30, "clip_norm": 0.0, "warmup_share": 0.0}, "lower --learning_rate"),
        ({"backbone": "vit_tiny_patch16_224"}, "choose another --backbone"),
        ({"gradient_accumulation_steps": 100}, "lower --gradient_accumulation_steps"),
    ],
)
def test_what_cannot_work_names_the_flag_to_change(
    table: pd.DataFrame, tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    if changes.get("precision") == "fp16" and torch.cuda.is_available():
        pytest.skip("fp16 works on this machine's GPU")
    with pytest.raises(ValueError, match=sentence):
        train(table, tmp_path, replace(SMALL, **changes), data_settings={})


def test_validation_images_without_any_finding_cannot_choose_by_auroc(table: pd.DataFrame, tmp_path: Path) -> None:
    table.loc[table["split"] == "val", list(LABELS)] = 0.0
    with pytest.raises(ValueError, match="use --monitor loss"):
        train(table, tmp_path, SMALL, data_settings={})
    train(table, tmp_path, replace(SMALL, epochs=1, monitor="loss"), data_settings={})
    assert pd.read_csv(tmp_path / "summary.csv")["val_macro_auroc"].isna().all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("precision", "int8"), ("schedule", "step"), ("monitor", "f1"), ("epochs", 0), ("image_size", 2048)],
)
def test_a_setting_out_of_range_is_refused_with_its_flag(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"--{name} must be"):
        replace(SMALL, **{name: value})


@pytest.mark.parametrize(
    ("raised", "sentence"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "lower --batch_size"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "--loader_workers 0"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk of --output_dir is full"),
    ],
)
def test_what_a_machine_runs_out_of_is_said_in_words(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, sentence: str
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise raised

    monkeypatch.setattr("core.classifier.training.loop._Run._forward", fail)
    before = set(multiprocessing.active_children())
    with pytest.raises(TrainingError, match=sentence) as caught:
        train(table, tmp_path, replace(SMALL, loader_workers=1), data_settings={})
    assert caught.tb is not None  # it refers to all that the run held, and no loader process may live on by that
    assert set(multiprocessing.active_children()) <= before


def test_the_learning_rate_rises_falls_and_drops_on_a_plateau() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = LearningRate(optimiser, TrainingSettings(learning_rate=1.0, warmup_share=0.1), 100)
    rates = [cosine.set(step) for step in range(100)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001
    plateau = LearningRate(optimiser, TrainingSettings(learning_rate=1.0, schedule="plateau", warmup_share=0), 100)
    for better in (True, False, False, False):
        assert plateau.set(1) == 1.0
        plateau.after_epoch(better=better)
    assert plateau.set(1) == pytest.approx(0.1)


def test_rare_findings_are_drawn_more_often_when_asked() -> None:
    labels = torch.zeros(1000, 14)
    labels[:300, 0] = 1
    labels[300:310, 1] = 1
    drawn = [row for step in draw_epoch(labels, step_size=10, seed=0, epoch=0, balanced=True) for row in step]
    assert sum(300 <= row < 310 for row in drawn) > 25
    plain = [row for step in draw_epoch(labels, step_size=10, seed=0, epoch=0, balanced=False) for row in step]
    assert sorted(plain) == list(range(1000))


def test_images_that_do_not_fit_into_memory_are_read_as_they_are_needed(
    table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    preprocessing = Preprocessing(image_size=64)
    held = TrainingImages(table, preprocessing, name="train")
    monkeypatch.setattr("core.classifier.training.images.HELD_IN_MEMORY", 0)
    read = TrainingImages(table, preprocessing, name="train")
    assert read.held is None
    assert torch.equal(held[3][0], read[3][0])
