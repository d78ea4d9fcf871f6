"""How a command ends: 0 on success, 1 on failure with one sentence on stderr."""

import sys
from collections.abc import Callable


def run_command(action: Callable[[], int], *, name: str = "error", stopped: str = "stopped.") -> int:
    """Run a command and return its exit status.

    Args:
        action: does the work; returns 0, or 1 where it has said itself what failed.
        name: what stands before the sentence.
        stopped: what is said after Ctrl-C.
    """
    try:
        return action()
    # What goes wrong on purpose is a ValueError of ours: ImagingError, DatasetError, CheckpointError, TrainingError.
    except (ValueError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{name}: {stopped}", file=sys.stderr)
    return 1
