"""The network as ONNX: what serves it several times faster on a CPU, and what other programs can read.

``model.onnx`` lies beside the checkpoint that it was made from and names its digest, so that a stale one is not used.
Its input ``image`` is (N, 1, S, S) as ``Preprocessing`` makes it; its outputs are ``logits`` (N, L) and ``evidence``
(N, L, h, w), what each position of the last feature map adds to each logit, from which heatmaps are drawn.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.classifier.checkpoint import DIGEST
from core.classifier.maps import Explainer, FloatArray, over_image

if TYPE_CHECKING:
    import onnxruntime

log = logging.getLogger(__name__)

ONNX = "model.onnx"


def onnx_explainer(folder: str | Path, digest: str) -> Explainer | None:
    """Logits and heatmaps through ONNX Runtime, in as many threads as ``OMP_NUM_THREADS`` says, or one a core.

    Args:
        folder: of the checkpoint.
        digest: of the checkpoint, which ``model.onnx`` must name.

    Returns:
        None where the folder has no ``model.onnx``, or one that cannot be used: the log then says why.
    """
    path = Path(folder) / ONNX
    if not path.is_file():
        return None
    import onnxruntime

    options = onnxruntime.SessionOptions()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = int(threads) if threads.isdecimal() else 0
    # Threads that wait for the next image would otherwise take the cores from those that read it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a type of its own for each cause
        log.warning("%s cannot be read (%s); PyTorch is used instead.", path, type(error).__name__)
        return None
    if session.get_modelmeta().custom_metadata_map.get(DIGEST) != digest:
        log.warning("%s was made from another checkpoint and is not used: run python -m core onnx %s", path, folder)
        return None

    def explain(images: FloatArray) -> tuple[FloatArray, FloatArray]:
        logits, evidence = session.run(None, {"image": images})
        return logits, over_image(evidence, images.shape[-1])

    def logits_alone(images: FloatArray) -> FloatArray:
        (logits,) = session.run(["logits"], {"image": images})
        return np.asarray(logits)

    if not _responds(session, logits_alone):
        log.warning("%s answers the same whatever it is shown; PyTorch is used instead: export it anew.", path)
        return None
    return Explainer(explain, logits_alone)


def _responds(session: "onnxruntime.InferenceSession", logits: Callable[[FloatArray], FloatArray]) -> bool:
    """Whether black and white give finite and different logits; weights that were lost on the way do not."""
    side = session.get_inputs()[0].shape[-1]
    shown = np.zeros((2, 1, side, side), dtype=np.float32)
    shown[1, :, side // 4 : side // 2] = 1
    answers = logits(shown)
    return bool(np.isfinite(answers).all() and (answers[0] != answers[1]).any())
