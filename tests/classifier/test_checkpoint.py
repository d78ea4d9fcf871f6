import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.classifier import SHIPPED, CheckpointError, Classifier, load_config
from core.findings import LABELS
from core.imaging import Radiograph, render_phantom
from core.settings import POLICIES


def test_the_shipped_checkpoint_is_complete_and_small() -> None:
    files = {path.name for path in SHIPPED.iterdir()}
    assert {"model.safetensors", "config.json", "README.md"} <= files
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 60e6
    config = load_config(SHIPPED)
    assert config.label_names == LABELS
    assert tuple(config.policies) == POLICIES
    for policy in config.policies.values():
        for label in LABELS:
            point = policy.points[label]
            assert 0 < point.possible_threshold <= point.threshold < 1
            assert point.n_positive > 0


def test_config_survives_writing_and_reading() -> None:
    config = load_config(SHIPPED)
    assert type(config).from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_missing_folder_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        Classifier(tmp_path / "nowhere")


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "other")
    path = tmp_path / "other" / "config.json"
    path.write_text(path.read_text().replace("tf_efficientnet_lite0", "resnet10t", 1))
    with pytest.raises(CheckpointError, match="do not fit the architecture 'resnet10t"):
        Classifier(tmp_path / "other")


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (["label_names", 1], LABELS[0], f"names the label '{LABELS[0]}' twice"),
        (["label_names", 1], "Fracture", "not one of the 14 findings"),
        (["label_names"], [], "names no label"),
        (["calibration", "slopes", 3], math.nan, "slopes are not all numbers above 0"),
        (["calibration", "slopes", 3], -1.0, "slopes are not all numbers above 0"),
        (["calibration", "intercepts", 3], math.inf, "intercepts are not all numbers"),
        (["calibration", "intercepts"], [0.0], "calibrate each of its 14 labels"),
        (["policies", "reading", "points", LABELS[2], "threshold"], math.nan, "thresholds are not all numbers"),
        (["preprocessing", "image_size"], 0, "image_size"),
        (["preprocessing", "std"], 0.0, "std that is not above 0"),
        (["abnormal", "intercept"], math.nan, "model of being abnormal"),
        (["calibration"], None, "is not a ChestLens checkpoint configuration"),
    ],
)
def test_a_configuration_that_no_network_can_be_used_with_is_one_sentence(
    place: list[Any], value: Any, words: str, tmp_path: Path
) -> None:
    config = json.loads((SHIPPED / "config.json").read_text())
    inner = config
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=words) as error:
        load_config(tmp_path)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize("name", ["hf_hub:timm/resnet10t.c3_in1k", "hf-hub:timm/resnet10t", "local-dir:/somewhere"])
def test_a_checkpoint_that_names_a_network_of_a_hub_reaches_for_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr("socket.socket.connect", refuse)
    folder = tmp_path / "other"
    shutil.copytree(SHIPPED, folder)
    (folder / "model.onnx").unlink()
    config = json.loads((folder / "config.json").read_text()) | {"architecture": name}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="fetched from elsewhere"):
        Classifier(folder)


def test_labels_that_a_checkpoint_does_not_know_are_nan(tmp_path: Path, classifier: Classifier) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "seven"
    shutil.copytree(SHIPPED, folder)
    config = json.loads((folder / "config.json").read_text())
    kept = [0, 3, 13]
    config["label_names"] = [LABELS[index] for index in kept]
    for name in ("slopes", "intercepts"):
        config["calibration"][name] = [config["calibration"][name][index] for index in kept]
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(folder / "model.safetensors")
    for name in [name for name in weights if re.search(r"\bclassifier\.(weight|bias)$", name)]:
        weights[name] = weights[name][kept].contiguous()
    save_file(weights, folder / "model.safetensors")

    radiograph = Radiograph(render_phantom(size=256))
    few, all_labels = Classifier(folder).predict(radiograph), classifier.predict(radiograph)
    assert np.isnan(np.delete(few.probabilities, kept)).all()
    assert few.probabilities[kept] == pytest.approx(all_labels.probabilities[kept], abs=1e-5)
