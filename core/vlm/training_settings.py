"""What can be chosen when a writer is made and trained; nothing here imports PyTorch."""

from dataclasses import dataclass
from typing import Literal

Stage = Literal["vision", "projector", "language"]
STAGES: tuple[Stage, ...] = ("vision", "projector", "language")

ARCHITECTURES = ("llava-llama", "llava-mistral", "qwen2.5-vl", "mllama", "gemma3")
"""LLaVA-1.5 with Llama, LLaVA with Mistral (LLaVA-Med 1.5), Qwen2.5-VL, Llama 3.2 Vision and Gemma 3."""

_SEVEN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Preset:
    """What is trained of a language model, and in which numbers its base stands.

    Attributes:
        rank, alpha: of the adapters; the update is scaled by ``alpha / rank``. 0 trains the weights themselves.
        targets: names of the layers of the language model that get an adapter.
        projector: whether the projector's layers get one too.
        four_bit: base in NF4 with double quantisation, paged 8-bit AdamW, activations computed again.
    """

    rank: int = 0
    alpha: int = 0
    targets: tuple[str, ...] = ()
    projector: bool = False
    four_bit: bool = False


PRESETS: dict[str, Preset] = {
    "full": Preset(),
    "lora-64": Preset(64, 128, _SEVEN, projector=True),
    "lora-16": Preset(16, 32, ("q_proj", "v_proj")),
    "qlora": Preset(64, 128, _SEVEN, projector=True, four_bit=True),
}
"""``lora-64`` as LLaVA-Med's recipe has it, ``lora-16`` as the light one, ``qlora`` for a single consumer GPU."""


@dataclass(frozen=True)
class StageSettings:
    """How one stage is trained.

    Attributes:
        epochs: passes over the records.
        batch_size: records a forward pass and device.
        gradient_accumulation_steps: forward passes an optimiser step.
        learning_rate: peak of AdamW's; rises over ``warmup_share`` of all steps, then falls as a cosine.
        warmup_share: share of all steps in which the rate rises.
        weight_decay: AdamW.
        precision: ``bf16``, ``fp16`` (on a GPU), ``fp32``, or ``auto``: bf16 where the processor computes in it, fp16
            on older GPUs, else fp32.
        preset: a name in ``core.vlm.adapters.PRESETS``: what of the language model is trained.
        dropout: of the adapters' inputs.
        warmup_steps: optimiser steps in which the rate rises; 0 for ``warmup_share``.
        max_records: records of the training split at most; 0 for all.
        save_steps: optimiser steps between two states that a stopped run can go on from.
        gradient_checkpointing: computes activations again in the backward pass, for models that fill the memory.
        seed: of order and dropout.
    """

    epochs: float = 1.0
    batch_size: int = 32
    gradient_accumulation_steps: int = 1
    learning_rate: float = 1e-3
    warmup_share: float = 0.05
    weight_decay: float = 0.05
    preset: str = "full"
    dropout: float = 0.05
    warmup_steps: int = 0
    precision: str = "auto"
    max_records: int = 0
    save_steps: int = 100
    gradient_checkpointing: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Size:
    """How large the model becomes; the defaults make one of about 9 million weights.

    Attributes:
        vocabulary: tokens at most.
        width, layers, heads: of the language model.
        feed_forward: width inside its feed-forward layers.
        positions: tokens of prompt, image and reply together.
        image_side: side of the tower's square input, in pixels, a multiple of 32.
    """

    vocabulary: int = 2048
    width: int = 256
    layers: int = 6
    heads: int = 4
    feed_forward: int = 704
    positions: int = 1024
    image_side: int = 224
