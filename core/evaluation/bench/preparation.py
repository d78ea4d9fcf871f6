"""Speed of ``prepare_images`` against that of decoding alone, side by side."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from core.datasets.parallel import in_processes
from core.datasets.preparation.copies import prepare_images
from core.datasets.preparation.pixels import decode_with_pillow, decode_with_reader
from core.datasets.table import complete


def measure_preparation(
    paths: Sequence[str | Path],
    *,
    image_size: int = 512,
    bits: int = 8,
    workers: int | None = None,
    repeats: int = 3,
) -> dict[str, Any]:
    """Decode the files and prepare them, in turn, with the same number of processes.

    Everything is inside the measured time: starting the processes, reading, and for the preparation also resizing,
    writing into a fresh folder, and the table. Files are read once before, so that no disk is measured.

    Args:
        paths: radiographs, some hundreds at least.
        image_size, bits, workers: as for ``prepare_images``.
        repeats: rounds; the median counts.

    Returns:
        ``images``, ``workers``, ``image_size``, ``repeats``; images per second as ``preparation_per_s``,
        ``reader_per_s`` (``read_radiograph``: decoding, floating point) and ``pillow_per_s`` (bare decoding,
        None where a file is not for Pillow); and ``share_of_reader``, ``share_of_pillow``, the quotients.

    Raises:
        DatasetError: no path could be prepared, or a setting is out of range.
    """
    files = [str(Path(path).absolute()) for path in paths]
    count = workers or os.cpu_count() or 1
    table = complete(pd.DataFrame({"image_path": files, "source": "bench", "patient_id": "1"}))

    def prepare() -> None:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            prepare_images(table, folder, image_size=image_size, bits=bits, workers=count)
            seconds["preparation"].append(time.perf_counter() - started)

    def decode(name: str, decoder: Callable[[str], None]) -> None:
        started = time.perf_counter()
        for _ in in_processes(decoder, files, workers=count, doing=name):
            pass
        seconds[name].append(time.perf_counter() - started)

    seconds: dict[str, list[float]] = {"preparation": [], "reader": [], "pillow": []}
    rasters = all(Path(name).suffix.lower() in (".png", ".jpg", ".jpeg") for name in files)
    for name in files:
        Path(name).read_bytes()
    for _ in range(repeats):
        if rasters:
            decode("pillow", decode_with_pillow)
        decode("reader", decode_with_reader)
        prepare()
    rates = {name: len(files) / statistics.median(taken) if taken else None for name, taken in seconds.items()}
    preparation = rates["preparation"] or 0.0
    return {
        "images": len(files),
        "workers": count,
        "image_size": image_size,
        "repeats": repeats,
        **{f"{name}_per_s": rate for name, rate in rates.items()},
        **{f"share_of_{name}": preparation / rate if (rate := rates[name]) else None for name in ("reader", "pillow")},
    }
