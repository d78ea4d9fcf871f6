"""The three parts of a vision-language model, as the classes in use name them, and what it reads of its images."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from core.errors import ChestLensError
from core.vlm.training_settings import Stage

# What the parts are called in the models in use: LLaVA, FastVLM and Gemma 3, Qwen-VL, Mllama, Idefics and SmolVLM,
# InternVL.
_PARTS: dict[Stage, tuple[str, ...]] = {
    "vision": ("vision_tower", "visual", "vision_model"),
    "projector": ("multi_modal_projector", "merger", "connector", "mlp1"),
    "language": ("language_model", "text_model", "lm_head"),
}


class PartError(ChestLensError):
    """The model has no part of the kind that is asked for."""


def part_names(model: nn.Module, stage: Stage) -> list[str]:
    """Names of the weights of one part.

    Raises:
        PartError: the model has no part of that kind.
    """
    chosen = [name for name, _ in model.named_parameters() if _belongs(name, stage)]
    if not chosen:
        raise PartError(
            f"{type(model).__name__} has no part for the {stage} stage (looked for {', '.join(_PARTS[stage])})."
        )
    return chosen


def parts_of(model: nn.Module, stage: Stage) -> list[nn.Parameter]:
    """The weights of one part.

    Raises:
        PartError: the model has no part of that kind.
    """
    names = set(part_names(model, stage))
    return [parameter for name, parameter in model.named_parameters() if name in names]


def modules_of(model: nn.Module, stage: Stage) -> dict[str, nn.Module]:
    """All modules inside one part, by name."""
    return {name: module for name, module in model.named_modules() if _belongs(name, stage)}


def towers(model: nn.Module) -> list[nn.Module]:
    """The vision encoder, outermost module first."""
    return [module for name, module in model.named_modules() if name.rsplit(".", 1)[-1] in _PARTS["vision"]]


class VisionReader(nn.Module):
    """The vision encoder alone, as far as the model's projector reads it.

    What is read need not be the last layer: LLaVA takes the last but one, Mllama adds earlier ones, Qwen2.5-VL reads
    patches in an order of its own. So the model's own code chooses: while this object lives, a recorder stands in the
    projector's place.

    Args:
        model: whose encoder it is; ``close`` gives it its projector back.

    Raises:
        PartError: the model has no encoder or no projector.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        part_names(model, "vision")
        self.tower = towers(model)[0]
        inner = getattr(model, "model", model)
        # Not registered: only the encoder is trained, moved and saved.
        self._inner = (inner,)
        name = next((name for name, _ in inner.named_modules() if name.rsplit(".", 1)[-1] in _PARTS["projector"]), None)
        if name is None:
            raise PartError(f"{type(model).__name__} has no projector that reads its vision encoder.")
        self._place = (inner.get_submodule(name.rpartition(".")[0]), name.rpartition(".")[2])
        self._projector = (getattr(*self._place),)
        self._recorder = _Recorder()
        setattr(*self._place, self._recorder)
        accepted = inspect.signature(self._encode()).parameters
        self.inputs = frozenset(accepted)

    def close(self) -> None:
        """Give the model its projector back."""
        setattr(*self._place, self._projector[0])

    def forward(self, **images: torch.Tensor) -> torch.Tensor:
        """What the projector reads of each image, as the mean over its places: (B, C).

        Args:
            images: what the model's image processor gives; entries that the model does not take are passed over.
        """
        encoded = self._encode()(**{name: value for name, value in images.items() if name in self.inputs})
        read = self._recorder.read
        self._recorder.read = None
        if read is None:
            read = encoded.last_hidden_state
        if (grid := images.get("image_grid_thw")) is not None:
            return torch.stack([part.mean(dim=0) for part in read.split(grid.prod(dim=-1).tolist())])
        if (tiles := images.get("aspect_ratio_mask")) is not None:
            # (B, images, tiles, places, C): tiles that only fill up a batch hold no picture.
            weights = tiles.to(read.dtype)[..., None, None]
            return (read * weights).sum(dim=(1, 2, 3)) / (weights.sum(dim=(1, 2, 3)) * read.shape[3])
        return read.flatten(1, -2).mean(dim=1)

    def read_parameters(self, images: Mapping[str, torch.Tensor]) -> list[nn.Parameter]:
        """Those weights of the encoder that what is read depends on."""
        own = list(self.tower.parameters())
        before = [parameter.requires_grad for parameter in own]
        self.tower.requires_grad_(True)
        found = torch.autograd.grad(self(**images).sum(), own, allow_unused=True)
        for parameter, wanted in zip(own, before, strict=True):
            parameter.requires_grad_(wanted)
        return [parameter for parameter, gradient in zip(own, found, strict=True) if gradient is not None]

    def _encode(self) -> Any:
        # Mllama alone has no function for this; its projector reads all that its encoder gives.
        return getattr(self._inner[0], "get_image_features", self.tower.forward)


class _Recorder(nn.Module):
    """Stands in a projector's place and keeps what it would have read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: torch.Tensor | None = None

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        self.read = features
        return features


def _belongs(name: str, stage: Stage) -> bool:
    """Whether the innermost part that a dotted name runs through is this one: Qwen's tower holds its merger."""
    pieces = name.split(".")
    places = {
        part: max((index for index, piece in enumerate(pieces) if piece in names), default=-1)
        for part, names in _PARTS.items()
    }
    return places[stage] >= 0 and places[stage] == max(places.values())
