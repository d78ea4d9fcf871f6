"""The figures of a plan against a model of the same class that fits this machine, measured while it is trained."""

import gc
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForImageTextToText

from core.vlm.planning import PUBLISHED, size_of, training_bytes
from core.vlm.training import freeze

_TOKENS, _BATCH = 256, 2
# Of the language model of the check; the rest of the published configuration is made smaller in proportion.
_TEXT = {
    "hidden_size": 640,
    "intermediate_size": 1728,
    "num_hidden_layers": 6,
    "num_attention_heads": 5,
    "num_key_value_heads": 5,
    "vocab_size": 8000,
}
_VISION: dict[str, dict[str, Any]] = {
    "llava": {"hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 4, "num_attention_heads": 4},
    "qwen2_5_vl": {"depth": 4, "hidden_size": 192, "intermediate_size": 768, "num_heads": 4, "out_hidden_size": 640},
    "mllama": {
        "hidden_size": 192,
        "intermediate_size": 768,
        "num_hidden_layers": 4,
        "num_global_layers": 1,
        "attention_heads": 4,
        "intermediate_layers_indices": [1, 2],
        "vision_output_dim": 576,
    },
    "gemma3": {"hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 4, "num_attention_heads": 4},
}


@dataclass(frozen=True)
class Checked:
    """Bytes that training the language stage took beyond the process without a model, and what was computed.

    Attributes:
        name: of the published model whose class it is.
        weights: number of weights of the smaller one.
        measured, computed: peak of the memory.
    """

    name: str
    weights: int
    measured: int
    computed: int


def check_plan(name: str) -> Checked:
    """Train a smaller model of a published one's class for two steps, in a process of its own, and measure it.

    Args:
        name: of a published configuration.

    Raises:
        RuntimeError: the process failed.
    """
    command = [sys.executable, "-m", "core.vlm.plan_check", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"The check of {name} failed: {done.stderr.strip().splitlines()[-1]}")
    return Checked(**json.loads(done.stdout.strip().splitlines()[-1]))


def _small_configuration(name: str) -> Any:
    stored = json.loads(PUBLISHED.read_text(encoding="utf-8"))[name]
    kind = stored.pop("model_type")
    text = stored["text_config"] | _TEXT
    if kind == "mllama":
        text |= {"cross_attention_layers": [2]}
    if kind == "gemma3":
        text |= {"head_dim": 128}
    stored["text_config"] = text | {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    stored["vision_config"] |= _VISION[kind]
    if "image_token_id" in stored:
        stored["image_token_id"] = _TEXT["vocab_size"] - 1
    return CONFIG_MAPPING[kind](**stored)


def _measure(name: str) -> Checked:
    configuration = _small_configuration(name)
    # Text alone: images add positions, which the plan counts like any others.
    size = replace(size_of(configuration), image_tokens=0)
    gc.collect()
    before = _resident("VmRSS")
    model = AutoModelForImageTextToText.from_config(configuration).float()
    freeze(model, ("language", "projector"))
    model.train()
    optimiser = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad])
    ids = torch.randint(10, _TEXT["vocab_size"] - 10, (_BATCH, _TOKENS))
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids}
    if configuration.model_type == "gemma3":
        inputs["token_type_ids"] = torch.zeros_like(ids)
    Path("/proc/self/clear_refs").write_text("5")  # begins the peak anew
    for _ in range(2):
        model(**inputs).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    computed = training_bytes(size, "full", batch=_BATCH, tokens=_TOKENS, checkpointing=False, activation=4.0)
    # The frozen encoder is kept in 32 bits here, not in 16.
    computed += size.weights["vision"] * 2
    return Checked(name, size.total, _resident("VmHWM") - before, int(computed))


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024


if __name__ == "__main__":
    print(json.dumps(vars(_measure(sys.argv[1]))))
