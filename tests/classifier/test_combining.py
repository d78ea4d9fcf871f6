"""Several checkpoints as one: the mean of their networks, calibrated on images that none of them learned from."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.__main__ import main
from core.classifier import CheckpointError, Classifier, load_checkpoint, load_config
from core.classifier.combining import combine
from core.classifier.heatmaps import evidence_maps
from core.classifier.training import TrainingSettings, train
from core.classifier.training.initial import initial_network
from core.datasets import load_table
from core.imaging.reader import read_radiograph

SMALL = TrainingSettings(backbone="test_resnet", initial_weights="none", image_size=64, epochs=1, batch_size=4)


@pytest.fixture(scope="module")
def table(rendered_nih: Path) -> pd.DataFrame:
    """The rendered collection, divided by patient into training and validation images."""
    return load_table(["nih"], [rendered_nih], fractions=(0.7, 0.3, 0)).table


@pytest.fixture(scope="module")
def members(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small networks, of two backbones, at two sizes."""
    folder = tmp_path_factory.mktemp("members")
    other = replace(SMALL, backbone="mobilenetv2_035", image_size=96, seed=1)
    data = {"split_fractions": [0.7, 0.3, 0], "split_seed": 0, "new_splits": False}
    return [
        train(table, folder / name, settings, data_settings=data) for name, settings in (("one", SMALL), ("two", other))
    ]


def test_the_command_writes_the_mean_which_every_other_command_takes(
    members: list[Path], rendered_nih: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mean = tmp_path / "mean"
    data = ["--dataset", "nih", "--data_dir", str(rendered_nih)]
    assert main(["combine", *map(str, members), "--output_dir", str(mean), *data]) == 0
    assert "Validation macro AUROC of the mean" in capsys.readouterr().out

    config = load_config(mean)
    assert config.architecture == "test_resnet+mobilenetv2_035"
    assert config.preprocessing.image_size == 96
    assert [member["architecture"] for member in config.provenance["members"]] == ["test_resnet", "mobilenetv2_035"]
    assert config.provenance["validation_studies"] == load_config(members[0]).provenance["validation_studies"]

    x = torch.rand(2, 1, 96, 96)
    networks = [load_checkpoint(folder)[0] for folder in members]
    logits, maps = evidence_maps(load_checkpoint(mean)[0], x)
    parts = [evidence_maps(network, x) for network in networks]
    # Weights are rounded to half precision, which halves the file.
    torch.testing.assert_close(logits, (parts[0][0] + parts[1][0]) / 2, rtol=0.01, atol=0.01)
    torch.testing.assert_close(maps, (parts[0][1] + parts[1][1]) / 2, rtol=0.05, atol=0.05)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (*members, mean)]
    assert sizes[2] < 0.6 * (sizes[0] + sizes[1])
    torch.testing.assert_close(load_checkpoint(mean)[0](x), logits)

    image = next((rendered_nih / "images").glob("*.png"))
    prediction = Classifier(mean).predict(read_radiograph(image.read_bytes()))
    assert np.isfinite(prediction.probabilities).all()
    assert prediction.heatmaps.shape == (14, 96, 96)


def test_the_mean_is_calibrated_on_the_validation_images(
    members: list[Path], table: pd.DataFrame, tmp_path: Path
) -> None:
    combine(members, tmp_path / "mean", table, image_size=64)
    config = load_config(tmp_path / "mean")
    points = config.policy().points["Mass"]
    validation = table[table["split"] == "val"]
    assert points.n_positive == (validation["Mass"] == 1).sum()
    assert points.n_negative == (validation["Mass"] == 0).sum()
    assert config.calibration != load_config(members[0]).calibration


def test_members_of_a_mean_count_like_any_other(members: list[Path], table: pd.DataFrame, tmp_path: Path) -> None:
    combine(members, tmp_path / "mean", table)
    combine([tmp_path / "mean", members[0]], tmp_path / "three", table)
    network, config = load_checkpoint(tmp_path / "three")
    assert config.architecture == "test_resnet+mobilenetv2_035+test_resnet"
    assert [one["architecture"] for one in config.provenance["members"]] == config.architecture.split("+")
    x = torch.rand(2, 1, 96, 96)
    one, other = (load_checkpoint(folder)[0](x) for folder in members)
    torch.testing.assert_close(network(x), (2 * one + other) / 3, rtol=0.01, atol=0.01)


def test_training_goes_on_from_the_member_of_its_backbone(
    members: list[Path], table: pd.DataFrame, tmp_path: Path
) -> None:
    combine(members, tmp_path / "mean", table)
    one = replace(SMALL, initial_weights=str(tmp_path / "mean"))
    found, expected = initial_network(one)[0], load_checkpoint(members[0])[0]
    for name, weights in expected.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], weights, rtol=1e-3, atol=1e-4, msg=name)
    with pytest.raises(ValueError, match="not of 'resnet18'"):
        initial_network(replace(one, backbone="resnet18"))


def test_members_that_do_not_go_together_are_refused(members: list[Path], table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="Give two"):
        combine(members[:1], tmp_path / "mean", table)
    with pytest.raises(ValueError, match="validation images of"):
        combine(members, tmp_path / "mean", table[table["split"] == "train"])

    def changed(**changes: object) -> list[Path]:
        folder = tmp_path / "changed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(members[1], folder)
        config = json.loads((folder / "config.json").read_text())
        for key, value in changes.items():
            config[key] |= value
        (folder / "config.json").write_text(json.dumps(config))
        return [members[0], folder]

    with pytest.raises(CheckpointError, match="different images"):
        combine(changed(provenance={"validation_studies": ["00000001_000"]}), tmp_path / "mean", table)
    with pytest.raises(CheckpointError, match="prepare images differently"):
        combine(changed(preprocessing={"low_percentile": 2.0}), tmp_path / "mean", table)
    assert not (tmp_path / "mean").exists()
