"""The settings that made the shipped checkpoint still read the collection as they did then."""

from pathlib import Path

import pytest

import train
from core.classifier import SHIPPED
from core.classifier.training import read_inputs
from core.settings import ROOT

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize(
    ("name", "images", "taught"), [("classifier_all_128", 14_179, 0.8), ("classifier_sharp_320", 2_606, 0.8)]
)
def test_a_shipped_config_reads_its_images_and_its_teachers(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, images: int, taught: float
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(shared_data)
    options = train.parse_arguments(["--config", str(ROOT / f"configs/{name}.yaml"), "--output_dir", "runs/x"])
    earlier = tmp_path / options.initial_weights
    earlier.parent.mkdir(parents=True)
    earlier.symlink_to(SHIPPED)
    inputs = read_inputs(options)
    training = inputs.table[inputs.table["split"] == "train"]
    # As many as the model card says.
    assert len(training) == images
    assert inputs.teacher is not None
    known = inputs.teacher.probabilities.loc[training["image_path"]].notna().any(axis=1)
    assert known.mean() > taught
