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


# What decoding an image does: it needs several blocks, and gives all of them back before the next one.
_REPEATED = """
import resource, sys
from core.memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(1 << 20) for _ in range(12)]
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(sum(faults() for _ in range(10)))
"""


def _faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _REPEATED, how], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone gives memory back at once")
def test_memory_that_is_needed_again_is_kept() -> None:
    given_back = _faults("given back")
    if given_back < 10_000:
        pytest.skip("this C library keeps it anyway")
    assert _faults("kept") < given_back / 10
