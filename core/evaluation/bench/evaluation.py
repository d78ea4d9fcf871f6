"""Time and memory of a whole evaluation of as many images as the official NIH test list has."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.table import complete
from core.evaluation.bootstrap import RESAMPLES, bootstrap_both
from core.evaluation.errors import EvaluationError
from core.evaluation.scores import score_with_predictions
from core.evaluation.study import run_evaluation
from core.findings import LABELS
from core.settings import ROOT

ROWS, PATIENTS = 25_596, 2_797
# Shares of the 14 labels in the official test list, in their order, rounded.
_SHARES = (0.128, 0.042, 0.071, 0.036, 0.182, 0.043, 0.017, 0.003, 0.239, 0.068, 0.063, 0.045, 0.022, 0.104)


def measure_evaluation() -> Iterator[str]:
    """Yield lines of figures; the work is done in a process of its own, for its peak memory.

    Raises:
        EvaluationError: that process failed.
    """
    program = "from core.evaluation.bench.evaluation import _measure; _measure()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EvaluationError(f"The evaluation could not be measured: {done.stderr.strip().splitlines()[-1]}")
    yield from done.stdout.strip().splitlines()


def _measure() -> None:
    table, predictions = stored_predictions()
    labels, scores = table[list(LABELS)].to_numpy(dtype=float), predictions.to_numpy()
    started = time.perf_counter(), time.process_time()
    bootstrap_both(labels, [scores], table["patient_id"].to_numpy())
    _say(f"bootstrap of AUROC and average precision, {ROWS:,} images, 14 labels, {RESAMPLES:,} resamples", started)
    started = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        run_evaluation(
            table,
            score_with_predictions(table, predictions, name="bench"),
            folder,
            split="val",
            others={"the same": predictions},
            detailed=True,
        )
    _say("whole evaluation of these predictions with subgroups, comparison, figures and page", started)
    # Not ru_maxrss, which a new process takes over from the one that started it.
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 2**20  # type: ignore[index]
    print(f"peak memory {peak:.2f} GiB")


def _say(what: str, started: tuple[float, float]) -> None:
    wall, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    print(f"{what}: {wall:.1f} s, of which {processor:.1f} s on processors")


def stored_predictions() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table of the size and the label frequencies of the official test list, and predictions that know a little."""
    generator = np.random.default_rng(0)
    names = [f"{row:08d}" for row in range(ROWS)]
    labels = (generator.random((ROWS, len(LABELS))) < _SHARES).astype(float)
    scores = 1 / (1 + np.exp(2 - generator.normal(1.2 * labels, 1)))
    table = complete(
        pd.DataFrame(
            {
                "image_path": [f"{name}.png" for name in names],
                "source": "nih",
                "patient_id": generator.integers(0, PATIENTS, ROWS).astype(str),
                "study_id": names,
                "view": generator.choice(["AP", "PA"], ROWS),
                "age": generator.integers(5, 95, ROWS),
                "sex": generator.choice(["F", "M"], ROWS),
                "split": "val",
                **dict(zip(LABELS, labels.T, strict=True)),
            }
        )
    )
    return table, pd.DataFrame(scores, columns=list(LABELS), index=pd.Index(names, name="study_id"))
