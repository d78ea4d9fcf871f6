"""A checkpoint is a folder: ``model.safetensors``, ``config.json`` (timm's layout and ours), ``README.md``.

Two further files may say something of a checkpoint, and are used only while they name its digest: ``model.onnx``,
the same network for ONNX Runtime (``core.classifier.onnx_model``), and ``localization.json``, how well its heatmaps
agree with radiologists' boxes (``core.classifier.reliability``).
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.atomic import replacing, write_json
from core.classifier.abnormality import AbnormalModel
from core.classifier.calibration import Calibration
from core.classifier.config_check import fault_of
from core.classifier.errors import CheckpointError
from core.classifier.imported_architecture import ImportedArchitecture
from core.classifier.policies import NEUTRAL, Policy, common_threshold_policy
from core.classifier.preprocessing import Preprocessing
from core.findings import LABELS
from core.settings import DEFAULT_POLICY

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = "model.safetensors"
# Under this name a file records which checkpoint it was made from.
DIGEST = "checkpoint_sha256"
SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints" / "classifier"


@dataclass(frozen=True)
class CheckpointConfig:
    """What ``config.json`` says beside the weights.

    Attributes:
        architecture: timm model name, or several with ``+`` between them, whose mean counts; of an imported network
            what its library calls it.
        preprocessing: how pixels become network input.
        calibration: raw outputs to probabilities, per label.
        policies: by which thresholds findings are called, by name; empty where none were chosen.
        abnormal: the probability that a radiograph shows any finding; None where that is not judged.
        provenance: data, split, seed, settings and figures of the training, free form.
        label_names: the outputs, in order; a subset of the 14 findings.
        name, version: how the model is called in reports.
        imported: how to build a network that was made elsewhere; None for one of ``architecture``.
    """

    architecture: str
    preprocessing: Preprocessing
    calibration: Calibration
    policies: dict[str, Policy] = field(default_factory=dict)
    abnormal: AbnormalModel | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    label_names: tuple[str, ...] = LABELS
    name: str = "chestlens-classifier"
    version: str = "1"
    imported: ImportedArchitecture | None = None

    def to_json(self) -> dict[str, Any]:
        """The object that ``config.json`` holds."""
        return {
            "architecture": self.architecture,
            **(self._timm_layout() if self.imported is None else {"imported": asdict(self.imported)}),
            "label_names": list(self.label_names),
            "name": self.name,
            "version": self.version,
            "preprocessing": asdict(self.preprocessing),
            "calibration": asdict(self.calibration),
            "policies": {name: policy.to_json() for name, policy in self.policies.items()},
            "abnormal": None if self.abnormal is None else self.abnormal.to_json(),
            "provenance": self.provenance,
        }

    def _timm_layout(self) -> dict[str, Any]:
        """What lets timm read the folder."""
        side = self.preprocessing.image_size
        return {
            "num_classes": len(self.label_names),
            "model_args": {"in_chans": 1},
            "pretrained_cfg": {
                "input_size": [1, side, side],
                "mean": [self.preprocessing.mean],
                "std": [self.preprocessing.std],
                "interpolation": "lanczos",
                "num_classes": len(self.label_names),
            },
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "CheckpointConfig":
        """Read what ``to_json`` wrote.

        Raises:
            KeyError, TypeError: a field is missing or of another kind. Without policies and a model of abnormality a
                checkpoint still serves: see ``policy``.
        """
        return cls(
            architecture=data["architecture"],
            preprocessing=Preprocessing(**data["preprocessing"]),
            calibration=Calibration(**{key: tuple(value) for key, value in data["calibration"].items()}),
            policies={name: Policy.from_json(name, policy) for name, policy in data.get("policies", {}).items()},
            abnormal=AbnormalModel.from_json(data["abnormal"]) if data.get("abnormal") else None,
            provenance=data["provenance"],
            label_names=tuple(data["label_names"]),
            name=data["name"],
            version=data["version"],
            imported=ImportedArchitecture.from_json(data["imported"]) if data.get("imported") else None,
        )

    def policy(self, name: str = DEFAULT_POLICY) -> Policy:
        """The policy of a name.

        A checkpoint without any, such as one of an earlier version, calls a finding present from a probability of one
        half on, and the policy says so.

        Raises:
            CheckpointError: the checkpoint has policies, but none of this name.
        """
        if name in self.policies:
            return self.policies[name]
        if self.policies:
            raise CheckpointError(f"The checkpoint has no policy {name!r}; choose one of: {', '.join(self.policies)}.")
        return common_threshold_policy(name, NEUTRAL, self.label_names, 0.5)


def save_checkpoint(folder: str | Path, network: "nn.Module", config: CheckpointConfig) -> None:
    """Write the folder. Each file appears whole or not at all.

    Kernels and matrices that half precision holds exactly take half the room; loading gives the same network.
    """
    from safetensors.torch import save_file

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    # Running statistics of batch norm count batches in int64; only the weights proper need to be contiguous floats.
    state = {name: _compact(value.detach().cpu()).contiguous() for name, value in network.state_dict().items()}
    with replacing(target / WEIGHTS) as partial:
        save_file(state, partial, metadata={"format": "pt"})
    save_config(target, config)


def save_config(folder: str | Path, config: CheckpointConfig) -> None:
    """Write ``config.json`` alone; it appears whole or not at all."""
    write_json(Path(folder) / "config.json", config.to_json(), indent=2)


def _compact(value: "Tensor") -> "Tensor":
    import torch

    half = value.half() if value.ndim > 1 else value
    return half if torch.equal(half.to(value.dtype), value) else value


def checkpoint_digest(folder: str | Path) -> str:
    """SHA-256 of a checkpoint's weights and of what gives them their meaning, in hexadecimal.

    Raises:
        CheckpointError: the weights are missing, or the configuration cannot be used.
    """
    path = Path(folder) / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"No checkpoint in {folder}: {WEIGHTS} is missing.")
    config = load_config(folder)
    meaning: list[Any] = [config.architecture, config.label_names, config.preprocessing.image_size]
    if config.imported is not None:
        meaning.append(asdict(config.imported))
    return hashlib.sha256(path.read_bytes() + json.dumps(meaning).encode()).hexdigest()


def load_config(folder: str | Path) -> CheckpointConfig:
    """Read ``config.json``.

    Raises:
        CheckpointError: it is missing, not readable, or no network could be used with it, see ``fault_of``.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise CheckpointError(
            f"No checkpoint in {folder}: config.json is missing. Train one with train.py or give another folder."
        )
    try:
        config = CheckpointConfig.from_json(json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a ChestLens checkpoint configuration ({error}).") from error
    if (fault := fault_of(config)) is not None:
        raise CheckpointError(f"{path} {fault}; train or import the checkpoint again.")
    return config


def load_checkpoint(folder: str | Path = SHIPPED) -> tuple["nn.Module", CheckpointConfig]:
    """Read a checkpoint folder and build its network, in evaluation mode.

    Raises:
        CheckpointError: a file is missing, or the weights do not fit the architecture that the folder names.
    """
    import torch
    from safetensors.torch import load_file

    from core.classifier.imported_network import build_imported
    from core.classifier.network import create_network, name_from_elsewhere

    config = load_config(folder)
    weights = Path(folder) / WEIGHTS
    if not weights.is_file():
        raise CheckpointError(f"No checkpoint in {folder}: {WEIGHTS} is missing.")
    if (name := name_from_elsewhere(config)) is not None:
        raise CheckpointError(
            f"{folder} names the network {name!r}, which would be fetched from elsewhere; name the model itself as "
            "hf:OWNER/MODEL instead."
        )
    try:
        if config.imported is not None:
            network: nn.Module = build_imported(config.imported)
        else:
            network = create_network(config.architecture, len(config.label_names))
        network.load_state_dict(load_file(weights))
    except Exception as error:  # safetensors, timm and torch each raise their own
        raise CheckpointError(
            f"The weights in {folder} do not fit the architecture {config.architecture!r} named there."
        ) from error
    return network.eval().to(memory_format=torch.channels_last), config
