"""Opening vision-language models: a folder or a hub id, a base with an adapter, in 32, 16 or 4 bits.

What can go wrong is told before anything is loaded, in one sentence that says which of these it is.
"""

import contextlib
import hashlib
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    BitsAndBytesConfig,
    PreTrainedModel,
    ProcessorMixin,
)

from core.errors import ChestLensError
from core.vlm.backends.opening import HUB

PRECISIONS = ("auto", "fp32", "bf16", "4bit")
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# Weights as safetensors, never pickles; and what describes them.
_FILES = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt")
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}
# NF4 with double quantisation: 4 bits a weight and about 0.13 for their scales; embeddings and heads stay in 16 bits.
_FOUR_BIT = 0.6
# Beside the weights: activations, the text so far, the libraries.
_BESIDE = 1.15
_SAMPLE = 1 << 16


class WriterError(ChestLensError):
    """The model cannot be opened; the message says why."""


class WriterTrainingError(ChestLensError):
    """Training cannot start or go on; the message says what to change."""


@dataclass(frozen=True)
class Opening:
    """How a model is opened.

    Attributes:
        adapter: folder of a LoRA adapter for it, or None.
        precision: ``fp32``, ``bf16``, ``4bit`` (NF4), or ``auto``: as it is stored.
        trust_remote_code: whether Python code that comes with the model may run.
    """

    adapter: str | None = None
    precision: str = "auto"
    trust_remote_code: bool = False


