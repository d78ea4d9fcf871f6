"""Folders that transformers or timm saved, and models of the Hugging Face hub, which are such folders once downloaded.

Everything is read without a network, and no code is run but the installed libraries' own.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from core.classifier.checkpoint import CheckpointError
from core.classifier.imported_architecture import Head, Library

if TYPE_CHECKING:
    from torch import nn

HUB = "hf:"
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_IMAGENET_SIDE = 224
# Eight-bit grey values, on which the rescaling of transformers works.
_WHITE = 255


@dataclass(frozen=True)
class PublicModel:
    """A classifier as its library gives it.

    Attributes:
        name: what it is called in reports.
        architecture: what its library calls the architecture.
        library: that builds it.
        description: what ``ImportedArchitecture.model`` needs.
        network: with its weights.
        outputs: their names, in order.
        head: whether they exclude each other; None where the folder does not say.
        image_size: side of the input, in pixels.
        mean, std: normalisation of each input channel, for values in [0, 1].
        assumed: sentences about what the folder does not say.
    """

    name: str
    architecture: str
    library: Library
    description: dict[str, Any]
    network: "nn.Module"
    outputs: tuple[str, ...]
    head: Head | None
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    assumed: tuple[str, ...] = ()


def download(name: str, cache_dir: str | Path | None = None) -> Path:
    """Fetch a model of the Hugging Face hub into its cache, and return the folder.

    Args:
        name: as on the hub, with or without ``@REVISION``.
        cache_dir: of the hub [its own].

    Raises:
        CheckpointError: it cannot be had, or has no weights that can be read safely.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = name.partition("@")

    def fetch(patterns: list[str]) -> Path:
        found = snapshot_download(repository, revision=revision or None, allow_patterns=patterns, cache_dir=cache_dir)
        return Path(found)

    try:
        folder = fetch(["*.json", "model*.safetensors"])
        if not list(folder.glob("model*.safetensors")):
            folder = fetch(["*.json", "pytorch_model*.bin"])
    except HFValidationError as error:
        raise CheckpointError(f"{name!r} is no name of the Hugging Face hub: write hf:OWNER/MODEL.") from error
    except LocalEntryNotFoundError as error:
        raise CheckpointError(
            f"{name} could not be downloaded: go online, or download it elsewhere and give the folder."
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise CheckpointError(
            f"{name} could not be had from the Hugging Face hub ({type(error).__name__}): see whether there is such a "
            "model, and whether it is open to you."
        ) from error
    return folder


def read_folder(folder: str | Path, name: str) -> PublicModel:
    """Read what ``save_pretrained`` of transformers, or timm's export for the hub, wrote.

    Args:
        folder: with ``config.json`` and weights.
        name: what the model is called.

    Raises:
        CheckpointError: the folder holds no image classifier that the installed libraries can build and fill.
    """
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{folder} holds no config.json that can be read, as transformers or timm save."
        ) from error
    if not isinstance(config, dict) or not {"model_type", "architecture"} & config.keys():
        raise CheckpointError(f"{path} names no architecture of transformers or timm.")
    read = _read_transformers if "model_type" in config else _read_timm
    try:
        with _quiet():
            return read(Path(folder), name)
    except CheckpointError:
        raise
    except Exception as error:  # the libraries raise whatever they like at a folder that they cannot use
        reason = " ".join(str(error).split()).split(". ")[0][:200].rstrip(".")
        raise CheckpointError(
            f"{name} is no image classifier that the installed libraries can load without code of its own "
            f"({type(error).__name__}: {reason})."
        ) from error


def _read_transformers(folder: Path, name: str) -> PublicModel:
    from transformers import AutoModelForImageClassification

    network, report = AutoModelForImageClassification.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, output_loading_info=True, dtype="float32"
    )
    if unfilled := sorted({*report["missing_keys"], *(key[0] for key in report["mismatched_keys"])}):
        raise CheckpointError(f"{name} is no trained image classifier: its weights lack {unfilled[0]}.")
    config = network.config
    description = {key: value for key, value in config.to_dict().items() if key not in ("auto_map", "_name_or_path")}
    heads: dict[str | None, Head] = {
        "multi_label_classification": "sigmoid",
        "single_label_classification": "softmax",
    }
    side, mean, std, assumed = _input_of_transformers(folder, config)
    return PublicModel(
        name=name,
        architecture=type(network).__name__,
        library="transformers",
        description=json.loads(json.dumps(description, default=str)),
        network=network.eval(),
        outputs=tuple(str(config.id2label[index]) for index in range(config.num_labels)),
        head=heads.get(config.problem_type),
        image_size=side,
        mean=mean,
        std=std,
        assumed=assumed,
    )


