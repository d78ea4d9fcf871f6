"""A checkpoint's network to ``model.onnx``, as ``core.classifier.onnx_model`` describes it."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from core.atomic import replacing
from core.classifier.checkpoint import DIGEST, CheckpointError, checkpoint_digest, load_checkpoint
from core.classifier.heatmaps import evidence_maps, has_linear_head
from core.classifier.onnx_model import ONNX
from core.onnx_files import forget_origin

if TYPE_CHECKING:
    import onnx

# Fewer values are not worth a node of their own.
_FEW = 1000


class _LogitsAndEvidence(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return evidence_maps(self.network, image)


def export_onnx(folder: str | Path) -> Path:
    """Write ``model.onnx`` into a checkpoint folder.

    Returns:
        The file.

    Raises:
        CheckpointError: the folder holds no usable checkpoint, or its heatmaps need a backward pass, which ONNX lacks.
    """
    import onnx
    from onnxscript import optimizer

    network, config = load_checkpoint(folder)
    side = config.preprocessing.image_size
    if not has_linear_head(network, side):
        raise CheckpointError(
            f"{config.architecture} does not end in average pooling and one linear layer, so that its heatmaps need "
            "gradients, which ONNX does not give; it is served by PyTorch."
        )
    target = Path(folder) / ONNX
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own libraries
        program = torch.onnx.export(
            _LogitsAndEvidence(network).eval(),
            (torch.zeros(2, 1, side, side),),
            input_names=["image"],
            output_names=["logits", "evidence"],
            dynamic_shapes=({0: torch.export.Dim("images", min=1, max=256)},),
            dynamo=True,
            verbose=False,
            optimize=False,
        )
        assert program is not None
        # Batch norm stays apart from the kernels, which are then stored as exactly as in the checkpoint; ONNX Runtime
        # joins them when it loads the file.
        optimizer.fold_constants(program.model)
        optimizer.remove_unused_nodes(program.model)
    model = program.model_proto
    forget_origin(model)
    _store_halves(model)
    onnx.helper.set_model_props(model, {DIGEST: checkpoint_digest(folder)})
    with replacing(target) as partial:
        onnx.save(model, partial)
    return target


def _store_halves(model: "onnx.ModelProto") -> None:
    """Store in half precision the weights that it holds exactly, which halves the file; computing stays as it was."""
    import onnx

    casts = []
    for weights in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype != np.float32 or values.size < _FEW:
            continue
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if np.array_equal(halves.astype(np.float32), values):
            name = weights.name
            weights.CopyFrom(onnx.numpy_helper.from_array(halves, f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [weights.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
