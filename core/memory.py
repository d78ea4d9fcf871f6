"""How a long-lived process keeps its memory small. Imports nothing of ChestLens."""

import contextlib
import ctypes

# Of mallopt(3).
_M_ARENA_MAX = -8


def share_freed_memory() -> None:
    """Let all threads share what each of them frees; to be called before there are threads.

    glibc otherwise keeps a heap for each of up to eight threads a core, none of which uses what another one freed.
    Elsewhere nothing is done.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
