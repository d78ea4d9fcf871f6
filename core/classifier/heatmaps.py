"""Grad-CAM heatmaps (Selvaraju et al., ICCV 2017), all labels at once.

For a network whose head is global average pooling and one linear layer, the gradient of a logit with respect to the
last feature map is the classifier's weight over the number of positions. Grad-CAM then equals the weighted sum of
feature maps (CAM, Zhou et al., CVPR 2016) up to a positive factor that the scaling to [0, 1] removes, so that one
forward pass gives every label's map. Other heads, among them those of vision transformers, go through the ``grad-cam``
package, one backward pass a label.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from core.classifier.ensemble import MeanOfNetworks
from core.classifier.feature_maps import as_grid, feature_layer, last_features
from core.classifier.imported_network import ImportedNetwork
from core.classifier.maps import Explainer, FloatArray

log = logging.getLogger(__name__)

# Side of the image that a network which takes any size is tried with, in pixels.
_PROBE = 128

# The package's hooks keep activations on the network, so that two threads must not use it at once; and PyTorch would
# give each of them as many threads as there are cores.
_alone = threading.Lock()


def explainer(network: nn.Module, side: int = _PROBE) -> Explainer:
    """Logits and Grad-CAM maps from this network, by ``quickest_way``; one call at a time, which takes all cores."""
    way = quickest_way(network, side)

    def explain(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        with _alone:
            logits, evidence = way(network, torch.from_numpy(images))
        return logits.numpy(), evidence.numpy()

    @torch.inference_mode()
    def logits_alone(images: FloatArray) -> FloatArray:
        with _alone:
            return np.asarray(network(torch.from_numpy(images)).float().cpu().numpy())

    return Explainer(explain, logits_alone)


def quickest_way(network: nn.Module, side: int = _PROBE) -> Callable[[nn.Module, Tensor], tuple[Tensor, Tensor]]:
    """The quickest exact function of this network and images that gives what an ``Explainer`` does.

    Where no layer of the network tells places apart, its evidence is zero everywhere, and the log says so.

    Args:
        network: takes one grey channel.
        side: of its input, in pixels; needed only of a network that takes one size alone.
    """
    if has_linear_head(network, side):
        return closed_form
    layer = feature_layer(network, side)
    if layer is None:
        log.warning("No layer of this network tells places of the image apart, so that it has no heatmaps.")
        return without_maps
    return partial(by_gradient, layer=layer)


@torch.inference_mode()
def has_linear_head(network: nn.Module, side: int = _PROBE) -> bool:
    """Whether the outputs are one linear layer on the averaged output of ``forward_features``, found by trying."""
    if isinstance(network, MeanOfNetworks):
        return all(has_linear_head(member, side) for member in network.members)
    classifier = _classifier(network)
    if not isinstance(classifier, nn.Linear):
        return False
    generator = torch.Generator().manual_seed(0)
    probe = torch.rand(1, 1, side, side, generator=generator).to(classifier.weight.device)
    features = last_features(network, probe)
    if isinstance(network, ImportedNetwork):
        features = None if features is None else as_grid(features)
        outputs = network.outputs(probe)
    else:
        outputs = network(probe)
    if features is None or features.ndim != 4 or features.shape[1] != classifier.in_features:
        return False
    return torch.allclose(classifier(features.mean(dim=(2, 3))), outputs, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def closed_form(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and evidence, as of an ``Explainer``, from one forward pass; needs ``has_linear_head``."""
    logits, evidence = evidence_maps(network, x)
    return logits.float(), evidence.float().cpu()


def evidence_maps(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, L) and what each position of the last feature map adds to them (N, L, h, w), up to bias and mean.

    Differentiable; needs ``has_linear_head``.
    """
    if isinstance(network, MeanOfNetworks):
        of_members = [evidence_maps(member, x) for member in network.members]
        logits, maps = (torch.stack(parts).mean(dim=0) for parts in zip(*of_members, strict=True))
        return logits, maps
    if isinstance(network, ImportedNetwork):
        return network.evidence(x)
    return evidence_in(network, cast(Tensor, last_features(network, x)))


def evidence_in(network: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    """``evidence_maps`` of a single network from its last feature map (N, C, h, w)."""
    logits = cast(Callable[[Tensor], Tensor], network.forward_head)(features)
    return logits, torch.einsum("lc,nchw->nlhw", linear_head(network).weight, features)


def by_gradient(network: nn.Module, x: Tensor, *, layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Logits and evidence, as of an ``Explainer``, through the ``grad-cam`` package.

    One backward pass for each label.

    Args:
        network: takes one grey channel.
        x: images (N, 1, S, S).
        layer: whose output is explained (``feature_layer``).
    """
    # A quarter of the server's start went into this import, which most checkpoints never need.
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with torch.inference_mode():
        logits = network(x).float()
    with (
        torch.enable_grad(),
        GradCAM(model=network, target_layers=[layer], reshape_transform=as_grid) as cam,
    ):
        # The package's maps on the layer's own grid, so that all networks' maps are drawn over the image in one way.
        cam.get_target_width_height = lambda _: None
        maps = [cam(x, targets=[ClassifierOutputTarget(label)] * len(x)) for label in range(logits.shape[1])]
        network.zero_grad(set_to_none=True)
    return logits, torch.from_numpy(np.stack(maps, axis=1))


@torch.inference_mode()
def without_maps(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and evidence that is zero everywhere."""
    logits = network(x).float()
    return logits, torch.zeros(*logits.shape, 1, 1)


def linear_head(network: nn.Module) -> nn.Linear:
    """The last layer of a timm model that ``has_linear_head``."""
    return cast(nn.Linear, _classifier(network))


def _classifier(network: nn.Module) -> nn.Module:
    return cast(Callable[[], nn.Module], network.get_classifier)()
