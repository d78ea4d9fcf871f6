"""Options that several commands share: which backend writes, and how the structured passes draw their answers."""

import argparse
from dataclasses import fields
from pathlib import Path

from core.options import BACKEND_HELP
from core.vlm.backends.opening import BackendChoice
from core.vlm.pass_settings import PassSettings

_PRECISIONS = ("auto", "fp32", "bf16", "4bit")


def add_backend_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--backend`` and what belongs to it."""
    group = parser.add_argument_group("the writer")
    group.add_argument("--backend", metavar="NAME", help=BACKEND_HELP)
    group.add_argument("--adapter", type=Path, metavar="DIR", help="LoRA adapter for a model in this process")
    group.add_argument(
        "--precision",
        choices=_PRECISIONS,
        help="of a model in this process: fp32, bf16, 4bit (NF4, with bitsandbytes; on a CPU slower than bf16), or "
        "auto, as it is stored [auto]",
    )
    group.add_argument(
        "--trust_remote_code", action="store_true", help="let Python code that comes with the model run [never]"
    )


def backend_choice(options: argparse.Namespace) -> BackendChoice:
    """The backend that the options name, then the environment.

    Raises:
        BackendError: a variable of the environment makes no sense.
    """
    return BackendChoice.of(
        options.backend,
        adapter=options.adapter,
        precision=options.precision,
        trust_remote_code=options.trust_remote_code,
    )


def add_pass_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting of the structured passes."""
    group = parser.add_argument_group(
        "structured passes (--style structured)",
        "Each is also an environment variable of the same name in capitals; the option goes first.",
    )
    for field in fields(PassSettings):
        shown = int(field.default) if isinstance(field.default, bool) else field.default
        group.add_argument(f"--{field.name}", metavar="VALUE", help=f"[{shown}]")


def pass_settings(options: argparse.Namespace) -> PassSettings:
    """What the options say, then the environment.

    Raises:
        SettingError: a value is not of its kind or out of its range.
    """
    return PassSettings.of({field.name: getattr(options, field.name) for field in fields(PassSettings)})
