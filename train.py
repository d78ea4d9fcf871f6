"""Train the classifier: a folder of labelled radiographs in, a checkpoint for the app out.

    python train.py --dataset nih --data_dir DIR --output_dir runs/first

A run that was stopped goes on where its last whole epoch ended when the same command is given again.
"""

import argparse
import logging
import sys
from dataclasses import MISSING, fields
from pathlib import Path

from core.classifier.training import TrainingSettings, train
from core.datasets import load_nih, load_predictions


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = parser.add_argument_group("data")
    data.add_argument("--dataset", choices=["nih"], required=True, help="layout of the data folder")
    data.add_argument("--data_dir", required=True, help="folder with the tables and images")
    data.add_argument("--output_dir", required=True, help="folder for the checkpoint and the run's records")
    data.add_argument("--val_fraction", type=float, default=0.15, help="share of training patients kept for validation")
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
    data.add_argument("--no_resume", action="store_true", help="start over even if the run can be resumed")
    training = parser.add_argument_group("training (defaults in brackets)")
    for field in fields(TrainingSettings):
        assert field.default is not MISSING
        if isinstance(field.default, bool):
            training.add_argument(f"--{field.name}", action="store_true", help=f"[{field.default}]")
        else:
            training.add_argument(
                f"--{field.name}", type=type(field.default), default=field.default, help=f"[{field.default}]"
            )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Train; 0 on success, 1 on failure with one sentence on stderr."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = TrainingSettings(**{field.name: getattr(options, field.name) for field in fields(TrainingSettings)})
    try:
        table = load_nih(options.data_dir, val_fraction=options.val_fraction, seed=settings.seed)
        too_small = (table["split"] == "train") & (table["original_px"] < options.min_original_px)
        data_settings = {
            "dataset": options.dataset,
            "val_fraction": options.val_fraction,
            "split_seed": settings.seed,
            "min_original_px": options.min_original_px,
            "teacher": Path(options.teacher).name if options.teacher else None,
        }
        checkpoint = train(
            table[~too_small],
            options.output_dir,
            settings,
            data_settings=data_settings,
            teacher=load_predictions(options.teacher) if options.teacher else None,
            resume=not options.no_resume,
        )
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train.py: stopped; give the same command to go on after the last whole epoch.", file=sys.stderr)
        return 1
    print(f"Best checkpoint: {checkpoint}\nUse it with: python app.py --checkpoint {checkpoint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
