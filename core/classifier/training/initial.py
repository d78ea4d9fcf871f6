"""The network that a training starts from."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch
from torch import nn

from core.classifier.checkpoint import load_checkpoint
from core.classifier.ensemble import members_of
from core.classifier.errors import TrainingError
from core.classifier.heatmaps import has_linear_head
from core.classifier.network import build_network
from core.classifier.preprocessing import Preprocessing
from core.classifier.training.settings import TrainingSettings
from core.findings import LABELS


def initial_network(settings: TrainingSettings) -> tuple[nn.Module, Preprocessing]:
    """A fresh network, or the weights of an earlier checkpoint of the same backbone, and the input that it expects.

    The input is normalised as the earlier network knows it. An earlier network that lacks some of the 14 findings
    gives the weights of those that it has, and the mean of several networks gives its member of the backbone.

    Raises:
        TrainingError: the checkpoint is of another backbone, or ImageNet weights cannot be had.
    """
    earlier = settings.initial_weights not in ("imagenet", "none")
    network = build_network(
        settings.backbone,
        initial_weights="none" if earlier else settings.initial_weights,
        drop_rate=settings.drop_rate,
        drop_path_rate=settings.drop_path_rate,
    )
    if not earlier:
        return network, Preprocessing(image_size=settings.image_size)
    loaded, config = load_checkpoint(settings.initial_weights)
    before = members_of(loaded, config.architecture).get(settings.backbone)
    if before is None:
        raise TrainingError(f"The initial weights are of {config.architecture!r}, not of {settings.backbone!r}.")
    state, fresh = before.state_dict(), network.state_dict()
    columns = torch.tensor([LABELS.index(label) for label in config.label_names])
    head = {id(parameter) for parameter in _head(network).parameters()}
    for name, parameter in network.named_parameters():
        if id(parameter) in head:
            state[name] = fresh[name].index_copy(0, columns, state[name])
    network.load_state_dict(state)
    return network, replace(config.preprocessing, image_size=settings.image_size)


def _head(network: nn.Module) -> nn.Module:
    """The last layer of a timm model."""
    return cast(Callable[[], nn.Module], network.get_classifier)()


def has_quick_heatmaps(network: nn.Module, backbone: str) -> bool:
    """Whether heatmaps come from one forward pass.

    Raises:
        TrainingError: the backbone gives none at all, which is said before the work.
    """
    try:
        return has_linear_head(network.eval())
    except Exception as error:  # each family of backbones fails in its own way on a feature map that it lacks
        raise TrainingError(
            f"{backbone} takes one image size only, or has no feature map for heatmaps: choose another --backbone."
        ) from error
