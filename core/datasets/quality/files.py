"""One pass over the image files of a table: what they are, a digest of their pixels, and a thumbnail."""

import hashlib
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.anatomy import shipped_looker
from core.atomic import replacing
from core.datasets.parallel import in_processes
from core.datasets.preparation.pixels import read_grey
from core.imaging import ImagingError
from core.imaging.resampling import lanczos

THUMBNAIL = 64
_CACHE = "quality_files.npz"


class _Facts(NamedTuple):
    """What is known of a file; ``problem`` is empty where it could be read."""

    path: str
    problem: str = ""
    missing: bool = False
    bytes: int = 0
    mtime_ns: int = 0
    width: int = 0
    height: int = 0
    bits: str = ""
    format: str = ""
    digest: str = ""
    roughness: float = float("nan")
    inverted: bool = False


class FilePass(NamedTuple):
    """Facts and pictures of all files.

    Attributes:
        facts: indexed by path, one row a file: ``problem`` (a sentence, or empty), ``missing``, ``bytes``, ``width``,
            ``height``, ``bits``, ``format``, ``digest`` (SHA-256 of the pixels), ``roughness`` (1 - correlation of
            neighbouring pixels: near 0 for blurred or enlarged pictures, higher for sharp or noisy ones), ``inverted``
            (stored as a negative).
        thumbnails: (files, 64, 64) uint8 in the order of ``facts``, stretched to a square; black where unreadable.
    """

    facts: pd.DataFrame
    thumbnails: npt.NDArray[np.uint8]


def examine_files(paths: Sequence[str], *, cache_dir: Path | None = None, workers: int | None = None) -> FilePass:
    """Read each file once, in several processes.

    Args:
        paths: may repeat.
        cache_dir: keeps the results, by path, size and time of change, so that only new files are read again.
        workers: number of processes, None for one a processor.
    """
    order = list(dict.fromkeys(str(path) for path in paths))
    known = _load(cache_dir / _CACHE) if cache_dir else {}
    results = {path: known[path] for path in order if path in known and _unchanged(known[path][0])}
    pending = [path for path in order if path not in results]
    try:
        for path, result in in_processes(_examine, pending, workers=workers, doing="reading images"):
            crashed = _Facts(path, problem="Reading the image ended its process, perhaps for want of memory.")
            results[path] = result or (crashed, b"")
    finally:
        if cache_dir and pending and results:
            _save(cache_dir / _CACHE, {path: result for path, result in results.items() if not result[0].missing})
    thumbnails = np.zeros((len(order), THUMBNAIL, THUMBNAIL), dtype=np.uint8)
    for row, path in enumerate(order):
        if picture := results[path][1]:
            thumbnails[row] = np.frombuffer(picture, dtype=np.uint8).reshape(THUMBNAIL, THUMBNAIL)
    facts = pd.DataFrame([results[path][0] for path in order], columns=_Facts._fields)
    return FilePass(facts.set_index("path"), thumbnails)


def _examine(path: str) -> tuple[_Facts, bytes]:
    """Read one file, in a worker process."""
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            data = file.read()
    except FileNotFoundError:
        return _Facts(path, "There is no such file.", missing=True), b""
    except OSError as error:
        return _Facts(path, f"The file cannot be read: {error.strerror}."), b""
    size, changed = state.st_size, state.st_mtime_ns
    try:
        grey = read_grey(data)
        values = grey.pixels if grey.pixels.dtype == np.uint8 else _whole(grey.pixels, grey.bits)
        digest = hashlib.sha256(f"{values.shape}{values.dtype}".encode() + values.tobytes()).hexdigest()
        picture, roughness = _thumbnail(grey.pixels), _roughness(values)
    except ImagingError as error:
        return _Facts(path, str(error), bytes=size, mtime_ns=changed), b""
    except MemoryError:
        return _Facts(path, "There was not enough memory to read the image.", bytes=size, mtime_ns=changed), b""
    height, width = values.shape
    _, inverted = shipped_looker().pose(grey.pixels)
    facts = _Facts(path, "", False, size, changed, width, height, grey.bits, grey.format, digest, roughness, inverted)
    return facts, picture.tobytes()


def _whole(pixels: npt.NDArray[np.float32], bits: str) -> npt.NDArray[Any]:
    """The grey values as whole numbers, so that the same picture in grey and in RGB has one digest."""
    return np.rint(pixels * 255).astype(np.uint8) if bits == "8" else np.rint(pixels * 65535).astype(np.uint16)


def _thumbnail(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    small = lanczos(pixels, (THUMBNAIL, THUMBNAIL))
    if pixels.dtype != np.uint8:
        small *= 255
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def _roughness(values: npt.NDArray[Any]) -> float:
    """1 - correlation of neighbours, on the middle of the image, where no border or letter disturbs."""
    height, width = values.shape
    middle = values[height // 4 : height - height // 4, width // 4 : width - width // 4].astype(np.float32)
    spread = float(middle.var())
    steps = float(np.mean(np.diff(middle, axis=1) ** 2) + np.mean(np.diff(middle, axis=0) ** 2)) / 2
    return steps / (2 * spread) if spread > 0 else float("nan")


def _unchanged(facts: _Facts) -> bool:
    try:
        state = os.stat(facts.path)
    except OSError:
        return False
    return (state.st_size, state.st_mtime_ns) == (facts.bytes, facts.mtime_ns)


def _load(path: Path) -> dict[str, tuple[_Facts, bytes]]:
    """An earlier pass; a file that is none, or of another version, counts as empty."""
    try:
        with np.load(path) as stored:
            rows, pictures = json.loads(stored["facts"].tobytes()), stored["thumbnails"]
            return {row[0]: (_Facts(*row), picture.tobytes()) for row, picture in zip(rows, pictures, strict=True)}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return {}


def _save(path: Path, results: dict[str, tuple[_Facts, bytes]]) -> None:
    read = {name: result for name, result in results.items() if result[1]}
    pictures = np.frombuffer(b"".join(picture for _, picture in read.values()), dtype=np.uint8)
    facts = np.frombuffer(json.dumps([facts for facts, _ in read.values()]).encode(), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, facts=facts, thumbnails=pictures.reshape(-1, THUMBNAIL, THUMBNAIL))
