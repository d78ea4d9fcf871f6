"""The public DenseNet-121 classifiers of torchxrayvision as ChestLens checkpoints (Cohen et al., MIDL 2022).

Their layers bear the same names as timm's ``densenet121``. They expect grey values in [-1024, 1024] at 224 x 224
pixels, which the checkpoint's normalisation gives them; labels that are none of the 14 findings are left out.
"""

import math
import os
from pathlib import Path
from typing import Any

import timm
from torch import nn

from core.classifier.calibration import identity_calibration
from core.classifier.checkpoint import CheckpointConfig, save_checkpoint
from core.classifier.policies import DEFAULT_POLICY, common_threshold_policy
from core.classifier.preprocessing import Preprocessing
from core.findings import LABELS

_ARCHITECTURE = "densenet121"
_SIDE = 224
_GREATEST = 1024
_CHOSEN_FOR = (
    "what torchxrayvision published with the weights, or one half where it published nothing; nothing was measured"
)
_CARD = """# {name}

The public weights `{name}` of torchxrayvision (<https://github.com/mlmed/torchxrayvision>; Cohen et al.,
TorchXRayVision: A library of chest X-ray datasets and models, MIDL 2022), converted for ChestLens. Not trained, not
measured and not calibrated by ChestLens: probabilities are the network's own; decisions use the operating points that
were published with the weights. That project tells of images and licence; public images that you evaluate it on may
have trained it. Research and education only.
"""


def convert(name: str, output_dir: str | Path, *, cache_dir: str | Path | None = None) -> Path:
    """Have torchxrayvision load, and where needed download, a DenseNet, and write it as a checkpoint.

    torchxrayvision unpickles the file, which can run code: take files from its own releases only.

    Args:
        name: one of its names, such as ``densenet121-res224-all``.
        output_dir: the checkpoint folder to write.
        cache_dir: where its downloaded files lie [its own cache].

    Returns:
        ``output_dir``.

    Raises:
        ValueError: torchxrayvision is not installed, does not know the name, or cannot get or read the weights.
    """
    theirs, labels, thresholds = _load(name, cache_dir)
    columns = [labels.index(label) for label in LABELS if label in labels]
    known = tuple(labels[column] for column in columns)
    network = timm.create_model(_ARCHITECTURE, pretrained=False, num_classes=len(known), in_chans=1)
    state = {key: value for key, value in theirs.state_dict().items() if key != "op_threshs"}
    for part in ("classifier.weight", "classifier.bias"):
        state[part] = state[part][columns].clone()
    network.load_state_dict(state)
    policy = common_threshold_policy(DEFAULT_POLICY, _CHOSEN_FOR, known, 0.5, published=thresholds)
    config = CheckpointConfig(
        architecture=_ARCHITECTURE,
        preprocessing=Preprocessing(_SIDE, mean=0.5, std=0.5 / _GREATEST, low_percentile=0, high_percentile=100),
        calibration=identity_calibration(len(known)),
        policies={DEFAULT_POLICY: policy},
        # No image here is known to have validated it; which ones trained it is not known either.
        provenance={"source": f"torchxrayvision {name}", "validation_studies": []},
        label_names=known,
        name=f"torchxrayvision-{name}",
    )
    save_checkpoint(output_dir, network, config)
    card = Path(output_dir) / "README.partial"
    card.write_text(_CARD.format(name=name))
    os.replace(card, card.with_name("README.md"))
    return Path(output_dir)


def _load(name: str, cache_dir: str | Path | None) -> tuple[nn.Module, list[str], dict[str, float]]:
    """The library's network, the names of its outputs, and its operating thresholds."""
    try:
        from torchxrayvision import models
    except ImportError as error:
        raise ValueError("torchxrayvision is not installed; run: pip install torchxrayvision") from error
    known: dict[str, dict[str, Any]] = {
        key: facts for key, facts in models.model_urls.items() if key.startswith(_ARCHITECTURE)
    }
    if name not in known:
        raise ValueError(f"torchxrayvision has no weights {name!r}; choose one of: {', '.join(sorted(known))}.")
    try:
        network = models.DenseNet(weights=name, cache_dir=None if cache_dir is None else str(cache_dir))
    except Exception as error:  # whatever the download or the unpickling raises
        raise ValueError(
            f"The weights {name!r} could not be loaded ({type(error).__name__}): go online, or download "
            f"{known[name]['weights_url']} elsewhere and give its folder as --cache_dir."
        ) from error
    labels = list(known[name]["labels"])
    thresholds = dict(zip(labels, known[name].get("op_threshs", ()), strict=False))
    return network, labels, {label: value for label, value in thresholds.items() if label and math.isfinite(value)}
