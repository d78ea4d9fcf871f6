"""Speed of training against that of the bare forward and backward pass, side by side."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from accelerate import Accelerator
from PIL import Image

from core.classifier.training import TrainingSettings, train
from core.classifier.training.cpu import freed_memory_kept, quicken_depthwise
from core.classifier.training.initial import initial_network
from core.classifier.training.optimisation import make_loss, make_optimiser
from core.datasets.table import complete
from core.findings import LABELS
from core.imaging import render_phantom
from core.precision import resolve_precision

_STEPS = 12
_EPOCHS = 3


def measure_training(settings: TrainingSettings) -> Iterator[str]:
    """Train on rendered chests, and do the same steps on tensors that lie ready, in turn; yield lines of figures.

    The bare loop is what no training can do without: forward pass, loss, backward pass, clipping and the optimiser.
    Training adds reading, augmentation, the moving average of the weights and its records.

    Args:
        settings: what is measured; epochs are set here, and weights are random.
    """
    precision = resolve_precision(settings.precision)
    settings = replace(settings, initial_weights="none", epochs=_EPOCHS, precision=precision)
    step = settings.batch_size * settings.gradient_accumulation_steps
    with tempfile.TemporaryDirectory() as folder:
        table = _rendered(Path(folder), train=_STEPS * step, val=2)
        bare = [_bare_loop(settings)]
        run = Path(folder) / "run"
        train(table, run, settings, data_settings={})
        bare.append(_bare_loop(settings))
        # The first epoch also meets cold caches, as the bare loop's steps before its clock starts do.
        seconds = pd.read_csv(run / "summary.csv")["seconds"].iloc[1:].tolist()
    trained, ready = _STEPS * step / statistics.median(seconds), statistics.mean(bare)
    yield (
        f"{settings.backbone} at {settings.image_size} x {settings.image_size}, batches of {settings.batch_size}, "
        f"{settings.precision}: training {trained:.1f} images/s, bare forward and backward passes {ready:.1f} images/s "
        f"(before and after: {bare[0]:.1f}, {bare[1]:.1f}): {trained / ready:.0%}"
    )


@freed_memory_kept()
def _bare_loop(settings: TrainingSettings) -> float:
    """Images per second."""
    accelerator = Accelerator(mixed_precision={"fp32": "no"}.get(settings.precision, settings.precision))
    network = initial_network(settings)[0].to(accelerator.device).to(memory_format=torch.channels_last).train()
    if accelerator.device.type == "cpu" and settings.precision == "bf16":
        quicken_depthwise(network)
    network, optimiser = accelerator.prepare(network, make_optimiser(network, settings))
    x = torch.rand(settings.batch_size, 1, settings.image_size, settings.image_size, device=accelerator.device)
    x = x.to(memory_format=torch.channels_last)
    y = torch.zeros(settings.batch_size, len(LABELS), device=accelerator.device)
    loss = make_loss(settings, y).to(accelerator.device)
    started = 0.0
    for number in range(-2, _STEPS):
        if number == 0:
            _wait(accelerator.device)
            started = time.perf_counter()
        for _ in range(settings.gradient_accumulation_steps):
            with accelerator.autocast():
                logits = network(x)
            accelerator.backward(loss(logits.float(), y))
        if settings.clip_norm > 0:
            accelerator.clip_grad_norm_(network.parameters(), settings.clip_norm)
        optimiser.step()
        optimiser.zero_grad()
    _wait(accelerator.device)
    images = _STEPS * settings.batch_size * settings.gradient_accumulation_steps
    return images / (time.perf_counter() - started)


def _wait(device: torch.device) -> None:
    """A GPU works on after its calls return."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _rendered(folder: Path, **counts: int) -> pd.DataFrame:
    """A table of ``counts`` chests in each split: one rendered picture under many names."""
    picture = Image.fromarray(np.round(render_phantom(size=1024) * 255).astype(np.uint8))
    rows: list[dict[str, object]] = []
    for split, count in counts.items():
        for number in range(count):
            path = folder / f"{split}{number}.jpg"
            if number == 0:
                picture.save(path, quality=90)
            else:
                path.hardlink_to(folder / f"{split}0.jpg")
            names = {"image_path": str(path), "source": "bench", "patient_id": path.stem, "study_id": path.stem}
            rows.append(names | {"split": split} | {label: (number + i) % 2 for i, label in enumerate(LABELS)})
    return complete(pd.DataFrame(rows))
