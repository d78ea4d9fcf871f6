"""Options that several commands share. Nothing of the models is imported, so that help is shown at once."""

import argparse

from core.settings import DEFAULT_POLICY, POLICIES

CHECKPOINT_HELP = (
    "checkpoint folder, or public weights: hf:OWNER/MODEL or a folder that transformers or timm saved [the shipped one]"
)
BACKEND_HELP = (
    "the writer: shipped; a folder of a model or of a LoRA adapter; hf:OWNER/MODEL; or the address of an "
    "OpenAI-compatible server such as http://127.0.0.1:8000/v1, with #MODEL behind it where it has several [shipped]"
)


def add_policy_option(parser: argparse.ArgumentParser, *, default: str | None = DEFAULT_POLICY) -> None:
    """Add ``--policy`` to a command; its checkpoint must have a policy of that name."""
    parser.add_argument(
        "--policy",
        choices=POLICIES,
        default=default,
        help="by which thresholds findings are called: reading, for every day; screening, to miss little; specific, "
        f"for few false alarms [{DEFAULT_POLICY}]",
    )
