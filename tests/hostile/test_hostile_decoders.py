"""What the process that decodes files of strangers can still do once a file has taken it over, and who waits for it."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from slow_files import slow_jpeg

from core.errors import ChestLensError
from core.imaging import DecodersBusy, NotDecodedInTime, UnreadableImage, read_safely, render_phantom, sandbox
from core.imaging.decoder_process import Decoder, DecoderEnded
from core.settings import ROOT

# Each line is tried in a process that has confined itself; none may succeed.
ATTEMPTS = {
    "open a file": "open('/etc/passwd').read()",
    "write a file": "open('/tmp/chestlens-taken-over', 'w')",
    "list a folder": "os.listdir('/')",
    "connect": "socket.create_connection(('127.0.0.1', 5432), 1)",
    "make a socket": "socket.socket()",
    "make a pair of sockets": "socket.socketpair()",
    "fork": "os.fork()",
    "start a program": "os.execv('/bin/true', ['true'])",
    "spawn a program": "subprocess.run(['/bin/true'])",
    "end its parent": "os.kill(os.getppid(), 0)",
    "delete a file": "os.unlink(sys.argv[1])",
    "rename a file": "os.rename(sys.argv[1], sys.argv[1] + '2')",
    "make a folder": "os.mkdir(sys.argv[1] + '.d')",
    "change rights": "os.chmod(sys.argv[1], 0o777)",
    "cut a file": "os.truncate(sys.argv[1], 0)",
    "lift its limits": "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))",
}
# All are tried in copies of one process, which confine themselves: its start takes longer than all attempts.
SCRIPT = """
import json, os, resource, socket, subprocess, sys, threading
from core.imaging.confinement import confine

def attempt(code, answer):
    missing = confine()
    if missing:
        return os.write(answer, " ".join(["UNCONFINED", *missing]).encode())
    thread = threading.Thread(target=lambda: None)
    thread.start(); thread.join()
    try:
        exec(code)
    except (OSError, ValueError) as error:
        os.write(answer, f"REFUSED {type(error).__name__}".encode())
    else:
        os.write(answer, b"DONE")

told = {}
for name, code in json.load(sys.stdin).items():
    reading, answer = os.pipe()
    child = os.fork()
    if not child:
        try:
            attempt(code, answer)
        finally:
            os._exit(0)
    os.close(answer)
    with open(reading) as lines:
        told[name] = lines.read()
    os.waitpid(child, 0)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def attempted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """What came of each attempt, and the folder with a file that some of them were made on."""
    pytest.importorskip("pyseccomp", reason="no pyseccomp, or no libseccomp on this system", exc_type=Exception)
    file = tmp_path_factory.mktemp("attempted") / "file"
    file.write_text("content")
    file.chmod(0o644)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file)],
        input=json.dumps(ATTEMPTS),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), file.parent


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_decoder_that_was_taken_over_can_reach_nothing(attempt: str, attempted: tuple[dict[str, str], Path]) -> None:
    told, folder = attempted
    assert told[attempt].startswith("REFUSED")
    (file,) = folder.iterdir()
    assert (file.name, file.read_text(), file.stat().st_mode & 0o777) == ("file", "content", 0o644)


@pytest.fixture
def pool():
    pool = sandbox._Pool(2)
    yield pool
    pool.close()


def good() -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.round(render_phantom(size=128) * 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_a_death_is_not_blamed_on_the_file_before_a_fresh_decoder_died_too(pool) -> None:
    pool.read(good(), 20)
    first = pool._idle[-1]
    deaths = []
    plain = Decoder.read

    def dying(self, data, **limits):
        if not deaths:
            deaths.append(self)
            self._process.kill()
            self._process.wait()
        return plain(self, data, **limits)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Decoder, "read", dying)
        assert pool.read(good(), 20).pixels.shape == (128, 128)
    assert deaths == [first]
    assert pool._idle[-1] is not first


def test_a_file_whose_decoder_died_twice_is_refused(pool) -> None:
    def dying(self, data, **limits):
        self._process.kill()
        raise DecoderEnded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Decoder, "read", dying)
        with pytest.raises(UnreadableImage, match="made its decoder fail"):
            pool.read(good(), 20)
    assert pool.read(good(), 20).pixels.size


def test_processor_time_is_limited_by_the_system_itself(pool) -> None:
    start = time.monotonic()
    with pytest.raises(UnreadableImage, match=r"longer than 0\.3 seconds"):
        pool.read(slow_jpeg(), 0.3)
    assert time.monotonic() - start < 60
    assert pool.read(good(), 20).pixels.size


def test_a_decoder_that_starts_slowly_keeps_nobody_waiting_and_is_there_for_the_next_file(pool, monkeypatch) -> None:
    # Stopped by a signal, it starts as on a machine that has no time for it.
    plain = subprocess.Popen.__init__

    def stopped(self, *arguments, **options):
        plain(self, *arguments, **options)
        self.send_signal(signal.SIGSTOP)

    with monkeypatch.context() as slow:
        slow.setattr(subprocess.Popen, "__init__", stopped)
        start = time.monotonic()
        with pytest.raises(NotDecodedInTime):
            pool.read(good(), 20, within_s=0.2, client="somebody")
        assert time.monotonic() - start < 3
    starting = pool._idle[-1]
    with pytest.raises(NotDecodedInTime):
        pool.read(good(), 20, within_s=0.2, client="somebody")
    starting._process.send_signal(signal.SIGCONT)
    assert pool.read(good(), 20).pixels.shape == (128, 128)
    assert pool._idle[-1] is starting


def test_whoever_has_little_time_gets_an_answer_in_it(pool) -> None:
    pool.read(good(), 20)
    start = time.monotonic()
    with pytest.raises(NotDecodedInTime):
        pool.read(slow_jpeg(), 20, within_s=0.5, client="a")
    assert time.monotonic() - start < 5


def test_one_client_neither_takes_all_decoders_nor_keeps_many_threads_waiting(pool) -> None:
    data, outcomes = slow_jpeg(), []
    pool.read(good(), 20)

    def send() -> None:
        try:
            pool.read(data, 20, within_s=2, client="slow")
        except ChestLensError as error:
            outcomes.append(type(error))

    start = time.monotonic()
    threads = [threading.Thread(target=send) for _ in range(10)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    assert outcomes.count(DecodersBusy) >= 7, "all but a few are answered at once"
    assert pool.read(good(), 20, within_s=30, client="other").pixels.size
    for thread in threads:
        thread.join()
    assert time.monotonic() - start < 40
    assert len(outcomes) == 10
    assert not pool._waiting
    assert not pool._served


def test_the_public_reader_tells_a_client_that_it_has_to_wait() -> None:
    assert DecodersBusy.code == "busy"
    assert DecodersBusy.retry_after_s > 0
    with pytest.raises(NotDecodedInTime):
        read_safely(slow_jpeg(), within_s=0.2, client="a")
