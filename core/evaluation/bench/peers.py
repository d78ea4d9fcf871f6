"""What users would take instead, and what the hardware allows, side by side with ChestLens.

The peer is torchxrayvision: its own reading, DenseNet-121 at 224 pixels, and pytorch-grad-cam for 14 heatmaps. Its
network has random weights here, which need no download and take as long as any.
"""

import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score

from core.anatomy import admit
from core.classifier import Classifier
from core.classifier.onnx_model import ONNX, onnx_explainer
from core.evaluation.bench.evaluation import stored_predictions
from core.evaluation.bench.rounds import Row, in_turn
from core.evaluation.bootstrap import RESAMPLES, bootstrap
from core.evaluation.errors import EvaluationError
from core.findings import LABELS
from core.imaging import render_phantom
from core.imaging.reader import read_radiograph
from core.reporting.bulk import score

_SIDE, _PEER_SIDE = 1024, 224
_BATCH = 16
# Of the peer's resamples only these are done in a round; all of them would take minutes.
_PEER_RESAMPLES = 5


def measure_peers(checkpoint: Path, *, rounds: int, n_files: int = 32, resamples: int = RESAMPLES) -> Iterator[Row]:
    """One image, a folder and an evaluation, each against what would be used instead.

    Args:
        checkpoint: with ``model.onnx``.
        rounds: as of ``in_turn``.
        n_files: in the folder.
        resamples: of patients, for the intervals of the evaluation.

    Raises:
        EvaluationError: torchxrayvision is not installed, or the checkpoint has no ``model.onnx``.
    """
    if importlib.util.find_spec("torchxrayvision") is None:
        raise EvaluationError("The comparison needs the peer: pip install torchxrayvision.")
    if not (checkpoint / ONNX).is_file():
        raise EvaluationError(f"{checkpoint} has no {ONNX}: run python -m core onnx {checkpoint}.")
    classifier = Classifier(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        files = _radiographs(Path(folder), n_files)
        peer = _Peer()
        yield in_turn(
            "one file to 14 probabilities and 14 heatmaps",
            {
                "ChestLens": lambda: classifier.predict(admit(read_radiograph(files[0].read_bytes())).radiograph),
                "torchxrayvision with pytorch-grad-cam": lambda: peer.explain(files[0]),
                "ChestLens' bare forward pass": _bare_pass(classifier, checkpoint),
            },
            rounds=rounds,
        )
        yield in_turn(
            f"a folder of {n_files} files to probabilities",
            {
                "ChestLens": lambda: list(score(files, classifier)),
                "torchxrayvision in batches": lambda: peer.score(files),
                "ChestLens' bare forward pass": _bare_pass(classifier, checkpoint, n_files),
            },
            rounds=rounds,
        )
    yield _evaluation(rounds, resamples)


class _Peer:
    """The usage that torchxrayvision's own documentation shows."""

    def __init__(self) -> None:
        import torchxrayvision as xrv

        self.network = xrv.models.DenseNet(weights=None).eval()
        self.steps = (xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(_PEER_SIDE))
        self.load = xrv.utils.load_image

    def read(self, path: Path) -> Any:
        """Network input (1, 224, 224)."""
        import torch

        picture = self.load(str(path))
        for step in self.steps:
            picture = step(picture)
        return torch.from_numpy(picture)

    def explain(self, path: Path) -> None:
        """Probabilities and a heatmap for each of 14 labels."""
        import torch
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        x = self.read(path)[None]
        with torch.inference_mode():
            torch.sigmoid(self.network(x))
        with GradCAM(model=self.network, target_layers=[self.network.features.denseblock4]) as cam:
            for label in range(len(LABELS)):
                cam(x, targets=[ClassifierOutputTarget(label)])

    def score(self, files: list[Path]) -> None:
        """Probabilities of all files, read one after another and judged in batches."""
        import torch

        for start in range(0, len(files), _BATCH):
            batch = torch.stack([self.read(path) for path in files[start : start + _BATCH]])
            with torch.inference_mode():
                torch.sigmoid(self.network(batch))


def _bare_pass(classifier: Classifier, checkpoint: Path, times: int = 1) -> Callable[[], object]:
    """The network alone, on input that lies ready, in the quickest way known; an image and its mirror image are two."""
    network = onnx_explainer(checkpoint, classifier.checkpoint_sha256)
    assert network is not None
    side = classifier.config.preprocessing.image_size
    x = np.zeros((2, 1, side, side), dtype=np.float32)
    return lambda: [network.logits(x) for _ in range(times)]


def _evaluation(rounds: int, resamples: int) -> Row:
    """Intervals of 14 AUROCs by resampling patients, against scikit-learn in a loop over the same draws."""
    table, predictions = stored_predictions()
    labels, scores = table[list(LABELS)].to_numpy(dtype=float), predictions.to_numpy()
    patients = table["patient_id"].to_numpy()
    _, member = np.unique(patients, return_inverse=True)
    rows_of = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])

    def by_scikit_learn() -> None:
        generator = np.random.default_rng(0)
        for _ in range(_PEER_RESAMPLES):
            rows = np.concatenate([rows_of[one] for one in generator.integers(0, len(rows_of), len(rows_of))])
            for label in range(len(LABELS)):
                roc_auc_score(labels[rows, label], scores[rows, label])

    return in_turn(
        f"95% intervals of 14 AUROCs of {len(table):,} images, {resamples:,} resamples",
        {
            "ChestLens": lambda: bootstrap(labels, [scores], patients, resamples=resamples),
            f"scikit-learn in a loop ({_PEER_RESAMPLES} resamples done)": by_scikit_learn,
        },
        rounds=rounds,
        scales={f"scikit-learn in a loop ({_PEER_RESAMPLES} resamples done)": resamples / _PEER_RESAMPLES},
    )


def _radiographs(folder: Path, count: int) -> list[Path]:
    """Rendered chests as PNG files, no two alike."""
    files = []
    chest = render_phantom(size=_SIDE)
    for number in range(count):
        path = folder / f"{number:03d}.png"
        darker = chest * (1 - number / (4 * count))
        Image.fromarray(np.round(darker * 255).astype(np.uint8)).save(path)
        files.append(path)
    return files
