"""Radiograph to ``Prediction``: calibrated probabilities and heatmaps."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.classifier.checkpoint import SHIPPED, CheckpointConfig, checkpoint_digest, load_checkpoint, load_config
from core.classifier.maps import Explainer, over_image_both_ways
from core.classifier.onnx_model import onnx_explainer
from core.classifier.preprocessing import Frame
from core.classifier.reliability import load_reliability
from core.findings import LABELS
from core.imaging import Radiograph

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Prediction:
    """What the classifier says of one radiograph.

    Attributes:
        probabilities: float32 (14,) calibrated, in the order of ``LABELS``; NaN where the checkpoint does not know a
            label.
        heatmaps: float32 (14, h, w) in [0, 1] over the radiograph's own frame, each scaled to its own maximum; zeros
            where nothing speaks for a label, and for an unknown label.
    """

    probabilities: FloatArray
    heatmaps: FloatArray


class Classifier:
    """A loaded checkpoint. Holds no state between images and may be shared by threads.

    Each radiograph is judged as it is and mirrored, in one pass of two, and logits and heatmaps are averaged; training
    mirrors half of its images too, and validates and calibrates in the same way.

    Args:
        folder: checkpoint folder; by default the one that ChestLens ships.

    Attributes:
        config: what the checkpoint says of itself.
        checkpoint_sha256: its digest, by which measurements of it are told from those of others.
        reliability: how well heatmaps agree with radiologists' boxes, by label; empty where that was not measured.

    Raises:
        CheckpointError: the folder holds no usable checkpoint.
    """

    def __init__(self, folder: str | Path = SHIPPED) -> None:
        self.config = load_config(folder)
        self.checkpoint_sha256 = checkpoint_digest(folder)
        self._explainer = onnx_explainer(folder, self.checkpoint_sha256) or _by_pytorch(folder)
        self.reliability = load_reliability(folder, self.checkpoint_sha256)
        self._columns = [LABELS.index(name) for name in self.config.label_names]

    def predict(self, radiograph: Radiograph) -> Prediction:
        """Classify and explain one radiograph."""
        images, frame = self._both_ways(radiograph)
        logits, evidence = self._explainer.explain(images)
        side = images.shape[-1]
        edges = (frame.left, frame.top, frame.right, frame.bottom)
        left, top, right, bottom = (round(edge * side) for edge in edges)
        heatmaps = np.zeros((len(LABELS), bottom - top, right - left), dtype=np.float32)
        # Label by label: the maps of all would not fit into the processor's caches.
        for column, of_label in zip(self._columns, evidence.swapaxes(0, 1), strict=True):
            heatmaps[column] = over_image_both_ways(of_label, side)[top:bottom, left:right]
        return Prediction(self._calibrated(logits.mean(axis=0)), heatmaps)

    def probabilities(self, radiograph: Radiograph) -> FloatArray:
        """The probabilities of ``predict`` alone, in less time."""
        return self._calibrated(self.logits(radiograph))

    def logits(self, radiograph: Radiograph) -> FloatArray:
        """Raw outputs (L,) before calibration, in the order of the checkpoint's ``label_names``."""
        return np.asarray(self._explainer.logits(self._both_ways(radiograph)[0]).mean(axis=0))

    def _both_ways(self, radiograph: Radiograph) -> tuple[FloatArray, Frame]:
        """Network input (2, 1, S, S), the radiograph and its mirror image, and the place of the radiograph in it."""
        square, frame = self.config.preprocessing.canonical(radiograph.pixels)
        x = self.config.preprocessing.normalise(square)
        return np.stack([x, x[..., ::-1]]), frame

    def _calibrated(self, logits: FloatArray) -> FloatArray:
        probabilities = np.full(len(LABELS), np.nan, dtype=np.float32)
        probabilities[self._columns] = self.config.calibration(logits)
        return probabilities


def _by_pytorch(folder: str | Path) -> Explainer:
    # Most of a server's start would go into this import, which ONNX Runtime does without.
    from core.classifier.heatmaps import explainer

    network, config = load_checkpoint(folder)
    return explainer(network, config.preprocessing.image_size)


def model_identity(config: CheckpointConfig) -> dict[str, str]:
    """Name and version of a model, as reports and the HTTP interface state them."""
    return {"name": config.name, "version": config.version, "architecture": config.architecture}
