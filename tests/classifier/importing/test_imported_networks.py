import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from public_models import CHEXPERT, CLASSES, MEAN, STD, save_timm, save_transformers
from torch.nn.functional import softmax
from torchvision.transforms.functional import normalize, to_tensor
from transformers import AutoImageProcessor, AutoModelForImageClassification

from core.__main__ import main
from core.classifier import Classifier, load_checkpoint
from core.classifier.checkpoint import checkpoint_digest
from core.classifier.feature_maps import as_grid, feature_layer
from core.classifier.heatmaps import by_gradient, closed_form, quickest_way
from core.classifier.maps import over_image
from core.classifier.onnx_model import onnx_explainer
from core.findings import LABELS
from core.imaging import Radiograph

TRANSFORMERS = ("vit", "swin", "resnet", "convnext")
TIMM = ("test_convnext", "test_vit", "test_resnet", "swin_tiny_patch4_window7_224")
NAMES = {"Cardiomegaly": "Cardiomegaly", "Edema": "Edema", "Effusion": "Pleural Effusion"}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """8-bit grey values (64, 64) that use the whole range, so that nothing is stretched."""
    values = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    values[0, :2] = 0, 255
    return values


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for kind in TRANSFORMERS:
        save_transformers(kind, folder / kind)
    for architecture in TIMM:
        save_timm(architecture, folder / architecture)
    return folder


@pytest.fixture(scope="module")
def imported(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    for name in (*TRANSFORMERS, *TIMM):
        assert main(["import", str(saved / name), "--output_dir", str(folder / name)]) == 0
    return folder


def probabilities(folder: Path, picture: np.ndarray) -> np.ndarray:
    return Classifier(folder).predict(Radiograph(picture / np.float32(255))).probabilities


@pytest.mark.parametrize("kind", TRANSFORMERS)
def test_a_network_of_transformers_gives_what_its_library_gives(
    kind: str, saved: Path, imported: Path, picture: np.ndarray
) -> None:
    theirs = AutoModelForImageClassification.from_pretrained(saved / kind).eval()
    processor = AutoImageProcessor.from_pretrained(saved / kind)
    found = probabilities(imported / kind, picture)
    pair = [Image.fromarray(one).convert("RGB") for one in (picture, np.ascontiguousarray(picture[:, ::-1]))]
    with torch.inference_mode():
        outputs = theirs(**processor(pair, return_tensors="pt", do_resize=False, do_center_crop=False)).logits
    if kind in ("vit", "resnet"):
        logits = torch.logit(softmax(outputs.double(), dim=1)[:, CLASSES.index("PNEUMONIA")])
        expected = {"Pneumonia": torch.sigmoid(logits.mean())}
    else:
        shares = torch.sigmoid(outputs.mean(dim=0))
        expected = {label: shares[CHEXPERT.index(name)] for label, name in NAMES.items()}
    assert {label for label in LABELS if np.isfinite(found[LABELS.index(label)])} == set(expected)
    for label, value in expected.items():
        assert found[LABELS.index(label)] == pytest.approx(float(value), abs=1e-5)


@pytest.mark.parametrize("architecture", TIMM)
def test_a_network_of_timm_gives_what_its_library_gives(
    architecture: str, saved: Path, imported: Path, picture: np.ndarray
) -> None:
    theirs = timm.create_model(f"local-dir:{saved / architecture}", pretrained=True).eval()
    colour = Image.fromarray(picture).convert("RGB")
    x = normalize(to_tensor(colour), MEAN, STD)[None]
    with torch.inference_mode():
        shares = torch.sigmoid(theirs(torch.cat([x, x.flip(-1)])).mean(dim=0))
    found = probabilities(imported / architecture, picture)
    for label, name in NAMES.items():
        assert found[LABELS.index(label)] == pytest.approx(float(shares[CHEXPERT.index(name)]), abs=1e-5)


@pytest.mark.parametrize("name", [*TRANSFORMERS, *TIMM])
def test_heatmaps_follow_a_patch_of_the_input(name: str, imported: Path, picture: np.ndarray) -> None:
    network, config = load_checkpoint(imported / name)
    explain = quickest_way(network, 64)
    calm = torch.full((1, 1, 64, 64), 0.5)
    left, right = calm.clone(), calm.clone()
    patch = torch.from_numpy(picture[:16, :16] / np.float32(255))
    left[0, 0, 24:40, 8:24] = patch
    right[0, 0, 24:40, 40:56] = patch
    logits, evidence = explain(network, torch.cat([left, right]))
    maps = over_image(evidence.numpy(), 64)
    torch.testing.assert_close(logits, network(torch.cat([left, right])).detach(), rtol=1e-4, atol=1e-4)
    assert maps.shape == (2, len(config.label_names), 64, 64)
    assert np.isfinite(maps).all()
    assert maps.max(axis=(1, 2, 3)).min() > 0.99  # each image has a map of something
    assert np.abs(maps[0] - maps[1]).max() > 0.2


@pytest.mark.parametrize("name", ["resnet", "swin", "test_resnet", "swin_tiny_patch4_window7_224"])
def test_the_quick_path_gives_the_maps_of_the_grad_cam_package(name: str, imported: Path, picture: np.ndarray) -> None:
    network, _ = load_checkpoint(imported / name)
    assert quickest_way(network, 64) is closed_form
    x = torch.from_numpy(picture / np.float32(255))[None, None]
    layer = feature_layer(network, 64)
    assert layer is not None
    (logits, fast), (expected_logits, slow) = closed_form(network, x), by_gradient(network, x, layer=layer)
    assert (logits - expected_logits).abs().max() < 1e-3
    assert np.abs(over_image(fast.numpy(), 64) - over_image(slow.numpy(), 64)).max() < 1e-3


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("vit", "body.vit.layers.1.layernorm_before"),
        ("test_vit", "body.blocks.5.norm1"),
        ("convnext", "body.convnext.encoder.stages.1"),
    ],
)
def test_heatmaps_come_from_the_last_layer_that_tells_places_apart(name: str, layer: str, imported: Path) -> None:
    network, _ = load_checkpoint(imported / name)
    found = feature_layer(network, 64)
    assert next(path for path, module in network.named_modules() if module is found).startswith(layer)


