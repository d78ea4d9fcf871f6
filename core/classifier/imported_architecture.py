"""What is known of a network that was made elsewhere: how to build it, and what it takes and gives."""

from dataclasses import dataclass
from typing import Any, Literal

Library = Literal["timm", "transformers"]
Head = Literal["sigmoid", "softmax"]


@dataclass(frozen=True)
class ImportedArchitecture:
    """How to build an imported network, and what its input and its outputs mean; saved in ``config.json``.

    Attributes:
        library: what builds it.
        model: transformers: its configuration; timm: ``architecture``, ``model_args`` and ``pretrained_cfg``.
        mean, std: normalisation of each input channel, for values in [0, 1].
        head: ``sigmoid`` where outputs are judged one by one, ``softmax`` where they exclude each other.
        columns: for each label the outputs that mean it; with ``sigmoid`` one each.
        n_outputs: number of outputs, of labels and of others.
    """

    library: Library
    model: dict[str, Any]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    head: Head
    columns: tuple[tuple[int, ...], ...]
    n_outputs: int

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ImportedArchitecture":
        """Read what ``asdict`` and JSON made of it."""
        columns = tuple(tuple(outputs) for outputs in data["columns"])
        return cls(**data | {"mean": tuple(data["mean"]), "std": tuple(data["std"]), "columns": columns})
