import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision

from core.__main__ import main
from core.classifier import Classifier, load_checkpoint, load_config
from core.classifier.heatmaps import closed_form, quickest_way
from core.classifier.training import TrainingSettings, train
from core.classifier.training.initial import initial_network
from core.findings import LABELS
from core.imaging import Radiograph

models = pytest.importorskip("torchxrayvision.models", reason="torchxrayvision is not installed")
ALL, CHEX, RESNET = "densenet121-res224-all", "densenet121-res224-chex", "resnet50-res512-all"


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's cache with files of its own kind and names, but of random weights: no network is needed."""
    folder = tmp_path_factory.mktemp("cache")
    torch.manual_seed(0)
    for name in (ALL, CHEX):
        network = models.DenseNet(num_classes=18)
        torch.nn.init.normal_(network.classifier.weight, std=0.2)
        torch.save(network, folder / os.path.basename(models.model_urls[name]["weights_url"]))
    resnet = torchvision.models.resnet50(num_classes=18, weights=None)
    resnet.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    torch.nn.init.normal_(resnet.fc.weight, std=0.2)
    torch.save(resnet.state_dict(), folder / os.path.basename(models.model_urls[RESNET]["weights_url"]))
    return folder


@pytest.fixture(scope="module")
def converted(downloaded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    for name in (ALL, CHEX, RESNET):
        command = ["import", name, "--cache_dir", str(downloaded), "--output_dir", str(folder / name)]
        assert main(command) == 0
    return folder


def full_range_picture(side: int) -> np.ndarray:
    """8-bit grey values that use the whole range, as the library expects them."""
    picture = np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8)
    picture[0, :2] = 0, 255
    return picture


@pytest.mark.parametrize("name", [ALL, CHEX, RESNET])
def test_probabilities_and_decisions_are_those_of_the_library(name: str, downloaded: Path, converted: Path) -> None:
    make, side = (models.ResNet, 512) if name == RESNET else (models.DenseNet, 224)
    picture = full_range_picture(side)
    theirs = make(weights=name, cache_dir=str(downloaded))
    x = torch.from_numpy((2 * (picture.astype(np.float32) / 255) - 1) * 1024)[None, None]
    both = torch.cat([x, x.flip(-1)])  # ChestLens averages the logits of an image and its mirror image
    with torch.inference_mode():
        theirs.op_threshs = None
        expected = torch.sigmoid(theirs(both).mean(dim=0)).numpy()
    pixels = (picture / np.float32(255)).astype(np.float32)
    radiograph = Radiograph(pixels=pixels, view="PA", pixel_spacing_mm=None, warnings=(), metadata={})
    probabilities = Classifier(converted / name).predict(radiograph).probabilities
    facts = models.model_urls[name]
    points = load_config(converted / name).policy().points
    for column, label in enumerate(LABELS):
        if label in facts["labels"]:
            row = facts["labels"].index(label)
            assert probabilities[column] == pytest.approx(expected[row], abs=1e-5)
            assert points[label].threshold == pytest.approx(facts["op_threshs"][row])
        else:
            assert np.isnan(probabilities[column])


def test_converted_weights_start_a_training_and_findings_that_they_lack_start_afresh(
    converted: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    settings = TrainingSettings(
        backbone="densenet121", initial_weights=str(converted / CHEX), image_size=64, epochs=1, batch_size=8
    )
    network, preprocessing = initial_network(settings)
    before, config = load_checkpoint(converted / CHEX)
    assert preprocessing == replace(config.preprocessing, image_size=64)
    given, kept = network.get_classifier().weight, before.get_classifier().weight
    for row, label in enumerate(config.label_names):
        assert torch.equal(given[LABELS.index(label)], kept[row])
    assert torch.equal(network.features.conv0.weight, before.features.conv0.weight)
    folder = train(table, tmp_path, settings, data_settings={})
    assert load_config(folder).label_names == LABELS
    assert load_config(folder).preprocessing.std == config.preprocessing.std


def test_the_residual_network_has_heatmaps_from_one_pass(converted: Path) -> None:
    network, config = load_checkpoint(converted / RESNET)
    assert config.preprocessing.image_size == 512
    assert quickest_way(network) is closed_form


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("densenet121-res224-none", "those are: densenet121-res224-all"),
        ("densenet121-res224-none", "hf:OWNER/MODEL"),
        (ALL, "give its folder as --cache_dir"),
        (RESNET, "give its folder as --cache_dir"),
    ],
)
def test_what_cannot_be_converted_is_said_in_one_sentence(
    name: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*arguments: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("torchxrayvision.utils.download", offline)
    command = ["import", name, "--cache_dir", str(tmp_path), "--output_dir", str(tmp_path / "out")]
    assert main(command) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
