"""The network that a training starts from."""

from torch import nn

from core.classifier.checkpoint import load_checkpoint
from core.classifier.heatmaps import has_linear_head
from core.classifier.network import build_network
from core.classifier.training.settings import TrainingSettings


def initial_network(settings: TrainingSettings) -> nn.Module:
    """A fresh network, or the weights of an earlier checkpoint of the same backbone.

    Raises:
        ValueError: the checkpoint is of another backbone, or ImageNet weights cannot be had.
    """
    earlier = settings.initial_weights not in ("imagenet", "none")
    network = build_network(
        settings.backbone,
        initial_weights="none" if earlier else settings.initial_weights,
        drop_rate=settings.drop_rate,
        drop_path_rate=settings.drop_path_rate,
    )
    if earlier:
        before, config = load_checkpoint(settings.initial_weights)
        if config.architecture != settings.backbone:
            raise ValueError(f"The initial weights are of {config.architecture!r}, not of {settings.backbone!r}.")
        network.load_state_dict(before.state_dict())
    return network


def has_quick_heatmaps(network: nn.Module, backbone: str) -> bool:
    """Whether heatmaps come from one forward pass.

    Raises:
        ValueError: the backbone gives none at all, which is said before the work.
    """
    try:
        return has_linear_head(network.eval())
    except Exception as error:  # each family of backbones fails in its own way on a feature map that it lacks
        raise ValueError(
            f"{backbone} takes one image size only, or has no feature map for heatmaps: choose another --backbone."
        ) from error
