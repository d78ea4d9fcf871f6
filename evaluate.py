"""Evaluate a checkpoint: AUROC with patient-bootstrap intervals, policies, calibration, trivial baselines.

python evaluate.py --model_path DIR --dataset nih --data_dir DIR --split val --output_dir DIR --detailed_reports

The same command goes on where a killed evaluation stopped. --predictions evaluates another model's stored
probabilities in the same way. Thresholds are chosen on the val split only, and kept in its thresholds.json.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from core.classifier import SHIPPED, CheckpointError, load_config
from core.classifier.importing import checkpoint_folder
from core.command_line import add_traceback_option, run_command
from core.datasets import load_predictions, restore_validation, smaller_originals, validating_rows
from core.datasets.options import add_source_options, load_sources
from core.evaluation import as_table, localise, run_evaluation, score_with_checkpoint, score_with_predictions
from core.evaluation.errors import EvaluationError
from core.options import CHECKPOINT_HELP, add_policy_option


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model_path",
        type=Path,
        help=f"{CHECKPOINT_HELP}; with --predictions, whose validation images are the val split",
    )
    parser.add_argument("--predictions", type=Path, help="evaluate stored probabilities (CSV) instead of a checkpoint")
    parser.add_argument("--split", choices=["train", "val", "test"], default="test", help="[test]")
    parser.add_argument("--output_dir", required=True, help="folder for metrics.json and predictions.csv")
    parser.add_argument(
        "--detailed_reports", action="store_true", help="write report.html, and its figures as PNG and CSV files"
    )
    add_policy_option(parser)
    parser.add_argument("--threshold", type=_share, help="one threshold for all labels instead of a policy")
    parser.add_argument("--thresholds", type=Path, help="thresholds.json of this model's evaluation on its val split")
    parser.add_argument("--min_original_px", type=int, default=0, help="only images whose original was this large")
    parser.add_argument(
        "--compare",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="another model's predictions on some of the same images (CSV); give it again for further models",
    )
    add_source_options(parser)
    add_traceback_option(parser)
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Evaluate the images of one split and print the figures."""
    # Before any image is predicted: what is wrong with these files should not be found after hours.
    others = _named_predictions(options.compare)
    stored = load_predictions(options.predictions) if options.predictions else None
    if options.model_path is not None:
        options.model_path = checkpoint_folder(options.model_path)
    folder = options.model_path or (None if options.predictions else SHIPPED)
    provenance: dict[str, Any] = {}
    if folder is not None:
        provenance = load_config(folder).provenance
        # The division into training and validation must be the one that the checkpoint was trained with.
        if provenance.get("validation_studies") is None:
            raise CheckpointError(f"{folder} does not say which images validated it; train it again.")
        # So must the test images be the ones that it was kept from.
        for name in ("split_fractions", "split_seed", "new_splits"):
            setattr(options, name, provenance.get("data", {}).get(name, getattr(options, name)))
    table = load_sources(options).table
    chosen = validating_rows(table, provenance) if options.split == "val" else restore_validation(table, provenance)
    chosen = chosen[(chosen["split"] == options.split) & ~smaller_originals(chosen, options.min_original_px)]
    rows = chosen.reset_index(drop=True)
    localisation = None
    if stored is not None:
        scores = score_with_predictions(rows, stored, name=options.predictions.name)
    else:
        checkpoint = options.model_path or SHIPPED
        scores = score_with_checkpoint(rows, checkpoint, options.output_dir)
        localisation = localise(rows[scores.judged], options.data_dir, checkpoint)
    metrics = run_evaluation(
        rows,
        scores,
        options.output_dir,
        split=options.split,
        policy=options.policy,
        threshold=options.threshold,
        thresholds_file=options.thresholds,
        others=others,
        localisation=localisation,
        detailed=options.detailed_reports,
    )
    print(as_table(metrics))
    return 0


def _named_predictions(files: list[Path]) -> dict[str, pd.DataFrame]:
    """Predictions of other models, each by the name of its file."""
    names = [file.stem for file in files]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise EvaluationError(
            f"--compare was given two files called {min(doubled)}: rename one, so that both can be named."
        )
    return {file.stem: load_predictions(file) for file in files}


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, not {text}")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Evaluate; 0 on success, 1 on failure with one sentence on stderr."""
    options = parse_arguments(arguments)
    return run_command(lambda: run(options), name="evaluate.py", show_traceback=options.traceback)


if __name__ == "__main__":
    sys.exit(main())
