"""Train the classifier: a folder of labelled radiographs in, a checkpoint for the app out.

    python train.py --dataset nih --data_dir DIR --output_dir runs/first

A run that was stopped goes on where its last whole epoch ended when the same command is given again. On several GPUs
or machines: accelerate launch train.py with the same options.
"""

import argparse
import logging
import sys
from dataclasses import MISSING, fields
from pathlib import Path

from accelerate import PartialState

from core.classifier import load_config
from core.classifier.training import TrainingSettings, explain_settings, read_config, train
from core.command_line import run_command
from core.datasets import load_boxes, load_predictions, restore_validation, smaller_originals
from core.datasets.options import add_source_options, describe_sources, load_sources


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line, and under it the file of ``--config``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_dir", required=True, help="folder for the checkpoint and the run's records")
    parser.add_argument("--no_resume", action="store_true", help="start over even if the run can be resumed")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="YAML with any of the options below as name: value, or settings.yaml of an earlier run; options of the "
        "command line win",
    )
    add_source_options(parser)
    data = parser.add_argument_group("choice of training images")
    data.add_argument(
        "--min_original_px",
        type=int,
        default=0,
        help="train only on images whose original was at least this large, where the data folder tells; keeps a "
        "difference in sharpness between sources from standing in for a label",
    )
    data.add_argument(
        "--teacher",
        help="another model's probabilities for some of the training images (CSV), averaged with the labels",
    )
    data.add_argument(
        "--boxes",
        metavar="FILE",
        help="radiologists' boxes around findings (NIH's BBox_List_2017.csv): those of training images teach the "
        "network where to look",
    )
    training = parser.add_argument_group("training (defaults in brackets)")
    explanations = explain_settings()
    for field in fields(TrainingSettings):
        assert field.default is not MISSING
        shown = f"{explanations[field.name]} [{field.default}]".replace("%", "%%")
        if isinstance(field.default, bool):
            training.add_argument(f"--{field.name}", action="store_true", help=shown)
        else:
            training.add_argument(
                f"--{field.name}", type=type(field.default), default=field.default, metavar="VALUE", help=shown
            )
    return read_config(parser, arguments)


def run(arguments: list[str] | None) -> int:
    """Read the table, train, and say what to do with the result."""
    options = parse_arguments(arguments)
    settings = TrainingSettings(**{field.name: getattr(options, field.name) for field in fields(TrainingSettings)})
    table = load_sources(options).table
    if (earlier := Path(settings.initial_weights) / "config.json").is_file():
        # What an earlier checkpoint has learned from must not validate its successor.
        table = restore_validation(table, load_config(earlier.parent).provenance.get("validation_studies", []))
    too_small = (table["split"] == "train") & smaller_originals(table, options.min_original_px)
    checkpoint = train(
        table[~too_small],
        options.output_dir,
        settings,
        data_settings=describe_sources(options)
        | {
            "min_original_px": options.min_original_px,
            "teacher": Path(options.teacher).name if options.teacher else None,
            "boxes": Path(options.boxes).name if options.boxes else None,
        },
        teacher=load_predictions(options.teacher) if options.teacher else None,
        boxes=load_boxes(options.boxes) if options.boxes else None,
        resume=not options.no_resume,
    )
    where = " ".join(f"--dataset {n} --data_dir {d}" for n, d in zip(options.dataset, options.data_dir, strict=True))
    if PartialState().is_main_process:
        print(
            f"Best checkpoint: {checkpoint}\n"
            f"Evaluate it with: python evaluate.py --model_path {checkpoint} {where} --split val "
            f"--output_dir {Path(options.output_dir) / 'val'}\n"
            f"Use it with: python app.py --checkpoint {checkpoint}"
        )
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Train; 0 on success, 1 on failure with one sentence on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stopped = "stopped; give the same command to go on after the last whole epoch."
    return run_command(lambda: run(arguments), name="train.py", stopped=stopped)


if __name__ == "__main__":
    sys.exit(main())
