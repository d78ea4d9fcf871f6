"""The companion module from the command line: ``python -m core.vlm prepare|evaluate``."""

import argparse
import sys
from pathlib import Path

from core.command_line import run_command
from core.datasets import read_table, write_problems
from core.datasets.conversations import FRACTIONS, make_conversations, write_conversations
from core.vlm.evaluate_command import add_evaluate


def prepare(options: argparse.Namespace) -> int:
    """Write the report-generation records of a table."""
    records, problems = make_conversations(
        read_table(options.table),
        fractions=options.split_fractions,
        seed=options.split_seed,
        keep_splits=options.keep_splits,
    )
    counts = write_conversations(records, options.output_dir)
    write_problems(problems, options.output_dir / "problems.csv")
    shown = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"{counts.total()} records ({shown}) in {options.output_dir}.")
    if problems:
        print(f"{len(problems)} images got none; problems.csv says why.", file=sys.stderr)
    return 0


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m core.vlm", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("prepare", help="report-generation records (LLaVA conversations) from a table")
    one.add_argument("--table", type=Path, required=True, help="table that python -m core table wrote")
    one.add_argument("--output_dir", type=Path, required=True, help="folder for train.json, val.json and test.json")
    one.add_argument(
        "--split_fractions",
        type=float,
        nargs=3,
        default=FRACTIONS,
        metavar=("TRAIN", "VAL", "TEST"),
        help="shares of the splits, divided anew by patient [0.8 0.1 0.1]",
    )
    one.add_argument("--keep_splits", action="store_true", help="keep the splits of the table instead")
    one.add_argument("--split_seed", type=int, default=0, help="of the division [0]")
    one.set_defaults(run=prepare)
    add_evaluate(commands)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 on failure with one sentence on stderr."""
    options = parse_arguments(arguments)
    return run_command(lambda: options.run(options))


if __name__ == "__main__":
    sys.exit(main())
