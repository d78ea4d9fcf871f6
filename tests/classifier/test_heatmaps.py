import numpy as np
import pytest
import timm
import torch
from torch.nn.functional import avg_pool2d

from core.classifier import Classifier, load_checkpoint
from core.classifier.ensemble import members_of
from core.classifier.feature_maps import feature_layer
from core.classifier.heatmaps import by_gradient, closed_form, explainer, quickest_way
from core.classifier.maps import over_image
from core.imaging import render_phantom


@pytest.fixture(scope="module")
def phantom_input(classifier: Classifier) -> torch.Tensor:
    square, _ = classifier.config.preprocessing.canonical(render_phantom(size=512))
    x = torch.from_numpy(classifier.config.preprocessing.normalise(square))[None]
    return torch.cat([x, x.flip(-1)])


def test_closed_form_equals_the_grad_cam_package_on_each_shipped_network(phantom_input: torch.Tensor) -> None:
    loaded, config = load_checkpoint()
    x = avg_pool2d(phantom_input, 2)  # the package takes a backward pass a label
    for name, network in members_of(loaded, config.architecture).items():
        layer = feature_layer(network, x.shape[-1])
        assert layer is not None
        fast_logits, fast_evidence = closed_form(network, x)
        slow_logits, slow_evidence = by_gradient(network, x, layer=layer)
        fast, slow = (over_image(one.numpy(), x.shape[-1]) for one in (fast_evidence, slow_evidence))
        assert (fast_logits - slow_logits).abs().max() < 1e-4, name
        assert np.abs(fast - slow).max() < 1e-4, name
        assert fast.shape == (2, 14, *x.shape[-2:])
        assert fast.min() >= 0
        assert fast.max() == pytest.approx(1, abs=1e-3)


def test_maps_differ_between_labels(phantom_input: torch.Tensor) -> None:
    _, evidence = closed_form(load_checkpoint()[0], phantom_input)
    maps = over_image(evidence.numpy(), phantom_input.shape[-1])
    # What nothing in the image speaks for has no map; of a chest without lesions that may be several labels.
    seen = [one for one in maps[0] if one.max() > 0]
    assert len(seen) >= 8
    assert all(np.abs(one - other).max() > 0.1 for i, one in enumerate(seen) for other in seen[:i])


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        ("resnet10t.c3_in1k", closed_form),
        ("tf_efficientnet_lite0", closed_form),
        ("mobilenetv3_small_050", by_gradient),  # pools before its last convolution
        ("convnext_atto", by_gradient),  # normalises between pooling and classifier
    ],
)
def test_the_quick_path_is_taken_only_where_it_is_exact(backbone: str, expected: object) -> None:
    network = timm.create_model(backbone, pretrained=False, num_classes=14, in_chans=1).eval()
    way = quickest_way(network)
    assert getattr(way, "func", way) is expected


def test_networks_without_a_linear_head_are_explained_too() -> None:
    torch.manual_seed(0)
    network = timm.create_model("mobilenetv3_small_050", pretrained=False, num_classes=3, in_chans=1).eval()
    logits, evidence = explainer(network).explain(np.random.default_rng(0).random((2, 1, 64, 64), dtype=np.float32))
    assert logits.shape == (2, 3)
    assert evidence.shape == (2, 3, 2, 2)
    assert np.isfinite(evidence).all()
    assert all(parameter.grad is None for parameter in network.parameters())
