"""The process in which files of strangers are decoded: ``python -m core.imaging.worker``.

It reads one request after another from standard input and answers on standard output (see ``sandbox``), until the
input ends. It imports the decoders and nothing heavier, and holds itself to a limit of memory.
"""

import importlib
import json
import os
import struct
import sys
from contextlib import suppress
from typing import BinaryIO

from core.imaging.limits import MAX_FILE_BYTES
from core.imaging.radiograph import ImagingError, UnreadableImage
from core.imaging.reader import read_radiograph

# The largest image that is read takes about 0.9 GB while it is converted.
MEMORY_ABOVE_BASE = 1536 * 2**20
_DECODERS = (
    "gdcm",
    "jpeg_ls",
    "openjpeg",
    "rle",
    "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin",
    "numpy",
    "pydicom.pixels",
)


def main() -> None:
    """Serve requests until the input ends."""
    requests, answers = _take_over_streams()
    for name in _DECODERS:
        with suppress(ImportError):
            importlib.import_module(name)
    _limit_resources()
    _send(answers, {"ready": True})
    while len(head := requests.read(8)) == 8:
        (length,) = struct.unpack(">Q", head)
        if length > MAX_FILE_BYTES:
            return
        data = requests.read(length)
        if len(data) < length:
            return
        _answer(data, answers)


def _take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for ourselves: C libraries print their troubles on standard output."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return requests, answers


def _limit_resources() -> None:
    """Bound memory, forbid files and core dumps. Windows has no such limits; there only time is bounded."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    limit = _address_space() + MEMORY_ABOVE_BASE
    with suppress(ValueError, OSError):  # some systems refuse limits on address space
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _address_space() -> int:
    """Bytes of address space in use; 0 where the system does not tell, as on macOS."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 2**30


def _answer(data: bytes, answers: BinaryIO) -> None:
    """Decode and answer. Out of memory ends the process: what the heap looks like then is nobody's promise."""
    try:
        radiograph = read_radiograph(data)
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
        "view": radiograph.view,
        "pixel_spacing_mm": radiograph.pixel_spacing_mm,
        "warnings": radiograph.warnings,
        "metadata": radiograph.metadata,
        "source": radiograph.source,
    }
    _send(answers, header, radiograph.pixels.tobytes())


def _send(answers: BinaryIO, header: dict[str, object], pixels: bytes = b"") -> None:
    text = json.dumps(header).encode()
    answers.write(struct.pack(">I", len(text)) + text)
    answers.write(pixels)
    answers.flush()


if __name__ == "__main__":
    main()
