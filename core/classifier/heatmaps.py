"""Grad-CAM heatmaps (Selvaraju et al., ICCV 2017), all labels at once.

For a network whose head is global average pooling and one linear layer, the gradient of a logit with respect to the
last feature map is the classifier's weight over the number of positions. Grad-CAM then equals the weighted sum of
feature maps (CAM, Zhou et al., CVPR 2016) up to a positive factor that the scaling to [0, 1] removes, so that one
forward pass gives every label's map. Other heads go through the ``grad-cam`` package, one backward pass a label.
"""

import threading
from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from core.classifier.ensemble import MeanOfNetworks
from core.classifier.maps import Explainer, FloatArray, over_image

# The package's hooks keep activations on the network, so that two threads must not use them at once.
_hooks = threading.Lock()


def explainer(network: nn.Module) -> Explainer:
    """Logits and Grad-CAM maps from this network, by ``quickest_way``."""
    way = quickest_way(network)

    def explain(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        logits, maps = way(network, torch.from_numpy(images))
        return logits.numpy(), maps.numpy()

    return explain


def quickest_way(network: nn.Module) -> Callable[[nn.Module, Tensor], tuple[Tensor, Tensor]]:
    """The quickest exact function of this network and images that gives what an ``Explainer`` does."""
    return closed_form if has_linear_head(network) else by_gradient


@torch.inference_mode()
def has_linear_head(network: nn.Module) -> bool:
    """Whether the logits are one linear layer on the averaged output of ``forward_features``, found by trying."""
    if isinstance(network, MeanOfNetworks):
        return all(has_linear_head(member) for member in network.members)
    classifier = _classifier(network)
    if not isinstance(classifier, nn.Linear):
        return False
    generator = torch.Generator().manual_seed(0)
    first = next(network.parameters())
    probe = torch.rand(1, first.shape[1], 128, 128, generator=generator).to(first.device)
    features = last_features(network, probe)
    if features.ndim != 4 or features.shape[1] != classifier.in_features:
        return False
    return torch.allclose(classifier(features.mean(dim=(2, 3))), network(probe), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def closed_form(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and maps, as of an ``Explainer``, from one forward pass; needs ``has_linear_head``."""
    logits, maps = evidence_maps(network, x)
    return logits.float(), torch.from_numpy(over_image(maps.float().cpu().numpy(), x.shape[-1]))


def evidence_maps(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, L) and what each position of the last feature map adds to them (N, L, h, w), up to bias and mean.

    Differentiable; needs ``has_linear_head``.
    """
    if isinstance(network, MeanOfNetworks):
        of_members = [evidence_maps(member, x) for member in network.members]
        logits, maps = (torch.stack(parts).mean(dim=0) for parts in zip(*of_members, strict=True))
        return logits, maps
    return evidence_in(network, last_features(network, x))


def evidence_in(network: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    """``evidence_maps`` of a single network from its last feature map (N, C, h, w)."""
    logits = cast(Callable[[Tensor], Tensor], network.forward_head)(features)
    return logits, torch.einsum("lc,nchw->nlhw", linear_head(network).weight, features)


def by_gradient(network: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and maps, as of an ``Explainer``, through the ``grad-cam`` package.

    Works for any network with a convolutional feature map, one backward pass for each image and label.
    """
    # A quarter of the server's start went into this import, which most checkpoints never need.
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with torch.inference_mode():
        logits = network(x).float()
    with _hooks, torch.enable_grad(), GradCAM(model=network, target_layers=[last_feature_layer(network)]) as cam:
        maps = [cam(x, targets=[ClassifierOutputTarget(label)] * len(x)) for label in range(logits.shape[1])]
        network.zero_grad(set_to_none=True)
    return logits, torch.from_numpy(np.stack(maps, axis=1)).float()


def last_feature_layer(network: nn.Module) -> nn.Module:
    """The module whose output ``forward_features`` returns, found by a forward pass.

    Raises:
        ValueError: no module's output is the feature map, or it has no spatial extent.
    """
    outputs: list[tuple[nn.Module, Tensor]] = []

    def remember(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            outputs.append((module, output))

    handles = [module.register_forward_hook(remember) for module in network.modules() if module is not network]
    try:
        with torch.inference_mode():
            first = next(network.parameters())
            features = last_features(network, torch.zeros(1, first.shape[1], 128, 128, device=first.device))
    finally:
        for handle in handles:
            handle.remove()
    for module, output in reversed(outputs):
        if output is features and features.ndim == 4:
            return module
    raise ValueError("This backbone has no convolutional feature map to draw heatmaps from; choose another --backbone.")


def last_features(network: nn.Module, x: Tensor) -> Tensor:
    """Last feature map of a timm model; PyTorch's types do not tell methods from parameters."""
    return cast(Callable[[Tensor], Tensor], network.forward_features)(x)


def linear_head(network: nn.Module) -> nn.Linear:
    """The last layer of a timm model that ``has_linear_head``."""
    return cast(nn.Linear, _classifier(network))


def _classifier(network: nn.Module) -> nn.Module:
    return cast(Callable[[], nn.Module], network.get_classifier)()
