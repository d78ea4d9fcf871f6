"""The trained network as files: ``config.json``, ``model.safetensors``, and what is served, in ONNX."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from core.anatomy.look import ANSWERS, CONFIG, WEIGHTS
from core.anatomy.network import KINDS, MASKS, POSES, SIDE, AnatomyNetwork
from core.atomic import replacing, write_json
from core.onnx_files import forget_origin

VERSION = "1"


def save_checkpoint(network: AnatomyNetwork, folder: Path, *, accept_from: float, refuse_below: float) -> None:
    """Write all files, weights in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {
        name: value.half() if value.dtype == torch.float32 else value for name, value in network.state_dict().items()
    }
    network.load_state_dict(halves)  # what is exported is what is kept
    save_file({name: value.contiguous() for name, value in halves.items()}, folder / WEIGHTS)
    write_config(folder, {"accept_from": accept_from, "refuse_below": refuse_below})
    _export(network.eval(), folder)


def write_config(folder: Path, thresholds: Mapping[str, float]) -> None:
    """Write ``config.json`` with the network's meanings and the gate's thresholds."""
    config: dict[str, Any] = {
        "name": "chestlens-anatomy",
        "version": VERSION,
        "side": SIDE,
        "kinds": KINDS,
        "poses": POSES,
        "masks": MASKS,
        **thresholds,
    }
    write_json(folder / CONFIG, config, indent=2)


def load_network(folder: Path) -> AnatomyNetwork:
    """The network of a checkpoint, for more training or another export."""
    network = AnatomyNetwork()
    network.load_state_dict(load_file(folder / WEIGHTS))
    return network.eval()


def _export(network: AnatomyNetwork, folder: Path) -> None:
    import onnx
    from onnx.utils import Extractor
    from onnxscript import optimizer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own libraries
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 1, SIDE, SIDE),),
            input_names=["picture"],
            output_names=["masks", "kind", "pose"],
            dynamic_shapes=({0: torch.export.Dim("pictures", min=1, max=256)},),
            dynamo=True,
            verbose=False,
            optimize=False,
        )
        assert program is not None
        optimizer.fold_constants(program.model)
        optimizer.remove_unused_nodes(program.model)
    whole = Extractor(program.model_proto)
    for name, answers in ANSWERS.items():
        model = whole.extract_model(["picture"], list(answers))
        forget_origin(model)
        with replacing(folder / name) as partial:
            onnx.save(model, partial)
