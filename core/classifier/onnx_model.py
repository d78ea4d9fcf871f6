"""The network as ONNX: what serves it several times faster on a CPU, and what other programs can read.

``model.onnx`` lies beside the checkpoint that it was made from and names its digest, so that a stale one is not used.
Its input ``image`` is (N, 1, S, S) as ``Preprocessing`` makes it; its outputs are ``logits`` (N, L) and ``evidence``
(N, L, h, w), what each position of the last feature map adds to each logit, from which heatmaps are drawn.
"""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.classifier.checkpoint import DIGEST
from core.classifier.maps import Explainer, FloatArray

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

ONNX = "model.onnx"


def onnx_explainer(folder: str | Path, digest: str) -> Explainer | None:
    """Logits and evidence through ONNX Runtime, in as many threads as ``OMP_NUM_THREADS`` says, or one a core.

    Args:
        folder: of the checkpoint.
        digest: of the checkpoint, which ``model.onnx`` must name.

    Returns:
        None where the folder has no ``model.onnx``, or one that cannot be used: the log then says why.
    """
    path = Path(folder) / ONNX
    if not path.is_file():
        return None
    try:
        network = _Network(path, _threads())
    except Exception as error:  # ONNX Runtime raises a type of its own for each cause
        log.warning("%s cannot be read (%s); PyTorch is used instead.", path, type(error).__name__)
        return None
    if network.session.get_modelmeta().custom_metadata_map.get(DIGEST) != digest:
        log.warning("%s was made from another checkpoint and is not used: run python -m core onnx %s", path, folder)
        return None

    def explain(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        logits, evidence = network.run(["logits", "evidence"], images)
        return logits, evidence

    def logits_alone(images: FloatArray) -> FloatArray:
        return network.run(["logits"], images)[0]

    if not _responds(network.session, logits_alone):
        log.warning("%s answers the same whatever it is shown; PyTorch is used instead: export it anew.", path)
        return None
    return Explainer(explain, logits_alone)


class _Network:
    """A session that judges images one by one, side by side where nobody else has any judged.

    One by one they take less of a core's time than in one pass, because their maps stay in its caches; and files that
    are judged at one time need no threads but their own.

    Args:
        path: ``model.onnx``.
        threads: of the processor that may compute at one time.
    """

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, threads // 2)
        # Threads that wait for the next image would otherwise take the cores from those that read it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._threads = threads
        self._at_work = 0
        self._lock = threading.Lock()

    def run(self, wanted: list[str], images: FloatArray) -> list[FloatArray]:
        """The wanted outputs of images (N, 1, S, S)."""
        with self._lock:
            self._at_work += 1
            alone = self._at_work == 1
        try:
            if alone and self._threads > 1 and len(images) > 1:
                with ThreadPoolExecutor(max_workers=2) as pool:
                    found = list(pool.map(partial(self._run, wanted), images))
            else:
                found = [self._run(wanted, image) for image in images]
        finally:
            with self._lock:
                self._at_work -= 1
        return [np.concatenate(outputs) for outputs in zip(*found, strict=True)]

    def _run(self, wanted: list[str], image: FloatArray) -> list[FloatArray]:
        return list(self.session.run(wanted, {"image": image[None]}))


def _threads() -> int:
    """How many threads may compute at one time: ``OMP_NUM_THREADS``, or one a core that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _responds(session: "onnxruntime.InferenceSession", logits: Callable[[FloatArray], FloatArray]) -> bool:
    """Whether black and white give finite and different logits; weights that were lost on the way do not."""
    side = session.get_inputs()[0].shape[-1]
    shown = np.zeros((2, 1, side, side), dtype=np.float32)
    shown[1, :, side // 4 : side // 2] = 1
    answers = logits(shown)
    return bool(np.isfinite(answers).all() and (answers[0] != answers[1]).any())
