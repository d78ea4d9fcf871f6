"""Where words come from: the shipped writer, any model folder or hub id, or the server of a large one.

``Backend`` is what all of them are; ``open_backend`` opens one by its name. Nothing here imports PyTorch until a model
is opened in this process.
"""

from core.vlm.backends.backend import Backend, BackendError, Decoding, Weighing
from core.vlm.backends.opening import BackendChoice, check_backend, open_backend

__all__ = [
    "Backend",
    "BackendChoice",
    "BackendError",
    "Decoding",
    "Weighing",
    "check_backend",
    "open_backend",
]
