"""What ends a training, in sentences that name the flag to change."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from core.classifier.errors import TrainingError
from core.classifier.training.settings import TrainingSettings


@contextmanager
def in_plain_words(settings: TrainingSettings) -> Iterator[None]:
    """Turn what machines run out of into sentences that name a flag."""
    import torch

    kept = "The last whole epoch is kept; give the same command to go on."
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise TrainingError(
            f"There is not enough memory for {settings.batch_size} images of {settings.image_size} pixels at a time: "
            f"lower --batch_size (and raise --gradient_accumulation_steps) or --image_size. {kept}"
        ) from error
    except RuntimeError as error:
        text = str(error)
        if settings.compile and type(error).__module__.startswith("torch._"):
            raise TrainingError(
                f"PyTorch cannot compile the training step here; it takes a C++ compiler: leave out --compile. {kept}"
            ) from error
        if "DataLoader worker" in text:
            raise TrainingError(
                f"A process that reads images died, perhaps for want of memory: use --loader_workers 0. {kept}"
            ) from error
        if "not enough memory" in text or "out of memory" in text:
            raise TrainingError(f"Memory ran out: lower --batch_size or --image_size. {kept}") from error
        if "No space left" in text or "file write failed" in text:
            raise TrainingError(f"The disk of --output_dir is full: free space on it. {kept}") from error
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TrainingError(f"The disk of --output_dir is full: free space on it. {kept}") from error
        raise
