import subprocess
import sys

import pytest

from core.settings import ROOT

# malloc_stats(3) tells of each heap on standard error.
_CODE = """
import ctypes, sys, threading
from core.memory import share_freed_memory
if sys.argv[1] == "shared":
    share_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(4)
def allocate():
    together.wait()
    for _ in range(1000):
        assert libc.malloc(ctypes.c_size_t(2000))
threads = [threading.Thread(target=allocate) for _ in range(4)]
for one in threads: one.start()
for one in threads: one.join()
libc.malloc_stats()
"""


def _heaps(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _CODE, how], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stderr.count("Arena ")


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone keeps a heap for each thread")
def test_threads_share_one_heap() -> None:
    if _heaps("apart") < 2:
        pytest.skip("this C library keeps one heap anyway")
    assert _heaps("shared") == 1
