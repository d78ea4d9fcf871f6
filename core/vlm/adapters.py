"""Low-rank adapters (LoRA, Hu et al., ICLR 2022) and their 4-bit form (QLoRA, Dettmers et al., NeurIPS 2023)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from core.atomic import write_json
from core.vlm.models import WriterTrainingError, fingerprint
from core.vlm.parts import modules_of
from core.vlm.training_settings import PRESETS

BASE_FILE = "base.json"
"""Beside an adapter: which weights it was trained on."""


def require_gpu_for(preset: str) -> None:
    """Refuse a preset that needs a GPU where there is none.

    Raises:
        WriterTrainingError: there is none.
    """
    if PRESETS[preset].four_bit and not torch.cuda.is_available():
        raise WriterTrainingError(
            f"The preset {preset} keeps the base model in 4 bits, which needs an NVIDIA GPU, and there is none here: "
            "use --preset lora-64 or lora-16."
        )


def attach(model: PreTrainedModel, preset: str, *, dropout: float = 0.05) -> nn.Module:
    """The model with fresh adapters, its other weights frozen.

    Args:
        model: base.
        preset: a name in ``PRESETS`` other than ``full``.
        dropout: of the adapters' inputs while they are trained.

    Raises:
        WriterTrainingError: the model has none of the layers.
    """
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    chosen = PRESETS[preset]
    wanted = [
        name
        for name, module in modules_of(model, "language").items()
        if name.rsplit(".", 1)[-1] in chosen.targets and _linear(module)
    ]
    if not wanted:
        raise WriterTrainingError(
            f"{type(model).__name__} has none of the layers {', '.join(chosen.targets)} that {preset} trains."
        )
    saved: list[str] = []
    if chosen.projector:
        layers = modules_of(model, "projector")
        linear = [name for name, module in layers.items() if _linear(module)]
        # Gemma 3 multiplies by a bare matrix there, which has no layer to adapt: it is trained itself.
        saved = [] if linear else [next(iter(layers))]
        wanted += linear
    if chosen.four_bit:
        model = prepare_model_for_kbit_training(model)
    settings = LoraConfig(
        r=chosen.rank,
        lora_alpha=chosen.alpha,
        lora_dropout=dropout,
        target_modules=wanted,
        modules_to_save=saved or None,
    )
    return get_peft_model(model, settings)


def save_adapter(model: Any, base_folder: str | Path, folder: Path) -> None:
    """Write the adapter, and beside it which weights it belongs to."""
    model.save_pretrained(folder)
    record = {"model": str(base_folder), "fingerprint": fingerprint(Path(base_folder))}
    write_json(folder / BASE_FILE, record, indent=2)


def trained_share(parameters: Iterable[nn.Parameter]) -> tuple[int, int]:
    """Number of weights that learn, and of all."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in parameters]
    return sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)


def _linear(module: nn.Module) -> bool:
    # 4-bit layers are subclasses of Linear.
    return isinstance(module, nn.Linear)
