"""The companion module: ``python -m core.vlm write|ask|compare|evaluate|prepare|train|merge|...``, see ``--help``."""

import argparse
import sys

from core.classifier.training.config import apply_config
from core.command_line import TRACEBACK, add_traceback_option, run_command
from core.vlm.evaluate_command import add_evaluate
from core.vlm.measure_commands import add_measurements
from core.vlm.reading_commands import add_reading
from core.vlm.teaching_commands import add_teaching
from core.vlm.train_commands import add_create_and_train, add_prepare
from core.vlm.write_command import add_write


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m core.vlm", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        *(add_write, add_reading, add_evaluate, add_measurements),
        *(add_prepare, add_teaching, add_create_and_train),
    ):
        add(commands)
    add_traceback_option(parser)
    before = argparse.ArgumentParser(add_help=False)
    before.add_argument("--config")
    if path := before.parse_known_args(arguments)[0].config:
        apply_config(commands.choices["train"], path)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 on failure with one sentence on stderr."""

    def run() -> int:
        options = parse_arguments(arguments)
        return int(options.run(options))

    given = sys.argv[1:] if arguments is None else arguments
    return run_command(run, show_traceback=TRACEBACK in given)


if __name__ == "__main__":
    sys.exit(main())