@pytest.mark.parametrize(("tokens", "side"), [(64, 8), (65, 8), (197, 14), (201, 14)])
def test_tokens_without_a_place_come_first_and_are_dropped(tokens: int, side: int) -> None:
    output = torch.arange(tokens, dtype=torch.float32)[None, :, None].expand(2, tokens, 3)
    grid = as_grid(output)
    assert grid is not None
    assert grid.shape == (2, 3, side, side)
    assert grid[0, 0, 0, 0] == tokens - side**2
    assert grid[0, 0, 1, 0] - grid[0, 0, 0, 0] == side


def test_a_network_with_a_linear_head_is_served_by_onnx_runtime(imported: Path, picture: np.ndarray) -> None:
    before = probabilities(imported / "resnet", picture)
    assert main(["onnx", str(imported / "resnet")]) == 0
    assert onnx_explainer(imported / "resnet", checkpoint_digest(imported / "resnet")) is not None
    assert probabilities(imported / "resnet", picture) == pytest.approx(before, abs=1e-4, nan_ok=True)


def test_a_changed_meaning_of_the_outputs_is_another_checkpoint(imported: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(imported / "swin", tmp_path / "swin"))
    config = json.loads((folder / "config.json").read_text())
    config["imported"]["columns"][0], config["imported"]["columns"][1] = config["imported"]["columns"][1::-1]
    (folder / "config.json").write_text(json.dumps(config))
    assert checkpoint_digest(folder) != checkpoint_digest(imported / "swin")