def load_model(source: str | Path, opening: Opening | None = None) -> tuple[PreTrainedModel, ProcessorMixin]:
    """Open a model of any kind and size, with its adapter if there is one.

    Args:
        source: folder of a model; folder of an adapter, which names its base; or ``hf:OWNER/MODEL``.
        opening: how.

    Returns:
        The model, on the CPU unless it is in 4 bits, and its processor.

    Raises:
        WriterError: it is unknown, of another kind, lacks something, or does not fit the memory.
    """
    opening = opening or Opening()
    if opening.precision not in PRECISIONS:
        raise WriterError(f"There is no precision {opening.precision!r}; choose one of {', '.join(PRECISIONS)}.")
    if opening.precision == "4bit" and importlib.util.find_spec("bitsandbytes") is None:
        raise WriterError(
            "A model in 4 bits needs the package bitsandbytes: run pip install bitsandbytes, or open it in bf16."
        )
    named, adapter = str(source), opening.adapter
    if adapter is None and not named.startswith(HUB) and (Path(named) / "adapter_config.json").is_file():
        named, adapter = _base_of(Path(named)), named
    folder = _local(named, opening)
    configuration = _configuration(folder, named, opening)
    _require_memory(folder, named, opening)
    adapter_folder = None if adapter is None else _adapter_folder(adapter, folder, configuration)
    quantised = {}
    if opening.precision == "4bit":
        quantised["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    with _in_words(named):
        model = AutoModelForImageTextToText.from_pretrained(
            folder,
            config=configuration,
            dtype=_DTYPES.get(opening.precision, "auto"),
            trust_remote_code=opening.trust_remote_code,
            local_files_only=True,
            **quantised,
        )
        has_processor = adapter_folder is not None and (adapter_folder / "tokenizer_config.json").is_file()
        processor = AutoProcessor.from_pretrained(
            adapter_folder if has_processor else folder,
            trust_remote_code=opening.trust_remote_code,
            local_files_only=True,
        )
    if opening.precision == "4bit":
        _leave_odd_sizes_unpacked(model)
    if adapter_folder is not None:
        model = _with_adapter(model, adapter_folder, named)
    return model, processor


def _leave_odd_sizes_unpacked(model: PreTrainedModel) -> None:
    """Have layers of odd sizes compute as on other processors.

    For one with AVX512-BF16, bitsandbytes packs a layer's weights once more, in blocks of 32 rows and 64 columns, and
    fails on any layer that is no whole number of them, such as those of Qwen2.5-VL's vision tower (3,420 wide).
    """
    from bitsandbytes.nn import Linear4bit

    for layer in model.modules():
        if isinstance(layer, Linear4bit) and (layer.out_features % 32 or layer.in_features % 64):
            layer.support_avx512bf16_for_cpu = False


def needed_bytes(folder: Path, precision: str = "auto") -> int:
    """Memory that a model folder takes once it is open, told from the sizes of its files."""
    return _needed(_weight_bytes(folder), _stored_type(folder), precision)


def available_bytes() -> int:
    """Free memory of the GPU where there is one, else of this machine, within the limit of its container."""
    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    from psutil import virtual_memory

    free = int(virtual_memory().available)
    with contextlib.suppress(OSError, ValueError):
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        free = min(free, limit - used)
    return free


def fingerprint(folder: Path) -> str:
    """A digest by which an adapter knows its base: of the weights' names and shapes and of samples of their values."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        with path.open("rb") as file:
            for place in (0, size // 2, max(size - _SAMPLE, 0)):
                file.seek(place)
                digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:16]


def stopping_tokens(model: Any) -> tuple[int, ...]:
    """Ids of the tokens that end an answer."""
    found = model.generation_config.eos_token_id
    return () if found is None else (found,) if isinstance(found, int) else tuple(found)


def _base_of(adapter: Path) -> str:
    stored = _read_json(adapter / "adapter_config.json")
    named = str(stored.get("base_model_name_or_path") or "")
    if not named:
        raise WriterError(f"The adapter {adapter} does not say which model it belongs to; name that as the base.")
    if Path(named).is_dir():
        return named
    if named.count("/") == 1 and not named.startswith((".", "/")):
        return HUB + named.removeprefix(HUB)
    raise WriterError(f"The adapter {adapter} belongs to {named}, which is not there; name its base model's folder.")


def _local(named: str, opening: Opening) -> Path:
    """The folder that holds the model's files, fetched from the hub where it is named so."""
    if not named.startswith(HUB):
        folder = Path(named)
        if not (folder / "config.json").is_file():
            raise WriterError(f"{named} holds no model (config.json is missing).")
        return folder
    name = named.removeprefix(HUB)
    try:
        with contextlib.suppress(LocalEntryNotFoundError):
            return Path(snapshot_download(name, allow_patterns=list(_FILES), local_files_only=True))
        files = HfApi().model_info(name, files_metadata=True, timeout=20).siblings or []
        size = sum(file.size or 0 for file in files if file.rfilename.endswith(".safetensors"))
        _refuse_if_too_large(named, _needed(size, "bfloat16", opening.precision))
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except WriterError:
        raise
    except Exception as error:  # of whichever HTTP library the hub's client uses
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WriterError(f"The model {name} cannot be had from the Hugging Face hub: {first}") from None


def _configuration(folder: Path, named: str, opening: Opening) -> Any:
    """The model's configuration, if it is one that reads images and writes text."""
    stored = _read_json(folder / "config.json")
    if "auto_map" in stored and not opening.trust_remote_code:
        raise WriterError(
            f"{named} comes with Python code of its own, which is not run unless --trust_remote_code allows it."
        )
    with _in_words(named):
        configuration = AutoConfig.from_pretrained(
            folder, trust_remote_code=opening.trust_remote_code, local_files_only=True
        )
    if type(configuration) not in AutoModelForImageTextToText._model_mapping and "auto_map" not in stored:
        kind = (stored.get("architectures") or [stored.get("model_type", "unknown")])[0]
        raise WriterError(
            f"{named} is of the wrong architecture: {kind} is no model that reads images and writes text."
        )
    return configuration


def _require_memory(folder: Path, named: str, opening: Opening) -> None:
    if not any(folder.glob("*.safetensors")):
        raise WriterError(f"{named} has no weights in safetensors form (model.safetensors is missing).")
    _refuse_if_too_large(named, needed_bytes(folder, opening.precision))


def _refuse_if_too_large(named: str, needed: int) -> None:
    free = available_bytes()
    if needed > free:
        raise WriterError(
            f"{named} needs about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free: open it in fewer "
            "bits (--precision bf16 or 4bit), take a smaller model, or give the address of a server."
        )


def _weight_bytes(folder: Path) -> int:
    files = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    index = folder / "model.safetensors.index.json"
    stated = _read_json(index).get("metadata", {}).get("total_size", 0) if index.is_file() else 0
    return max(files, int(stated))


def _stored_type(folder: Path) -> str:
    stored = _read_json(folder / "config.json")
    return str(stored.get("dtype") or stored.get("torch_dtype") or "float32")


def _needed(weights: int, stored: str, precision: str) -> int:
    one = _BYTES.get(stored, 4)
    wanted = {"fp32": 4.0, "bf16": 2.0, "4bit": _FOUR_BIT}.get(precision, one)
    return int(weights / one * wanted * _BESIDE)


def _adapter_folder(adapter: str, base: Path, configuration: Any) -> Path:
    """The adapter's folder, if it holds one that was trained on this base."""
    folder = Path(adapter)
    if not (folder / "adapter_config.json").is_file():
        raise WriterError(f"{adapter} holds no adapter (adapter_config.json is missing).")
    if not (folder / "adapter_model.safetensors").is_file():
        raise WriterError(f"{adapter} holds no adapter weights (adapter_model.safetensors is missing).")
    trained_on = (_read_json(folder / "adapter_config.json").get("auto_mapping") or {}).get("base_model_class")
    kinds = getattr(configuration, "architectures", None) or []
    if trained_on and kinds and trained_on not in kinds:
        raise WriterError(
            f"The adapter {adapter} is of another base: it was trained on a {trained_on}, not a {kinds[0]}."
        )
    record = folder / "base.json"
    if record.is_file():
        known = _read_json(record)
        if known.get("fingerprint") not in (None, fingerprint(base)):
            raise WriterError(
                f"The adapter {adapter} is of another base: it was trained on the weights of {known.get('model')}, "
                f"which are not those of {base}."
            )
    return folder


def _with_adapter(model: PreTrainedModel, folder: Path, named: str) -> Any:
    from peft import PeftModel

    modules = dict(model.named_modules())
    with safe_open(folder / "adapter_model.safetensors", "pt") as stored:
        names = stored.keys()
        for key in names:
            name, _, rest = key.removeprefix("base_model.model.").partition(".lora_")
            if not rest:
                continue
            layer = modules.get(name)
            shape = stored.get_slice(key).get_shape()
            fits = layer is not None and (
                shape[1] == getattr(layer, "in_features", None)
                if rest.startswith("A")
                else shape[0] == getattr(layer, "out_features", None)
            )
            if not fits:
                raise WriterError(f"The adapter {folder} is of another base: its layer {name} does not fit {named}.")
    with _in_words(str(folder)):
        return PeftModel.from_pretrained(model, folder, is_trainable=False)


@contextlib.contextmanager
def _in_words(named: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        if isinstance(error, WriterError):
            raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WriterError(f"{named} cannot be opened as a vision-language model: {first}") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise WriterError(f"{path} is missing or is not JSON.") from None
    if not isinstance(stored, dict):
        raise WriterError(f"{path} is not a JSON object.")
    return stored
