"""The commands about checkpoints: ``python -m core onnx|torchxrayvision``."""

import argparse
from pathlib import Path

from core.classifier.onnx_model import export_onnx
from core.classifier.torchxrayvision_weights import convert


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the two commands to the parser of ``python -m core``."""
    one = commands.add_parser(
        "onnx",
        help="give a checkpoint a model.onnx, which serves it several times faster on a CPU",
        description="Writes model.onnx into the checkpoint folder. The app and every command use it from then on. Its "
        "outputs are the logits and the evidence maps that heatmaps are drawn from.",
    )
    one.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="folder that train.py wrote")
    one.set_defaults(run=onnx)

    two = commands.add_parser(
        "torchxrayvision",
        help="a public DenseNet of torchxrayvision as a checkpoint",
        description="Converts public weights (pip install torchxrayvision) into a checkpoint for the app, for "
        "evaluate.py, or for train.py --backbone densenet121 --initial_weights DIR.",
    )
    two.add_argument("name", help="for example densenet121-res224-all or densenet121-res224-nih")
    two.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="checkpoint folder to write")
    two.add_argument("--cache_dir", type=Path, metavar="DIR", help="where downloaded weights lie [the library's own]")
    two.set_defaults(run=torchxrayvision)


def onnx(options: argparse.Namespace) -> int:
    """Export a checkpoint."""
    print(f"wrote {export_onnx(options.checkpoint)}")
    return 0


def torchxrayvision(options: argparse.Namespace) -> int:
    """Convert public weights."""
    folder = convert(options.name, options.output_dir, cache_dir=options.cache_dir)
    print(f"wrote {folder}\nUse it with: python app.py --checkpoint {folder}")
    return 0
