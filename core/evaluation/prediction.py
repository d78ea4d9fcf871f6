"""Probabilities of many images, kept as they come, so that an evaluation that was killed goes on where it stopped."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from core import __version__
from core.anatomy import upright
from core.classifier import Classifier
from core.classifier.checkpoint import checkpoint_digest
from core.datasets import Problem
from core.findings import LABELS
from core.imaging import ImagingError
from core.imaging.reader import read_radiograph


class Journal:
    """A file with a line for each image that was predicted.

    Each line names the model, the file's size and its time of change: the predictions of another checkpoint, and those
    of an image that has changed since, are never taken for this one's. A line that a killed run left torn is skipped.

    Args:
        path: of the file; made if there is none.
        model: from ``model_digest``.
    """

    def __init__(self, path: str | Path, model: str) -> None:
        self._path, self._model = Path(path), model
        self._known: dict[tuple[str, int, int], np.ndarray] = {}
        torn = False
        if self._path.is_file():
            text = self._path.read_text(encoding="utf-8", errors="replace")
            torn = bool(text) and not text.endswith("\n")
            for line in text.splitlines():
                try:
                    entry = json.loads(line)
                    key, values = (entry["image"], entry["bytes"], entry["changed"]), entry["probabilities"]
                    if entry["model"] == model and len(values) == len(LABELS):
                        self._known[key] = np.array(values, dtype=np.float32)
                except (ValueError, KeyError, TypeError):
                    continue
        self._file: TextIO = self._path.open("a", encoding="utf-8")
        if torn:
            self._file.write("\n")

    def get(self, path: str) -> np.ndarray | None:
        """The probabilities (14,) of the image, if this model has judged the file as it is now."""
        return self._known.get(_key(path)) if self._known else None

    def add(self, path: str, probabilities: np.ndarray) -> None:
        """Keep the probabilities (14,) of an image; they are on disk when this returns."""
        image, size, changed = _key(path)
        values = [float(value) if np.isfinite(value) else None for value in probabilities]
        entry = {"model": self._model, "image": image, "bytes": size, "changed": changed, "probabilities": values}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def model_digest(folder: str | Path) -> str:
    """What tells a checkpoint's predictions from those of another: its weights, its configuration, our version."""
    configuration = (Path(folder) / "config.json").read_bytes()
    return hashlib.sha256(__version__.encode() + configuration + checkpoint_digest(folder).encode()).hexdigest()


def predict_probabilities(
    table: pd.DataFrame,
    classifier: Classifier,
    *,
    journal: Journal | None = None,
    problems: list[Problem] | None = None,
) -> np.ndarray:
    """Calibrated probabilities (N, 14) of the images of a table.

    Args:
        table: with ``image_path``.
        journal: where probabilities are kept, and taken from.
        problems: gets an entry for each image that cannot be read; its row is NaN. Without it, such an image ends
            the run.

    Raises:
        ImagingError, OSError: an image cannot be read and there is no ``problems``.
    """
    rows = np.full((len(table), len(LABELS)), np.nan, dtype=np.float32)
    paths = tqdm(table["image_path"], desc="predicting", unit="img", disable=None)
    for row, path in zip(rows, paths, strict=True):
        try:
            found = journal.get(path) if journal else None
            radiograph = upright(read_radiograph(Path(path).read_bytes())) if found is None else None
        except (ImagingError, OSError) as error:
            if problems is None:
                raise
            problems.append(Problem(str(path), _sentence(error)))
            continue
        if radiograph is not None:
            found = classifier.predict(radiograph).probabilities
            if journal:
                journal.add(path, found)
        row[:] = found
    return rows


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"The file cannot be read ({error.strerror or type(error).__name__})."
    return str(error)


def _key(path: str) -> tuple[str, int, int]:
    status: Any = os.stat(path)
    return str(path), status.st_size, status.st_mtime_ns
