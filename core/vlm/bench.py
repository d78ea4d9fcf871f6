"""How long the writer takes for a report, and what memory it and the classifier need together."""

import random
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
        reports_per_s: over all of them.
        tokens_per_s: of the finished texts, drafts that were thrown away not counted; None where the backend does not
            tell of its tokens.
        peak_mib: peak memory of the whole process, with the classifier and all libraries.
    """

    reports: int
    words: float
    seconds: tuple[float, float]
    reports_per_s: float
    tokens_per_s: float | None
    peak_mib: float

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        median, p95 = self.seconds
        return asdict(self) | {"seconds": {"median_s": median, "p95_s": p95}}

    def __str__(self) -> str:
        """Lines for people."""
        tokens = "" if self.tokens_per_s is None else f", {self.tokens_per_s:.0f} tokens/s of finished text"
        return (
            f"{self.reports} reports of {self.words:.0f} words in the median: median {self.seconds[0]:.2f} s, "
            f"95th percentile {self.seconds[1]:.2f} s, guard included; {self.reports_per_s:.2f} reports/s{tokens}\n"
            f"peak memory of the whole process, classifier and libraries included: {self.peak_mib:.0f} MiB"
        )


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
    texts = [f"{one.report.text('findings')} {one.report.text('impression')}" for one in written[1:]]
    tokens = [writer.count_tokens(text) for text in texts]
    return WriterBench(
        reports=reports,
        words=float(np.median([len(text.split()) for text in texts])),
        seconds=(float(np.median(seconds)), float(np.percentile(seconds, 95))),
        reports_per_s=reports / sum(seconds),
        tokens_per_s=None if None in tokens else sum(filter(None, tokens)) / sum(seconds),
        peak_mib=_peak_mib(),
    )


def _peak_mib() -> float:
    # Not ru_maxrss, which a new process takes over from the one that started it.
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")