def _input_of_transformers(
    folder: Path, config: Any
) -> tuple[int, tuple[float, ...], tuple[float, ...], tuple[str, ...]]:
    """Side, mean and deviation of the input, and what was assumed of them."""
    from transformers import AutoImageProcessor

    channels = int(getattr(config, "num_channels", 3))
    own_side = getattr(config, "image_size", None)
    own_side = max(own_side) if isinstance(own_side, Sequence) else own_side
    if not (folder / "preprocessor_config.json").is_file() and not (folder / "processor_config.json").is_file():
        side = int(own_side or _IMAGENET_SIDE)
        sentence = (
            f"It does not say how its input is prepared: {side} x {side} pixels and ImageNet's mean and deviation are "
            "assumed."
        )
        return side, _per_channel(_IMAGENET_MEAN, channels), _per_channel(_IMAGENET_STD, channels), (sentence,)
    processor: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    sizes = [getattr(processor, "crop_size", None)] if getattr(processor, "do_center_crop", False) else []
    sizes.append(getattr(processor, "size", None))
    given = next((side for size in sizes if size and (side := size.get("height") or size.get("shortest_edge"))), None)
    side = int(given or own_side or _IMAGENET_SIDE)
    normalised = getattr(processor, "do_normalize", False)
    mean = processor.image_mean if normalised else (0.0,)
    std = processor.image_std if normalised else (1.0,)
    # The values that are normalised are white * pixels - offset.
    white = _WHITE * (processor.rescale_factor if getattr(processor, "do_rescale", False) else 1.0)
    offset = 1.0 if getattr(processor, "rescale_offset", False) else 0.0
    return (
        side,
        tuple((value + offset) / white for value in _per_channel(mean, channels)),
        tuple(value / white for value in _per_channel(std, channels)),
        (),
    )


def _read_timm(folder: Path, name: str) -> PublicModel:
    import timm

    if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        raise CheckpointError(f"{folder} holds no weights (model.safetensors).")
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    facts: dict[str, Any] = dict(cast(Any, network).pretrained_cfg)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    where = ("file", "source", "hf_hub_id", "hf_hub_filename", "url", "architecture")
    stored = {key: value for key, value in facts.items() if key not in where and value is not None}
    arguments = dict(config.get("model_args") or {})
    n_outputs = int(cast(Any, network).num_classes)
    names = facts.get("label_names") or [f"output {index}" for index in range(n_outputs)]
    channels = int(arguments.get("in_chans", facts["input_size"][0]))
    return PublicModel(
        name=name,
        architecture=config["architecture"],
        library="timm",
        description={
            "architecture": config["architecture"],
            "model_args": arguments,
            "pretrained_cfg": json.loads(json.dumps(stored, default=str)),
        },
        network=network,
        outputs=tuple(map(str, names)),
        head=None,
        image_size=max(facts["input_size"][1:]),
        mean=_per_channel(facts["mean"], channels),
        std=_per_channel(facts["std"], channels),
    )


def _per_channel(values: float | Sequence[float], channels: int) -> tuple[float, ...]:
    """One value for each channel; grey takes the mean of the colours."""
    given = [float(value) for value in (values if isinstance(values, Sequence) else [values])]
    return tuple(given) if len(given) == channels else (sum(given) / len(given),) * channels


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars and tables of transformers: what went wrong is said in one sentence."""
    from transformers.utils import logging as messages

    shown, verbosity = messages.is_progress_bar_enabled(), messages.get_verbosity()
    messages.disable_progress_bar()
    messages.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        messages.set_verbosity(verbosity)
        if shown:
            messages.enable_progress_bar()
