"""Newton's method, for the few parameters of a calibration: a dozen steps where general optimisers take many."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]
# Loss, its gradient (K,) and its Hessian (K, K) at parameters (K,).
Objective = Callable[[FloatArray], tuple[float, FloatArray, FloatArray]]

_STEPS, _HALVINGS = 100, 30
_FLAT = 1e-9


def minimise(objective: Objective, start: FloatArray) -> FloatArray:
    """Parameters (K,) at the minimum of a smooth loss, from a start near enough; a step never raises the loss."""
    at = np.asarray(start, dtype=float)
    loss, gradient, hessian = objective(at)
    for _ in range(_STEPS):
        if np.abs(gradient).max() < _FLAT * (1 + abs(loss)):
            break
        # Where the loss is not convex the nearest convex one points the way.
        values, vectors = np.linalg.eigh(hessian)
        step = vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), _FLAT))
        for halving in range(_HALVINGS):
            tried = objective(at - step / 2**halving)
            if tried[0] <= loss:
                at = at - step / 2**halving
                loss, gradient, hessian = tried
                break
        else:
            break
    return at
