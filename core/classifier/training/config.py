"""Options of a training from a YAML file."""

import argparse
from typing import Any

import yaml

from core.classifier.errors import TrainingError


def read_config(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """Parse a command line whose ``--config FILE`` gives defaults for its other options.

    The file is a mapping of option names to values; of the ``settings.yaml`` of an earlier run, the section
    ``training`` counts.

    Raises:
        TrainingError: the file is not YAML, not a mapping, or names an option that does not exist.
        OSError: the file cannot be read.
    """
    before = argparse.ArgumentParser(add_help=False)
    before.add_argument("--config")
    path = before.parse_known_args(arguments)[0].config
    if path:
        apply_config(parser, path)
    return parser.parse_args(arguments)


def apply_config(parser: argparse.ArgumentParser, path: str) -> None:
    """Take defaults for a parser's options from a YAML file; options that it names are required no longer.

    Raises:
        TrainingError: the file is not YAML, not a mapping, or names an option that does not exist.
        OSError: the file cannot be read.
    """
    with open(path, encoding="utf-8") as file:
        try:
            values = yaml.safe_load(file)
        except yaml.YAMLError as error:
            raise TrainingError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise TrainingError(f"{path} must map option names to values, such as epochs: 10.")
    if isinstance(values.get("training"), dict):
        values = values["training"]
    _set_defaults(parser, values, path)


def _set_defaults(parser: argparse.ArgumentParser, values: dict[str, Any], path: str) -> None:
    actions = {action.dest: action for action in parser._actions}
    for name, value in values.items():
        if name not in actions:
            raise TrainingError(f"{path} names the option {name!r}, which does not exist; see --help.")
        action = actions[name]
        # Options that may be repeated take a single value as well as a list.
        repeated = isinstance(action, argparse._AppendAction) and not isinstance(value, list)
        action.default = [value] if repeated else value
        action.required = False
