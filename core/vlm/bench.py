"""How long the writer takes for a report, and what memory it and the classifier need together."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from core.classifier import Classifier
from core.imaging.phantom import phantom_png
from core.imaging.reader import read_radiograph
from core.vlm.backends import Backend
from core.vlm.composition import random_evidence
from core.vlm.pictures import picture_of
from core.vlm.rewrite import rewrite


@dataclass(frozen=True)
class WriterBench:
    """What was measured.

    Attributes:
        reports: their number.
        words: median number of words of a report.
        seconds: median and 95th percentile of the time for a report with its guard.
        peak_mib: peak memory of the whole process, with the classifier and all libraries.
    """

    reports: int
    words: float
    seconds: tuple[float, float]
    peak_mib: float


def bench_writer(writer: Backend, *, reports: int, seed: int = 0) -> WriterBench:
    """Write reports on the phantom for evidence drawn at random, one after another."""
    radiograph = read_radiograph(phantom_png())
    Classifier().predict(radiograph)
    picture = picture_of(radiograph)
    draw = random.Random(seed)
    written = []
    for _ in tqdm(range(reports + 1), desc="writing", unit="report", disable=None):
        evidence = random_evidence(draw)
        written.append(rewrite(picture, evidence, writer))
    # The first one warms up.
    seconds = [one.seconds for one in written[1:]]
    words = [len(f"{one.report.text('findings')} {one.report.text('impression')}".split()) for one in written[1:]]
    return WriterBench(
        reports=reports,
        words=float(np.median(words)),
        seconds=(float(np.median(seconds)), float(np.percentile(seconds, 95))),
        peak_mib=_peak_mib(),
    )


def in_words(bench: WriterBench) -> str:
    """The figures as lines for people."""
    return "\n".join(
        [
            f"{bench.reports} reports of {bench.words:.0f} words in the median: median {bench.seconds[0]:.2f} s, "
            f"95th percentile {bench.seconds[1]:.2f} s, guard included",
            f"peak memory of the whole process, classifier and libraries included: {bench.peak_mib:.0f} MiB",
        ]
    )


def _peak_mib() -> float:
    # Not ru_maxrss, which a new process takes over from the one that started it.
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")
