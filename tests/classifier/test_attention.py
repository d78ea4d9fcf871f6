from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.classifier.network import build_network
from core.classifier.preprocessing import Preprocessing
from core.classifier.training import TrainingSettings, train
from core.classifier.training.attention import WithEvidence, attention_loss
from core.classifier.training.images import TrainingImages
from core.datasets import load_boxes
from core.findings import LABELS

MASS = LABELS.index("Mass")
SMALL = TrainingSettings(backbone="test_resnet", initial_weights="none", image_size=64, epochs=1, batch_size=4)


@pytest.fixture
def boxes(nih_folder: Path) -> pd.DataFrame:
    return load_boxes(nih_folder / "BBox_List_2017.csv")


def test_the_loss_is_the_share_of_attention_outside_the_box_and_leaves_unboxed_findings_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    evidence = torch.randn(2, len(LABELS), 4, 4, generator=generator)
    regions = torch.zeros(2, len(LABELS), 8, 8)
    regions[1, MASS, 2:4, 4:8] = 1
    attention = np.exp(evidence[1, MASS].numpy())
    share = attention[1, 2:4].sum() / attention.sum()
    assert attention_loss(evidence, regions).item() == pytest.approx(-np.log(share), abs=1e-5)
    assert attention_loss(evidence, torch.zeros_like(regions)).item() == 0


def test_boxes_stay_on_their_finding_through_augmentation(table: pd.DataFrame, boxes: pd.DataFrame) -> None:
    rows = table[table["Mass"] == 1].reset_index(drop=True)
    images = TrainingImages(rows, Preprocessing(image_size=128), name="train", boxes=boxes)
    bright = []
    for epoch in range(4):
        images.augment(seed=0, epoch=epoch)
        for row in range(len(rows)):
            x, _, _, regions = images[row]
            assert regions.shape == (len(LABELS), 8, 8)
            assert regions.sum() == regions[MASS].sum()
            covered = torch.nn.functional.interpolate(regions[MASS][None, None], size=(128, 128))[0, 0] > 0.9
            if covered.any():
                # The square is among the brightest parts of a picture, whatever was done to pose and exposure.
                bright.append(bool(x[0][covered].median() > torch.quantile(x[0], 0.75)))
    assert len(bright) > len(rows)
    assert np.mean(bright) > 0.9  # a few squares are hidden by the dropout of the augmentation


def test_the_loss_draws_the_peak_of_a_heatmap_into_the_box() -> None:
    torch.manual_seed(0)
    network = WithEvidence(build_network("test_resnet", initial_weights="none"))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    x = torch.rand(4, 1, 128, 128)
    regions = torch.zeros(4, len(LABELS), 8, 8)
    for row in range(4):
        regions[row, MASS, 2 * row : 2 * row + 2, 2:4] = 1  # one cell of the 4 x 4 feature map
    for _ in range(30):
        optimiser.zero_grad()
        attention_loss(network(x)[1], regions).backward()
        optimiser.step()
    peaks = network(x)[1][:, MASS].flatten(1).argmax(dim=1)
    assert peaks.tolist() == [1, 5, 9, 13]


def test_a_training_with_boxes_counts_them_with_their_weight(
    table: pd.DataFrame, boxes: pd.DataFrame, tmp_path: Path
) -> None:
    losses = []
    for weight in (0.0, 0.5):
        settings = replace(SMALL, learning_rate=1e-9, attention_weight=weight)  # so small that nothing is learned
        train(table, tmp_path / str(weight), settings, data_settings={}, boxes=boxes)
        losses.append(pd.read_csv(tmp_path / str(weight) / "summary.csv")["train_loss"].item())
    training = table[table["split"] == "train"]
    boxed = training["study_id"].isin(boxes["study_id"]).mean()
    # A fresh network looks everywhere alike, so that the share of attention in a box is its share of the picture.
    area = ((boxes["right"] - boxes["left"]) * (boxes["bottom"] - boxes["top"])).mean()
    assert losses[1] - losses[0] == pytest.approx(0.5 * boxed * -np.log(area), rel=0.25)


def test_boxes_that_cannot_teach_are_refused(table: pd.DataFrame, boxes: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cover none of the training images"):
        train(table, tmp_path, SMALL, data_settings={}, boxes=boxes.assign(study_id="other"))
    with pytest.raises(ValueError, match="convnext_atto does not end in one linear layer, which --boxes needs"):
        train(table, tmp_path / "b", replace(SMALL, backbone="convnext_atto"), data_settings={}, boxes=boxes)
