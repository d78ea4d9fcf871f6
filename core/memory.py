"""What a long-lived process does with the memory that it frees. Imports nothing of ChestLens.

All of it is told to glibc (mallopt(3), malloc_trim(3)); with another C library nothing is done.
"""

import contextlib
import ctypes
from collections.abc import Iterator

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -3, -4, -8
# What a radiograph of 2,000 x 2,000 pixels takes in single precision; larger blocks go back to the system.
_LARGEST_KEPT = 16 * 2**20
_ALL_KEPT = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**29))
_BY_DEFAULT = ((_M_MMAP_MAX, 65536), (_M_TRIM_THRESHOLD, 128 * 1024), (_M_TOP_PAD, 128 * 1024))


def share_freed_memory() -> None:
    """Let all threads share what each of them frees; to be called before there are threads.

    glibc otherwise keeps a heap for each of up to eight threads a core, none of which uses what another one freed.
    """
    _set((_M_ARENA_MAX, 1))


def keep_freed_memory() -> None:
    """Let this process keep some of the memory that it frees for what it needs next; for one that does the same anew.

    glibc otherwise gives the pixels of each image back to the system, and gets them for the next one page by page, each
    emptied: a fifth of the time in which a PNG is decoded.
    """
    _set((_M_MMAP_THRESHOLD, _LARGEST_KEPT), (_M_TRIM_THRESHOLD, 2 * _LARGEST_KEPT))


@contextlib.contextmanager
def all_freed_memory_kept() -> Iterator[None]:
    """Let this process keep all memory that it frees meanwhile, and give it back to the system at the end."""
    _set(*_ALL_KEPT)
    try:
        yield
    finally:
        _set(*_BY_DEFAULT)
        _tell("malloc_trim", 0)


def _set(*options: tuple[int, int]) -> None:
    for option, value in options:
        _tell("mallopt", option, value)


def _tell(function: str, *arguments: int) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        getattr(ctypes.CDLL(None), function)(*arguments)
