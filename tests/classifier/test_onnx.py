import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch

from core.__main__ import main
from core.classifier import SHIPPED, Classifier, load_checkpoint, load_config
from core.classifier.checkpoint import checkpoint_digest, save_checkpoint
from core.classifier.heatmaps import closed_form, evidence_maps
from core.classifier.maps import over_image
from core.classifier.network import create_network
from core.classifier.onnx_model import ONNX, onnx_explainer
from core.findings import LABELS
from core.imaging import render_phantom
from core.settings import ROOT


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of two small networks, in the layout of the shipped one, with a freshly exported network."""
    folder = tmp_path_factory.mktemp("onnx") / "checkpoint"
    torch.manual_seed(0)
    network = create_network("test_resnet+test_efficientnet", len(LABELS))
    for parameter in network.parameters():
        parameter.data = parameter.data.half().float()
    shipped = load_config(SHIPPED)
    preprocessing = replace(shipped.preprocessing, image_size=64)
    save_checkpoint(
        folder,
        network,
        replace(shipped, architecture="test_resnet+test_efficientnet", preprocessing=preprocessing),
    )
    assert main(["onnx", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def views(exported: Path) -> torch.Tensor:
    return _views(exported)


def _views(folder: Path) -> torch.Tensor:
    preprocessing = load_config(folder).preprocessing
    squares = [preprocessing.canonical(render_phantom(size=256, seed=seed))[0] for seed in range(3)]
    return torch.from_numpy(np.stack([preprocessing.normalise(square) for square in squares]))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_onnx_runtime_gives_the_logits_and_heatmaps_of_pytorch(exported: Path, views: torch.Tensor, count: int) -> None:
    logits, maps = _by_onnx(exported, views[:count])
    expected_logits, expected_maps = _by_pytorch(exported, views[:count])
    assert np.abs(logits - expected_logits).max() < 1e-4
    # A map is stretched to its maximum: where hardly anything speaks for a label, so is what rounding leaves.
    assert np.abs(maps - expected_maps).max() < 1e-3


def test_the_heatmap_features_are_those_of_pytorch(exported: Path, views: torch.Tensor) -> None:
    session = onnxruntime.InferenceSession(exported / ONNX)
    evidence = torch.from_numpy(session.run(["evidence"], {"image": views.numpy()})[0])
    with torch.inference_mode():
        expected = evidence_maps(load_checkpoint(exported)[0], views)[1]
    assert (evidence - expected).abs().max() < 1e-4 * max(1.0, float(expected.abs().max()))


def test_the_shipped_network_is_served_by_onnx_runtime_and_is_made_of_the_shipped_weights() -> None:
    views = _views(SHIPPED)
    logits, maps = _by_onnx(SHIPPED, views)
    expected_logits, expected_maps = _by_pytorch(SHIPPED, views)
    assert np.abs(logits - expected_logits).max() < 1e-4
    assert np.abs(maps - expected_maps).max() < 1e-3


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_threads_that_share_a_network_get_what_each_gets_alone(
    threads: str, exported: Path, views: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    explainer = onnx_explainer(exported, checkpoint_digest(exported))
    assert explainer is not None
    pairs = [views[[first, second]].numpy() for first in range(3) for second in range(3)]
    alone = [explainer.explain(pair) for pair in pairs]
    with ThreadPoolExecutor(max_workers=4) as pool:
        together = list(pool.map(explainer.explain, pairs))
    for expected, found in zip(alone, together, strict=True):
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(other, one, atol=1e-5)


def test_weights_that_half_precision_holds_take_half_of_the_room(exported: Path) -> None:
    in_full = 4 * sum(parameter.numel() for parameter in load_checkpoint(exported)[0].parameters())
    # The graph of so small a network takes nearly as much room as its weights.
    assert (exported / ONNX).stat().st_size < 0.8 * in_full


def test_other_programs_find_names_and_shapes(exported: Path) -> None:
    model = onnx.load(exported / ONNX)
    onnx.checker.check_model(model)
    assert [item.name for item in model.graph.input] == ["image"]
    assert [item.name for item in model.graph.output] == ["logits", "evidence"]


def test_a_network_of_other_weights_is_not_used_and_the_log_says_what_to_do(
    exported: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "checkpoint"))
    network, config = load_checkpoint(folder)
    with torch.no_grad():
        next(network.parameters()).mul_(2)
    save_checkpoint(folder, network, config)
    assert onnx_explainer(folder, checkpoint_digest(folder)) is None
    assert f"run python -m core onnx {folder}" in caplog.text
    assert np.isfinite(_probabilities(folder)).all()
    (folder / ONNX).write_bytes(b"not a network")
    caplog.clear()
    assert np.isfinite(_probabilities(folder)).all()
    assert "PyTorch is used instead" in caplog.text


@pytest.mark.parametrize("weight", [0.0, np.nan])
def test_a_network_that_lost_its_weights_is_not_used(
    weight: float, exported: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "checkpoint"))
    model = onnx.load(folder / ONNX)
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype.kind == "f":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.full_like(values, weight), tensor.name))
    onnx.save(model, folder / ONNX)
    assert onnx_explainer(folder, checkpoint_digest(folder)) is None
    assert "answers the same whatever it is shown" in caplog.text
    assert _probabilities(folder) == pytest.approx(_probabilities(exported), abs=1e-4)


def test_a_network_whose_heatmaps_need_gradients_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    network = timm.create_model("mobilenetv3_small_050", pretrained=False, num_classes=14, in_chans=1)
    save_checkpoint(tmp_path, network, replace(load_config(SHIPPED), architecture="mobilenetv3_small_050"))
    assert main(["onnx", str(tmp_path)]) == 1
    assert "it is served by PyTorch" in capsys.readouterr().err
    assert not (tmp_path / ONNX).exists()


def _by_onnx(folder: Path, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Logits and heatmaps."""
    explainer = onnx_explainer(folder, checkpoint_digest(folder))
    assert explainer is not None
    logits, evidence = explainer.explain(x.numpy())
    return logits, over_image(evidence, x.shape[-1])


def _by_pytorch(folder: Path, x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    logits, evidence = closed_form(load_checkpoint(folder)[0], x)
    return logits.numpy(), over_image(evidence.numpy(), x.shape[-1])


def _probabilities(folder: Path) -> np.ndarray:
    from core.imaging import Radiograph

    pixels = render_phantom(size=256)
    return (
        Classifier(folder)
        .predict(Radiograph(pixels=pixels, view="PA", pixel_spacing_mm=None, warnings=(), metadata={}))
        .probabilities
    )


@pytest.mark.parametrize("name", ["anatomy/kind_and_pose", "anatomy/masks", "classifier/model"])
def test_shipped_networks_name_no_folder_of_the_machine_that_exported_them(name: str) -> None:
    held = (ROOT / "core" / "checkpoints" / f"{name}.onnx").read_bytes()
    assert b"site-packages" not in held
    assert b'File "' not in held
