"""What a model of a given architecture needs: weights, memory and time, computed from its configuration alone.

Weights are counted on a model without memory (PyTorch's meta device), part by part. Memory is what has to be there at
once; time is what the arithmetic takes at a device's sustained rate, or what it takes to read all weights once for each
token where that is longer.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForImageTextToText

from core.vlm.models import WriterError
from core.vlm.parts import modules_of, part_names
from core.vlm.training_settings import PRESETS, STAGES, Stage

PUBLISHED = Path(__file__).resolve().parent / "published.json"
"""Configurations of published models, by name: the figures of their config.json that sizes follow from."""

# Bytes of a weight by how it is kept: NF4 with double quantisation has 4 bits and 0.127 of scales (Dettmers 2023).
_WEIGHT = {"fp32": 4.0, "bf16": 2.0, "4bit": 4.127 / 8}
# Beside each weight that learns AdamW keeps a gradient and two moments in fp32; the paged 8-bit one moments of a byte.
_LEARNING = {"adamw": 12.0, "paged_adamw_8bit": 6.0}
# Activations that a transformer layer keeps for the backward pass, in elements a token: of the width, and of the width
# inside its feed-forward layers; each head keeps no map of attention (scaled-dot-product attention does not store it).
_KEPT_WIDTHS, _KEPT_INNER = 14, 4


@dataclass(frozen=True)
class Size:
    """What a model is made of.

    Attributes:
        weights: number of weights of each part.
        adapted: weights that each preset's adapters add.
        layers, width, inner, key_values: of the language model: layers, width, width inside its feed-forward layers,
            width of keys and values together.
        vocabulary: tokens it knows.
        image_tokens: positions that one image takes; 0 where images enter by cross-attention.
        quantised: weights that 4 bits apply to: those of linear layers, but for the head.
    """

    weights: dict[Stage, int]
    adapted: dict[str, int]
    layers: int
    width: int
    inner: int
    key_values: int
    vocabulary: int
    image_tokens: int
    quantised: int

    @property
    def total(self) -> int:
        """All weights."""
        return sum(self.weights.values())


@dataclass(frozen=True)
class Device:
    """What a device sustains.

    Attributes:
        name: as printed.
        flops: multiply-adds count as two, a second, of large products in 16 bits.
        bandwidth: bytes read from its memory a second.
    """

    name: str
    flops: float
    bandwidth: float


DEVICES = (
    Device("24 GB consumer GPU", 60e12, 0.8e12),
    Device("80 GB data centre GPU", 350e12, 1.7e12),
    Device("16-core CPU", 0.8e12, 60e9),
)
"""Sustained rates, about half of what their makers state as the peak."""


def size_of(configuration: Any) -> Size:
    """Count a model's weights without giving it memory.

    Args:
        configuration: of transformers.

    Raises:
        WriterError: it is of no model that reads images and writes text.
    """
    try:
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(configuration)
    except (ValueError, KeyError) as error:
        raise WriterError(f"No model can be made of this configuration: {str(error).splitlines()[0]}") from None
    model.tie_weights()
    counts = {stage: _count(model, part_names(model, stage)) for stage in STAGES}
    text = configuration.get_text_config()
    heads = text.num_attention_heads
    head_width = getattr(text, "head_dim", None) or text.hidden_size // heads
    linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear) and name != "lm_head"}
    return Size(
        weights=counts,
        adapted={name: _adapted(model, name) for name, preset in PRESETS.items() if preset.rank},
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        inner=text.intermediate_size,
        key_values=2 * head_width * (text.num_key_value_heads or heads),
        vocabulary=text.vocab_size,
        image_tokens=_image_tokens(configuration),
        quantised=sum(model.get_submodule(name).weight.numel() for name in linear),
    )


def published_names() -> list[str]:
    """Names of the published configurations at hand."""
    return list(json.loads(PUBLISHED.read_text(encoding="utf-8")))


def named_configuration(name: str) -> Any:
    """A published configuration by its name, or that of a folder.

    Raises:
        WriterError: there is neither.
    """
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    if name in published:
        stored = dict(published[name])
        return CONFIG_MAPPING[stored.pop("model_type")](**stored)
    if (Path(name) / "config.json").is_file():
        return AutoConfig.from_pretrained(name, local_files_only=True)
    raise WriterError(f"{name} is neither a model folder nor one of {', '.join(published)}.")


def serving_bytes(size: Size, precision: str, *, tokens: int = 1024) -> float:
    """Memory that writing takes: weights, and keys and values of so many tokens."""
    return _weights_bytes(size, precision) + size.layers * size.key_values * 2.0 * (tokens + size.image_tokens)


def training_bytes(
    size: Size,
    preset: str,
    *,
    batch: int = 1,
    tokens: int = 512,
    checkpointing: bool = True,
    activation: float = 2.0,
) -> float:
    """Memory that training the language stage takes: weights, what is kept of those that learn, and activations.

    Args:
        size: of the model.
        preset: what is trained.
        batch: records a forward pass.
        tokens: of a record's text.
        checkpointing: whether activations are computed again, so that only each layer's input is kept.
        activation: bytes of an activation.
    """
    chosen = PRESETS[preset]
    kept = _LEARNING["paged_adamw_8bit" if chosen.four_bit else "adamw"]
    if chosen.rank:
        # Adapters and their state are kept in fp32.
        weights = _weights_bytes(size, "4bit" if chosen.four_bit else "bf16") + size.adapted[preset] * (4 + kept)
    else:
        learning = size.weights["language"] + size.weights["projector"]
        weights = size.weights["vision"] * 2.0 + learning * (4 + kept)
    positions = batch * (tokens + size.image_tokens)
    layer = activation * positions * (_KEPT_WIDTHS * size.width + _KEPT_INNER * size.inner)
    activations = layer + activation * positions * size.width * size.layers if checkpointing else layer * size.layers
    # The logits, their copy in fp32 and its gradient.
    return weights + activations + positions * size.vocabulary * (activation + 8.0)


def seconds_a_report(size: Size, precision: str, device: Device, *, prompt: int = 256, written: int = 120) -> float:
    """Time to read image and prompt and to write a report, one study at a time."""
    tokens = prompt + size.image_tokens
    image = 2.0 * size.weights["vision"] * max(size.image_tokens, 1000) / device.flops
    reading = 2.0 * size.weights["language"] * tokens / device.flops
    writing = written * _weights_bytes(size, precision) / device.bandwidth
    return image + reading + writing


def seconds_a_step(size: Size, device: Device, *, records: int, tokens: int = 512, checkpointing: bool = True) -> float:
    """Time of one optimiser step: forward and backward pass over so many records."""
    passes = 8.0 if checkpointing else 6.0
    return passes * size.total * records * (tokens + size.image_tokens) / device.flops


def as_table(names: dict[str, Size]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| model | weights | precision | to write: memory | "
        + " | ".join(one.name for one in DEVICES)
        + " | to train |",
        "|---|---|---|---|" + "---|" * len(DEVICES) + "---|",
    ]
    trained = {"fp32": "", "bf16": "lora-64", "4bit": "qlora"}
    for name, size in names.items():
        for precision in _WEIGHT:
            times = [
                "-" if _unfit(precision, device) else f"{seconds_a_report(size, precision, device):.1f} s"
                for device in DEVICES
            ]
            preset = trained[precision]
            training = (
                f"{preset}: {training_bytes(size, preset) / 1e9:.1f} GB"
                if preset
                else (f"full: {training_bytes(size, 'full') / 1e9:.0f} GB")
            )
            memory = f"{serving_bytes(size, precision) / 1e9:.1f} GB"
            row = [name, f"{size.total / 1e9:.2f} billion", precision, memory, *times, training]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def _unfit(precision: str, device: Device) -> bool:
    return (precision == "4bit" and "CPU" in device.name) or (precision == "fp32" and "GPU" in device.name)


def _weights_bytes(size: Size, precision: str) -> float:
    if precision != "4bit":
        return size.total * _WEIGHT[precision]
    return size.quantised * _WEIGHT["4bit"] + (size.total - size.quantised) * 2.0


def _count(model: nn.Module, names: list[str]) -> int:
    wanted = set(names)
    # Tied weights appear once among the parameters.
    return sum(weight.numel() for name, weight in model.named_parameters() if name in wanted)


def _adapted(model: nn.Module, preset: str) -> int:
    chosen = PRESETS[preset]
    layers = [
        module
        for name, module in modules_of(model, "language").items()
        if name.rsplit(".", 1)[-1] in chosen.targets and isinstance(module, nn.Linear)
    ]
    if chosen.projector:
        layers += [module for module in modules_of(model, "projector").values() if isinstance(module, nn.Linear)]
    return sum(chosen.rank * (layer.in_features + layer.out_features) for layer in layers)


def _image_tokens(configuration: Any) -> int:
    """Positions that one image of 448 by 448 pixels takes among the text's."""
    vision = configuration.vision_config
    if configuration.model_type == "mllama":
        return 0
    if (fixed := getattr(configuration, "mm_tokens_per_image", None)) is not None:
        return int(fixed)
    if (merge := getattr(vision, "spatial_merge_size", None)) is not None:
        return int((448 // vision.patch_size // merge) ** 2)
    side = getattr(vision, "image_size", None)
    return int((side // vision.patch_size) ** 2) if side else int(getattr(configuration, "image_seq_length", 49))
