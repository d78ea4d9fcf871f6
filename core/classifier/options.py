"""The command-line option that names a policy: one for all commands."""

import argparse

from core.classifier.policies import DEFAULT_POLICY, POLICIES


def add_policy_option(parser: argparse.ArgumentParser, *, default: str | None = DEFAULT_POLICY) -> None:
    """Add ``--policy`` to a command; its checkpoint must have a policy of that name."""
    parser.add_argument(
        "--policy",
        choices=POLICIES,
        default=default,
        help="by which thresholds findings are called: reading, for every day; screening, to miss little; specific, "
        f"for few false alarms [{DEFAULT_POLICY}]",
    )
