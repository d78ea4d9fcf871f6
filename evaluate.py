"""Evaluate a checkpoint: AUROC with patient-bootstrap intervals, operating points, trivial baselines.

python evaluate.py --model_path DIR --dataset nih --data_dir DIR --split val --output_dir DIR
"""

import argparse
import sys
from pathlib import Path

from core.classifier import SHIPPED, CheckpointError, Classifier
from core.command_line import run_command
from core.datasets import load_predictions, restore_validation, smaller_originals
from core.datasets.options import add_source_options, load_sources
from core.evaluation import as_table, run_evaluation


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_path", type=Path, default=SHIPPED, help="checkpoint folder [the shipped one]")
    parser.add_argument("--split", choices=["train", "val", "test"], default="test", help="[test]")
    parser.add_argument("--output_dir", required=True, help="folder for metrics.json and predictions.csv")
    parser.add_argument("--threshold", type=float, help="one threshold for all labels [each label's operating point]")
    parser.add_argument("--min_original_px", type=int, default=0, help="only images whose original was this large")
    parser.add_argument("--compare", type=Path, help="another model's predictions on the same images (CSV)")
    add_source_options(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Evaluate the images of one split and print the figures."""
    classifier = Classifier(options.model_path)
    # The division into training and validation must be the one that the checkpoint was trained with.
    validation = classifier.config.provenance.get("validation_studies")
    if validation is None:
        raise CheckpointError(f"{options.model_path} does not say which images validated it; train it again.")
    # So must the test images be the ones that it was kept from.
    for name in ("split_fractions", "split_seed", "new_splits"):
        setattr(options, name, classifier.config.provenance.get("data", {}).get(name, getattr(options, name)))
    table = restore_validation(load_sources(options).table, validation)
    chosen = (table["split"] == options.split) & ~smaller_originals(table, options.min_original_px)
    metrics = run_evaluation(
        table[chosen].reset_index(drop=True),
        classifier,
        options.output_dir,
        split=options.split,
        threshold=options.threshold,
        other=load_predictions(options.compare) if options.compare else None,
    )
    print(as_table(metrics))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Evaluate; 0 on success, 1 on failure with one sentence on stderr."""
    options = parse_arguments(arguments)
    return run_command(lambda: run(options), name="evaluate.py")


if __name__ == "__main__":
    sys.exit(main())
