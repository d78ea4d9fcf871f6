"""How a long-lived process keeps its memory small. Imports nothing of ChestLens."""

import contextlib
import ctypes

# Of mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
# What a radiograph of 2,000 x 2,000 pixels takes in single precision; larger blocks go back to the system.
_LARGEST_KEPT = 16 * 2**20


def share_freed_memory() -> None:
    """Let all threads share what each of them frees; to be called before there are threads.

    glibc otherwise keeps a heap for each of up to eight threads a core, none of which uses what another one freed.
    Elsewhere nothing is done.
    """
    _set((_M_ARENA_MAX, 1))


def keep_freed_memory() -> None:
    """Let this process keep some of the memory that it frees for what it needs next; for one that does the same anew.

    glibc otherwise gives the pixels of each image back to the system, and gets them for the next one page by page, each
    emptied: a fifth of the time in which a PNG is decoded. Elsewhere nothing is done.
    """
    _set((_M_MMAP_THRESHOLD, _LARGEST_KEPT), (_M_TRIM_THRESHOLD, 2 * _LARGEST_KEPT))


def _set(*options: tuple[int, int]) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in options:
            mallopt(option, value)
