"""ChestLens from the command line: ``python -m core COMMAND``."""

import argparse
import importlib
import sys

from core.command_line import add_traceback_option, run_command

# Only the package of the command that is asked for is imported: reading a report needs no neural network.
_PACKAGES = {
    "core.accounts.commands": ("users",),
    "core.studies.commands": ("worker", "backup", "restore"),
    "core.reporting.commands": ("predict", "report"),
    "core.reporting.guard.commands": ("guard", "guard-study"),
    "core.datasets.commands": ("label", "table", "prepare", "quality"),
    "core.anatomy.training.commands": ("anatomy",),
    "core.classifier.commands": ("combine", "decide", "import", "onnx"),
    "core.evaluation.commands": ("labeler-study", "learning-curve", "localisation", "bench"),
}


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    asked = [package for package, names in _PACKAGES.items() if set(names) & set(arguments[:1])]
    for package in asked or _PACKAGES:
        importlib.import_module(package).add_commands(commands)
    add_traceback_option(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 on success, 1 on failure with one sentence on stderr."""
    options = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    return run_command(lambda: options.run(options), show_traceback=options.traceback)


if __name__ == "__main__":
    sys.exit(main())
