"""Where in a network the places of the image can still be told apart, for heatmaps of any architecture."""

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

# Tokens that stand for no place: class, distillation and register tokens. Networks in use have up to five.
_MOST_TOKENS_WITHOUT_PLACE = 8


def as_grid(output: Tensor) -> Tensor | None:
    """A layer's output on square images as a map of places (N, C, h, w), or None where it has no places.

    Convolutional maps stay, maps with their channels last (Swin) are turned, and tokens (N, T, C) are laid out in rows;
    tokens that stand for no place come first and are dropped.
    """
    if output.ndim == 4 and output.shape[2] == output.shape[3] > 1:
        return output
    if output.ndim == 4 and output.shape[1] == output.shape[2] > 1:
        return output.permute(0, 3, 1, 2)
    if output.ndim != 3:
        return None
    side = math.isqrt(output.shape[1])
    others = output.shape[1] - side**2
    if side < 2 or others > _MOST_TOKENS_WITHOUT_PLACE:
        return None
    return output[:, others:].transpose(1, 2).unflatten(2, (side, side))


def feature_layer(network: nn.Module, side: int) -> nn.Module | None:
    """The last layer whose places the logits depend on, among the one that the head reads and normalisation layers.

    A class token reads the places of a vision transformer in its last attention: what comes after that says nothing of
    them, and the normalisation before it is the layer to explain.

    Args:
        network: takes one grey channel and gives logits (N, L); has ``forward_features``.
        side: of its input, in pixels.

    Returns:
        The layer, or None where there is none.
    """
    images = torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(0))
    images = images.to(next(network.parameters()).device)
    with torch.inference_mode():
        read_by_head = None
        of_features: list[tuple[nn.Module, Tensor]] = []
        features = _watch(network, lambda: last_features(network, images), of_features)
        for module, output in of_features:
            read_by_head = module if output is features else read_by_head
    with torch.enable_grad():
        seen: list[tuple[nn.Module, Tensor]] = []
        logits = cast(Tensor, _watch(network, lambda: network(images), seen))
        candidates = [
            (module, output)
            for module, output in seen
            if (module is read_by_head or "norm" in type(module).__name__.lower())
            and len(output) == len(images)
            and as_grid(output) is not None
        ]
        if not candidates:
            return None
        # Weights of their own keep the gradients of labels that exclude each other from cancelling.
        weights = torch.linspace(1, 2, logits.shape[1], device=logits.device)
        outputs = [output for _, output in candidates]
        gradients = torch.autograd.grad((logits * weights).sum(), outputs, allow_unused=True)
    for (module, _), gradient in reversed(list(zip(candidates, gradients, strict=True))):
        if gradient is not None and cast(Tensor, as_grid(gradient)).abs().max() > 0:
            return module
    return None


def last_features(network: nn.Module, x: Tensor) -> Tensor | None:
    """What the head of a network reads; None where its library does not say."""
    return cast(Callable[[Tensor], Tensor | None], network.forward_features)(x)


def _watch(
    network: nn.Module, act: Callable[[], Tensor | None], outputs: list[tuple[nn.Module, Tensor]]
) -> Tensor | None:
    """Act, and note each layer's output, in the order of their making."""

    def remember(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            outputs.append((module, output))

    handles = [module.register_forward_hook(remember) for module in network.modules() if module is not network]
    try:
        return act()
    finally:
        for handle in handles:
            handle.remove()
