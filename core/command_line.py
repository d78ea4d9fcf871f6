"""How a command ends: 0 on success, 1 on failure with one sentence on stderr; ``--traceback`` shows where it failed."""

import argparse
import sys
import tempfile
import traceback
from collections.abc import Callable

from core.errors import ChestLensError, sentence

TRACEBACK = "--traceback"
_HELP = "show where in the program a failure arose, for a report of a bug"


def add_traceback_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--traceback`` to a command, and to its commands if it has some."""
    parser.add_argument(TRACEBACK, action="store_true", help=_HELP)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in {id(one): one for one in action.choices.values()}.values():
                command.add_argument(TRACEBACK, action="store_true", default=argparse.SUPPRESS, help=_HELP)


def run_command(
    action: Callable[[], int], *, name: str = "error", stopped: str = "stopped.", show_traceback: bool = False
) -> int:
    """Run a command and return its exit status.

    What is raised for people is told in its own sentence. Anything else is a bug: its traceback is kept in a file that
    the sentence names, or shown.

    Args:
        action: does the work; returns 0, or 1 where it has said itself what failed.
        name: what stands before the sentence.
        stopped: what is said after Ctrl-C.
        show_traceback: whether to print the traceback of any failure before its sentence.
    """
    try:
        return action()
    except KeyboardInterrupt:
        print(f"{name}: {stopped}", file=sys.stderr)
    except (ChestLensError, OSError) as error:
        if show_traceback:
            traceback.print_exc()
        print(f"{name}: {sentence(error)}", file=sys.stderr)
    except Exception as error:
        if show_traceback:
            traceback.print_exc()
            where = "see above"
        else:
            where = f"its traceback is in {_kept()}"
        print(f"{name}: something failed inside ChestLens ({type(error).__name__}); {where}.", file=sys.stderr)
    return 1


def _kept() -> str:
    """Write the traceback of the error in hand to a file of its own; the file's path."""
    with tempfile.NamedTemporaryFile("w", prefix="chestlens-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return file.name
