"""The training loop: one pass of given length, halfway joined by masks that the network itself drew.

Hearts are drawn in one collection only. From a share of the steps on, the running mean of the network draws masks on
frontal chests of the other collections, and learns from them under other looks (self-training).
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm.auto import tqdm

from core.anatomy.network import SIDE, AnatomyNetwork
from core.anatomy.training.batches import Batch, Batches
from core.anatomy.training.collection import KEPT_SIDE, Collection
from core.atomic import replacing
from core.precision import resolve_precision

log = logging.getLogger(__name__)

_STATE = "state.pt"
_SAVE_EVERY = 100
_MEAN_DECAY = 0.995
_TAUGHT = 3000
_TEACH_AT = (0.5, 0.75)


@dataclass(frozen=True)
class TrainingOptions:
    """How long and how fast: steps, pictures a step and made for all steps, learning rate at its highest, seed."""

    steps: int = 750
    batch_size: int = 96
    made: int = 6500
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    seed: int = 0


def train(
    collection: Collection, options: TrainingOptions, folder: Path, *, until: int | None = None
) -> AnatomyNetwork:
    """Train, or go on where an earlier run in ``folder`` stopped.

    Args:
        collection: to learn from.
        options: the same as those of an earlier run.
        folder: keeps the run's state.
        until: step to stop at, to be gone on with later; by default the last one.

    Returns:
        The running mean of the network, ready for use.
    """
    torch.manual_seed(options.seed)
    network = AnatomyNetwork().to(memory_format=torch.channels_last)
    mean = AnatomyNetwork()
    mean.load_state_dict(network.state_dict())
    batches = Batches(collection, seed=options.seed, size=options.batch_size, made=options.made)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=options.steps, pct_start=0.15
    )
    first = _resume(folder / _STATE, network, mean, optimiser, schedule, batches)
    half = resolve_precision("auto") == "bf16"
    lessons = [int(share * options.steps) for share in _TEACH_AT]
    last = options.steps if until is None else until
    ends = [step for step in (*lessons, last) if first < step <= last]
    bar = tqdm(initial=first, total=options.steps, desc="training", disable=None)
    for end in ends:
        if first in lessons:
            _teach(mean, collection, batches)
        for step, batch in enumerate(batches.between(first, end), start=first):
            # Dropout of each step is the same in a run that was stopped and in one that was not.
            torch.manual_seed(options.seed * 1_000_003 + step)
            _learn(network, optimiser, batch, half=half)
            schedule.step()
            _follow(mean, network, min(_MEAN_DECAY, (step + 1) / (step + 10)))
            bar.update()
            if (step + 1) % _SAVE_EVERY == 0 or step + 1 == end:
                _save(folder / _STATE, step + 1, network, mean, optimiser, schedule, batches)
        first = end
    return mean.eval()


def _learn(network: nn.Module, optimiser: torch.optim.Optimizer, batch: Batch, *, half: bool) -> None:
    network.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        answers = network(batch.pictures.to(memory_format=torch.channels_last))
    loss = loss_of(batch, *(answer.float() for answer in answers))
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 2.0)
    optimiser.step()
    log.debug("loss %.4f", loss.item())


def loss_of(batch: Batch, masks: Tensor, kind: Tensor, pose: Tensor) -> Tensor:
    """Cross-entropies of the three answers, and the overlap (Dice) of masks that are known and not empty."""
    as_kind = functional.cross_entropy(kind, batch.kind, label_smoothing=0.02)
    as_pose = functional.cross_entropy(pose[: len(batch.pose)], batch.pose, label_smoothing=0.02)
    pixels = functional.binary_cross_entropy_with_logits(masks, batch.masks, reduction="none").mean(dim=(2, 3))
    total = batch.weights.sum().clamp(min=1)
    as_pixels = (pixels * batch.weights).sum() / total
    chests = len(batch.pose)
    drawn, known = torch.sigmoid(masks[:chests]), batch.masks[:chests]
    overlap = (2 * (drawn * known).sum(dim=(2, 3)) + 1) / ((drawn + known).sum(dim=(2, 3)) + 1)
    weights = batch.weights[:chests]
    as_overlap = ((1 - overlap) * weights).sum() / weights.sum().clamp(min=1)
    return as_kind + 0.5 * as_pose + 2 * as_pixels + 0.5 * as_overlap


@torch.no_grad()
def _follow(mean: nn.Module, network: nn.Module, decay: float) -> None:
    for kept, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


@torch.no_grad()
def _teach(mean: AnatomyNetwork, collection: Collection, batches: Batches) -> None:
    """Draw masks on frontal chests that have none: mean over the picture and its mirror image."""
    mean.eval()
    rows = batches.unmasked[:: max(1, len(batches.unmasked) // _TAUGHT)]
    for start in range(0, len(rows), 64):
        some = rows[start : start + 64]
        pictures = torch.from_numpy(collection.pictures[some][:, None]).float() / 255
        pictures = functional.interpolate(pictures, SIDE, mode="area")
        plain = torch.sigmoid(mean(pictures)[0])
        mirrored = torch.sigmoid(mean(pictures.flip(-1))[0]).flip(-1)[:, (1, 0, 2)]
        drawn = functional.interpolate((plain + mirrored) / 2, KEPT_SIDE, mode="bilinear", align_corners=False)
        # Sharpened, so that doubt at the borders does not spread from teacher to pupil.
        sharp = torch.sigmoid(2 * torch.logit(drawn, eps=1e-4))
        for row, masks in zip(some, sharp, strict=True):
            batches.taught[row] = (255 * masks).round().to(torch.uint8)


def _save(path: Path, step: int, *parts: object) -> None:
    network, mean, optimiser, schedule, batches = parts
    state = {
        "step": step,
        "network": network.state_dict(),  # type: ignore[attr-defined]
        "mean": mean.state_dict(),  # type: ignore[attr-defined]
        "optimiser": optimiser.state_dict(),  # type: ignore[attr-defined]
        "schedule": schedule.state_dict(),  # type: ignore[attr-defined]
        "taught": batches.taught,  # type: ignore[attr-defined]
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        torch.save(state, partial)


def _resume(
    path: Path,
    network: nn.Module,
    mean: nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    batches: Batches,
) -> int:
    """The step to go on with: 0 where there is no earlier run."""
    if not path.is_file():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(state["network"])
    mean.load_state_dict(state["mean"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    batches.taught = state["taught"]
    log.info("going on with step %d of %s", state["step"], path)
    return int(state["step"])
