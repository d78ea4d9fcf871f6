"""The public classifiers of torchxrayvision: its DenseNet-121 and ResNet-50 (Cohen et al., MIDL 2022).

Their layers bear the same names as timm's ``densenet121`` and ``resnet50``, as which they become checkpoints. They
expect grey values in [-1024, 1024], which the checkpoint's normalisation gives them.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from core.classifier.checkpoint import CheckpointError
from core.classifier.preprocessing import Preprocessing

# Name of the weights up to the first hyphen -> timm's name.
_ARCHITECTURES = {"densenet121": "densenet121", "resnet50": "resnet50"}
_GREATEST = 1024


@dataclass(frozen=True)
class LibraryWeights:
    """Weights of torchxrayvision.

    Attributes:
        name: the library's.
        architecture: timm's name of it.
        state: parameters by timm's names.
        outputs: their names, in order; "" where an output was never trained.
        thresholds: operating points that were published with the weights, by output.
        preprocessing: the input that they expect.
    """

    name: str
    architecture: str
    state: dict[str, Tensor]
    outputs: tuple[str, ...]
    thresholds: dict[str, float]
    preprocessing: Preprocessing

    def head(self) -> tuple[str, str]:
        """Names of the last layer's parameters."""
        layer = "classifier" if self.architecture == "densenet121" else "fc"
        return f"{layer}.weight", f"{layer}.bias"


def load_library_weights(name: str, cache_dir: str | Path | None = None) -> LibraryWeights:
    """Have torchxrayvision load, and where needed download, a classifier.

    torchxrayvision unpickles the file, which can run code: take files from its own releases only.

    Args:
        name: one of its names, such as ``densenet121-res224-all`` or ``resnet50-res512-all``.
        cache_dir: where its downloaded files lie [its own cache].

    Raises:
        CheckpointError: torchxrayvision is not installed, does not know the name, or cannot get or read the weights.
    """
    try:
        from torchxrayvision import models
    except ImportError as error:
        raise CheckpointError(
            f"{name} is no folder, and no name of torchxrayvision, which is not installed: run pip install "
            "torchxrayvision, or write hf:OWNER/MODEL for a model of the Hugging Face hub."
        ) from error
    known: dict[str, dict[str, Any]] = {
        key: facts for key, facts in models.model_urls.items() if key.partition("-")[0] in _ARCHITECTURES
    }
    if name not in known:
        raise CheckpointError(
            f"{name} is no folder and no weights of torchxrayvision; those are: {', '.join(sorted(known))}. Write "
            "hf:OWNER/MODEL for a model of the Hugging Face hub."
        )
    architecture = _ARCHITECTURES[name.partition("-")[0]]
    make = models.DenseNet if architecture == "densenet121" else models.ResNet
    try:
        network: nn.Module = make(weights=name, cache_dir=None if cache_dir is None else str(cache_dir))
    except Exception as error:  # whatever the download or the unpickling raises
        raise CheckpointError(
            f"The weights {name!r} could not be loaded ({type(error).__name__}): go online, or download "
            f"{known[name]['weights_url']} elsewhere and give its folder as --cache_dir."
        ) from error
    outputs = tuple(known[name]["labels"])
    published = dict(zip(outputs, known[name].get("op_threshs", ()), strict=False))
    state = network.state_dict()
    side = int(name.split("-res")[1].split("-")[0])
    return LibraryWeights(
        name=name,
        architecture=architecture,
        state={key.removeprefix("model."): value for key, value in state.items() if key != "op_threshs"},
        outputs=outputs,
        thresholds={label: value for label, value in published.items() if label and math.isfinite(value)},
        preprocessing=Preprocessing(side, mean=0.5, std=0.5 / _GREATEST, low_percentile=0, high_percentile=100),
    )
