"""The child process reads the same pixels, and whatever becomes of it, the next file is read."""

import io
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import dicom_files as files
import numpy as np
import pytest
from PIL import Image

from core.imaging import ImagingError, RefusedImage, UnreadableImage, UnsupportedType, read_safely, sandbox
from core.imaging.decoder_process import Decoder
from core.imaging.radiograph import shares_of_white
from core.imaging.reader import read_radiograph, read_stored
from core.settings import ROOT

GOOD = files.save(files.chest(files.stored(12), PixelSpacing=[0.2, 0.2], BurnedInAnnotation="YES"))


def _picture(bits: int, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(files.stored(bits)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "handed_on"),
    [
        (GOOD, "float32"),
        (_picture(8), "uint8"),
        (_picture(8, "JPEG"), "uint8"),
        (_picture(16), "float32"),
        (_picture(8, dpi=(100, 200)), "float32"),  # pixels twice as wide as high
    ],
    ids=["dicom", "png", "jpeg", "deep png", "oblong png"],
)
def test_it_gives_what_the_reader_gives(data: bytes, handed_on: str) -> None:
    stored, handed = read_stored(data), read_safely(data, as_stored=True)
    assert stored.pixels.dtype == handed.pixels.dtype == handed_on
    np.testing.assert_array_equal(handed.pixels, stored.pixels)
    here, there = read_radiograph(data), read_safely(data)
    assert there.pixels.dtype == here.pixels.dtype == np.float32
    np.testing.assert_array_equal(there.pixels, here.pixels)
    assert (there.view, there.pixel_spacing_mm, there.warnings, there.metadata, there.source) == (
        here.view,
        here.pixel_spacing_mm,
        here.warnings,
        here.metadata,
        here.source,
    )
    assert there.source.get("PatientID") == ("SECRET-7" if data == GOOD else None)


def test_bytes_become_exactly_their_shares_of_255() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(shares_of_white(values), values.astype(np.float32) / 255)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", UnreadableImage),
        (b"text", UnsupportedType),
        (GOOD[:2000], UnreadableImage),
        (files.save(files.chest(files.stored(12), Modality="CT")), RefusedImage),
    ],
)
def test_errors_keep_their_class_and_sentence(data: bytes, kind: type[ImagingError]) -> None:
    with pytest.raises(kind) as there:
        read_safely(data)
    with pytest.raises(kind) as here:
        read_radiograph(data)
    assert str(there.value) == str(here.value)


def test_a_file_that_takes_too_long_is_refused_and_the_next_is_read() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4000, 4000), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    with pytest.raises(UnreadableImage, match="longer than"):
        read_safely(file.getvalue(), timeout_s=0.01)
    assert read_safely(GOOD).view == "PA"


def test_a_dead_decoder_is_replaced() -> None:
    read_safely(GOOD)
    decoder = sandbox._pool._idle[-1]
    assert decoder is not None
    decoder._process.kill()
    decoder._process.wait()
    assert read_safely(GOOD).view == "PA"


def test_threads_share_the_pool() -> None:
    found: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: found.append(read_safely(GOOD).pixels)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(pixels, found[0]) for pixels in found)


def test_a_decode_costs_no_start_of_an_interpreter() -> None:
    read_safely(GOOD)
    decoder = sandbox._pool._idle[-1]
    read_safely(GOOD)
    assert decoder is not None
    assert sandbox._pool._idle[-1] is decoder


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library is told nothing of memory")
def test_a_decoder_keeps_the_memory_of_one_image_for_the_next() -> None:
    picture = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1024, 1024), dtype=np.uint8)).save(picture, "PNG")
    decoder = Decoder()
    try:
        decoder.get_ready()
        faults = []
        for _ in range(6):
            decoder.read(picture.getvalue(), processor_s=20, clock_s=60)
            # proc_pid_stat(5): minflt is the tenth field, the eighth after the name in brackets.
            told = Path(f"/proc/{decoder._process.pid}/stat").read_text().rpartition(")")[2].split()
            faults.append(int(told[7]))
    finally:
        decoder.close()
    # The pixels alone are 256 pages of 4 KiB.
    assert faults[-1] - faults[-2] < 100


def test_it_works_from_any_folder_and_leaves_no_process(tmp_path: Path) -> None:
    file = tmp_path / "chest"
    file.write_bytes(GOOD)
    script = (
        "import sys; from core.imaging import read_safely, sandbox\n"
        "read_safely(open(sys.argv[1], 'rb').read())\n"
        "print(sandbox._pool._idle[-1]._process.pid)\n"
        "assert not {'torch', 'pandas', 'flask'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    assert not Path("/proc", done.stdout.strip()).exists()


def test_the_child_sees_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("the system does not show the environment of processes")
    monkeypatch.setenv("CHESTLENS_TEST_SECRET", "hush")
    decoder = Decoder()
    try:
        decoder.get_ready()
        assert b"CHESTLENS_TEST_SECRET" not in Path(f"/proc/{decoder._process.pid}/environ").read_bytes()
    finally:
        decoder.close()


def test_a_decoder_has_no_client_of_the_network() -> None:
    program = "import sys; from core.imaging.decoder import _reader; _reader(); print('urllib3' in sys.modules)"
    ready = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ready.stdout == "False\n"


def test_a_confined_decoder_has_the_quick_way_to_grey_png_files() -> None:
    program = (
        "import sys; from core.imaging.decoder import _reader; _reader(); "
        "print({'isal.isal_zlib', 'kornia_rs.io'} <= set(sys.modules))"
    )
    ready = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ready.stdout == "True\n"
