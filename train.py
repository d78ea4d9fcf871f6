"""Train the classifier: a folder of labelled radiographs in, a checkpoint for the app out.

    python train.py --dataset nih --data_dir DIR --output_dir runs/first

A run that was stopped goes on where its last whole epoch ended when the same command is given again. On several GPUs
or machines: accelerate launch train.py with the same options.
"""

import argparse
import logging
import sys
from pathlib import Path

from core.classifier.training import add_training_options, read_config, read_inputs
from core.command_line import TRACEBACK, add_traceback_option, run_command


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
    add_training_options(parser)
    add_traceback_option(parser)
    return read_config(parser, arguments)


def run(options: argparse.Namespace) -> int:
    """Read the table, train, and say what to do with the result."""
    # Takes seconds, which --help and a mistake in the options need not wait for.
    from accelerate import PartialState

    from core.classifier.training import train

    inputs = read_inputs(options)
    checkpoint = train(
        inputs.table,
        options.output_dir,
        inputs.settings,
        data_settings=inputs.data_settings,
        teacher=inputs.teacher,
        boxes=inputs.boxes,
        resume=not options.no_resume,
    )
    where = " ".join(f"--dataset {n} --data_dir {d}" for n, d in zip(options.dataset, options.data_dir, strict=True))
    if PartialState().is_main_process:
        print(
            f"Best checkpoint: {checkpoint}\n"
            f"Evaluate it with: python evaluate.py --model_path {checkpoint} {where} --split val "
            f"--output_dir {Path(options.output_dir) / 'val'}\n"
            f"Make it faster with: python -m core onnx {checkpoint}\n"
            f"Use it with: python app.py --checkpoint {checkpoint}"
        )
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Train; 0 on success, 1 on failure with one sentence on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    stopped = "stopped; give the same command to go on after the last whole epoch."
    return run_command(
        lambda: run(parse_arguments(arguments)),
        name="train.py",
        stopped=stopped,
        show_traceback=TRACEBACK in (sys.argv if arguments is None else arguments),
    )


if __name__ == "__main__":
    sys.exit(main())
