"""Evaluate a checkpoint: AUROC with patient-bootstrap intervals, operating points, trivial baselines.

python evaluate.py --model_path DIR --dataset nih --data_dir DIR --split val --output_dir DIR
"""

import argparse
import sys
from pathlib import Path

from core.classifier import SHIPPED, CheckpointError, Classifier
from core.datasets import load_nih, load_predictions, restore_validation
from core.evaluation import as_table, run_evaluation
from core.imaging import ImagingError


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_path", type=Path, default=SHIPPED, help="checkpoint folder [the shipped one]")
    parser.add_argument("--dataset", choices=["nih"], required=True, help="layout of the data folder")
    parser.add_argument("--data_dir", required=True, help="folder with the tables and images")
    parser.add_argument("--split", choices=["train", "val", "test"], default="test", help="[test]")
    parser.add_argument("--output_dir", required=True, help="folder for metrics.json and predictions.csv")
    parser.add_argument("--threshold", type=float, help="one threshold for all labels [each label's operating point]")
    parser.add_argument("--min_original_px", type=int, default=0, help="only images whose original was this large")
    parser.add_argument("--compare", type=Path, help="another model's predictions on the same images (CSV)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Evaluate; 0 on success, 1 on failure with one sentence on stderr."""
    options = parse_arguments(arguments)
    try:
        classifier = Classifier(options.model_path)
        # The division into training and validation must be the one that the checkpoint was trained with.
        validation = classifier.config.provenance.get("validation_studies")
        if validation is None:
            raise CheckpointError(f"{options.model_path} does not say which images validated it; train it again.")
        table = restore_validation(load_nih(options.data_dir), validation)
        chosen = (table["split"] == options.split) & ~(table["original_px"] < options.min_original_px)
        other = load_predictions(options.compare) if options.compare else None
        metrics = run_evaluation(
            table[chosen].reset_index(drop=True),
            classifier,
            options.output_dir,
            split=options.split,
            threshold=options.threshold,
            other=other,
        )
    except (ValueError, OSError, CheckpointError, ImagingError) as error:
        print(f"evaluate.py: {error}", file=sys.stderr)
        return 1
    print(as_table(metrics))
    return 0


if __name__ == "__main__":
    sys.exit(main())
