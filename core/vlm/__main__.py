"""The companion module: ``python -m core.vlm write|evaluate|guard-study|bench|prepare|create|train|wordings``."""

import argparse
import sys

from core.command_line import add_traceback_option, run_command
from core.vlm.evaluate_command import add_evaluate
from core.vlm.measure_commands import add_measurements
from core.vlm.train_commands import add_create_and_train, add_prepare
from core.vlm.write_command import add_write


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m core.vlm", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_write, add_evaluate, add_measurements, add_prepare, add_create_and_train):
        add(commands)
    add_traceback_option(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 on failure with one sentence on stderr."""
    options = parse_arguments(arguments)
    return run_command(lambda: options.run(options), show_traceback=options.traceback)


if __name__ == "__main__":
    sys.exit(main())
