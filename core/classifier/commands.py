"""The commands about checkpoints: ``python -m core combine|decide|import|onnx``."""

import argparse
from pathlib import Path

from core.datasets.options import add_source_options, load_sources


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the parser of ``python -m core``."""
    mean = commands.add_parser(
        "combine",
        help="several checkpoints as one, which gives the mean of their networks",
        description="Writes a checkpoint whose logits and heatmaps are the means of those of the others, with "
        "calibration and operating points chosen on the validation images that all of them were kept from.",
    )
    mean.add_argument("checkpoints", type=Path, nargs="+", metavar="CHECKPOINT", help="folders that train.py wrote")
    mean.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="checkpoint folder to write")
    mean.add_argument("--image_size", type=int, metavar="PIXELS", help="input of all [the largest of theirs]")
    add_source_options(mean)
    mean.set_defaults(run=combine)

    policies = commands.add_parser(
        "decide",
        help="choose calibration, policies and the probability of being abnormal anew",
        description="Judges the images that validated the checkpoint, or the val split of the data where it was "
        "imported, chooses by cross-fitting over their patients all that it decides by, and writes it into its "
        "config.json. train.py and combine end with the same step.",
    )
    policies.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="folder that train.py wrote")
    add_source_options(policies)
    policies.set_defaults(run=decide)

    one = commands.add_parser(
        "onnx",
        help="give a checkpoint a model.onnx, which serves it several times faster on a CPU",
        description="Writes model.onnx into the checkpoint folder. The app and every command use it from then on. Its "
        "outputs are the logits and the evidence maps that heatmaps are drawn from.",
    )
    one.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="folder that train.py wrote")
    one.set_defaults(run=onnx)

    two = commands.add_parser(
        "import",
        help="public weights as a checkpoint",
        description="Converts a classifier that was made elsewhere into a checkpoint for the app and every command: "
        "hf:OWNER/MODEL of the Hugging Face hub, a folder that transformers or timm saved, or weights of "
        "torchxrayvision such as densenet121-res224-all or resnet50-res512-all. Folders need no network.",
    )
    two.add_argument("source", metavar="SOURCE", help="hf:OWNER/MODEL, a folder, or a name of torchxrayvision")
    two.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="checkpoint folder to write")
    two.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="YAML or JSON that says what outputs mean: OUTPUT: FINDING, or OUTPUT: null [told from their names]",
    )
    two.add_argument(
        "--head",
        choices=["sigmoid", "softmax"],
        help="whether outputs are judged one by one or exclude each other [what the source says]",
    )
    two.add_argument("--cache_dir", type=Path, metavar="DIR", help="where downloaded files lie [the library's own]")
    two.set_defaults(run=import_weights)


def combine(options: argparse.Namespace) -> int:
    """Combine checkpoints."""
    from core.classifier.combining import combine as write_mean

    auroc = write_mean(
        options.checkpoints, options.output_dir, load_sources(options).table, image_size=options.image_size
    )
    print(
        f"Validation macro AUROC of the mean: {'-' if auroc is None else f'{auroc:.4f}'}\n"
        f"Make it faster with: python -m core onnx {options.output_dir}\n"
        f"Use it with: python app.py --checkpoint {options.output_dir}"
    )
    return 0


def decide(options: argparse.Namespace) -> int:
    """Choose what a checkpoint decides by."""
    from core.classifier.deciding import decide_anew, decisions_in_words

    print(decisions_in_words(decide_anew(options.checkpoint, load_sources(options).table)))
    print(f"wrote {options.checkpoint / 'config.json'}")
    return 0


def onnx(options: argparse.Namespace) -> int:
    """Export a checkpoint."""
    from core.classifier.onnx_export import export_onnx

    print(f"wrote {export_onnx(options.checkpoint)}")
    return 0


def import_weights(options: argparse.Namespace) -> int:
    """Convert public weights."""
    from core.classifier.importing.conversion import import_checkpoint

    imported = import_checkpoint(
        options.source, options.output_dir, labels=options.labels, head=options.head, cache_dir=options.cache_dir
    )
    print("\n".join([f"wrote {imported.folder}", *imported.sentences]))
    print(f"Use it with: python app.py --checkpoint {imported.folder}")
    return 0
