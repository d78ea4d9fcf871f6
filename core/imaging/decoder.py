"""The process in which files of strangers are decoded: ``python -m core.imaging.decoder``.

It reads one request after another from standard input and answers on standard output (see ``decoder_process``), until
the input ends. It imports the decoders and nothing heavier, and gives up all that they do not need (``confinement``).
"""

import importlib
import json
import os
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import numpy as np
from PIL import Image

from core.imaging.complaints import listen_from_now_on
from core.imaging.confinement import confine
from core.imaging.decoder_process import REQUEST
from core.imaging.limits import MAX_FILE_BYTES
from core.imaging.radiograph import ImagingError, Radiograph, UnreadableImage
from core.memory import keep_freed_memory

# All that decoding may import: afterwards no file can be opened.
_DECODERS = (
    "cv2",
    "gdcm",
    "isal.isal_zlib",
    "jpeg_ls",
    "kornia_rs.io",
    "openjpeg",
    "rle",
    "numpy",
    "pydicom.pixels",
    "pydicom.pixels.decoders",
)
# pydicom would fetch examples with the first two, a sixth of its start, and kornia_rs compile for a GPU with the third;
# here there is neither network nor GPU, and they do without.
_NOT_NEEDED = ("requests", "tqdm", "nvidia.cuda_nvrtc")


def main() -> None:
    """Serve requests until the input ends."""
    keep_freed_memory()
    requests, answers = _take_over_streams()
    read = _reader()
    listen_from_now_on()
    _send(answers, {"ready": True, "unconfined": confine()})
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        length, milliseconds = REQUEST.unpack(head)
        if length > MAX_FILE_BYTES:
            return
        data = requests.read(length)
        if len(data) < length:
            return
        with _processor_time(milliseconds / 1000):
            _answer(read, data, answers)


def _reader() -> Callable[[bytes], Radiograph]:
    """``read_stored``, with all that it may need imported."""
    sys.modules.update(dict.fromkeys(_NOT_NEEDED))  # type: ignore[arg-type]  # None stands for what cannot be imported
    from core.imaging.reader import read_stored

    for name in _DECODERS:
        with suppress(ImportError):
            importlib.import_module(name)
    Image.preinit()
    return read_stored


def _take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for ourselves: C libraries print their troubles on standard output."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return requests, answers


@contextmanager
def _processor_time(seconds: float) -> Iterator[None]:
    """Let the system end this process once it has computed for so long, by a signal that says so."""
    if not hasattr(signal, "setitimer"):
        yield  # Windows counts by the clock alone
        return
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _answer(read: Callable[[bytes], Radiograph], data: bytes, answers: BinaryIO) -> None:
    """Decode and answer. Out of memory ends the process: what the heap looks like then is nobody's promise."""
    try:
        radiograph = read(data)
    except ImagingError as error:
        _send(answers, {"error": type(error).__name__, "message": str(error)})
        return
    except MemoryError:
        _send(answers, {"error": "MemoryError"})
        sys.exit(1)
    except Exception:  # a decoder's own failure is the file's fault as far as the sender is concerned
        sentence = "The image could not be decoded; export or download it again."
        _send(answers, {"error": UnreadableImage.__name__, "message": sentence})
        return
    header: dict[str, object] = {
        "shape": radiograph.pixels.shape,
        "type": radiograph.pixels.dtype.name,
        "view": radiograph.view,
        "pixel_spacing_mm": radiograph.pixel_spacing_mm,
        "warnings": radiograph.warnings,
        "metadata": radiograph.metadata,
        "source": radiograph.source,
    }
    _send(answers, header, np.ascontiguousarray(radiograph.pixels).data.cast("B"))


def _send(answers: BinaryIO, header: dict[str, object], pixels: bytes | memoryview = b"") -> None:
    text = json.dumps(header).encode()
    answers.write(struct.pack(">I", len(text)) + text)
    answers.write(pixels)
    answers.flush()


if __name__ == "__main__":
    main()
