"""Training images: read and brought to size once where memory allows, augmented, drawn in a reproducible order."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from core.anatomy import upright
from core.classifier.preprocessing import Frame, Preprocessing
from core.classifier.training.attention import boxes_by_row, draw_boxes, regions_of
from core.classifier.training.distillation import Teacher
from core.datasets.augmentation import seed_augmentation, training_augmentation
from core.findings import LABELS
from core.imaging.reader import read_radiograph

# Collections up to this many bytes are held in memory; larger ones are read again in every epoch.
HELD_IN_MEMORY = 4 * 2**30
_MOST_OFTEN = 10.0


# Images, labels, the teacher's logits with their weights, and regions of boxes.
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class TrainingImages(Dataset[Batch]):
    """Canonical images with their labels and the regions of their boxes; augmented when a seed is set.

    Augmentation is seeded by epoch and row, so that a resumed epoch sees the same pictures as an uninterrupted one,
    whatever the number of loader processes.

    Args:
        table: rows with ``image_path`` and the 14 labels.
        preprocessing: how pixels become network input.
        name: word for the progress bar.
        boxes: radiologists' boxes around findings (``core.datasets.load_boxes``), or None.

    Raises:
        ValueError: there are boxes, but none of these images has one.
    """

    def __init__(
        self, table: pd.DataFrame, preprocessing: Preprocessing, *, name: str, boxes: pd.DataFrame | None = None
    ) -> None:
        self.paths = table["image_path"].tolist()
        self.labels = torch.tensor(table[list(LABELS)].to_numpy(dtype=np.float32))
        self.lessons = torch.empty(len(table), 0)  # (N, 2, 14): targets and trust of a ``Lesson``
        self.preprocessing = preprocessing
        self.boxes = None if boxes is None else boxes_by_row(table, boxes)
        self.augmentation: Any = None
        self.epoch_seed = 0
        side = preprocessing.image_size
        self.held: np.ndarray | None = None
        self.frames: list[Frame] = []
        if len(table) * side * side <= HELD_IN_MEMORY:
            self.held = np.empty((len(table), side, side), dtype=np.uint8)
            for row in tqdm(range(len(table)), desc=f"reading {name} images", unit="img", disable=None):
                self.held[row], frame = self._read(row)
                self.frames.append(frame)

    def _read(self, row: int) -> tuple[np.ndarray, Frame]:
        radiograph = upright(read_radiograph(Path(self.paths[row]).read_bytes()))
        square, frame = self.preprocessing.canonical(radiograph.pixels)
        return np.round(square * 255).astype(np.uint8), frame

    def augment(self, *, seed: int, epoch: int) -> None:
        """Turn augmentation on for one epoch."""
        self.augmentation = training_augmentation()
        self.epoch_seed = seed * 100_003 + epoch

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Batch:
        """Image (1, S, S), labels (14,), the teacher's logits and weights (2, 14), and regions (14, g, g) of boxes.

        The last two are empty where no teacher and no boxes were given.
        """
        image, frame = self._read(row) if self.held is None else (self.held[row], self.frames[row])
        boxes = [] if self.boxes is None else self.boxes.get(row, [])
        masks = draw_boxes(boxes, frame, len(image))
        if self.augmentation is not None:
            seed_augmentation(self.augmentation, (self.epoch_seed * 1_000_003 + row) % 2**32)
            # Boxes move with the picture; what the augmentation draws at random does not depend on them.
            moved = self.augmentation(image=image[..., None], **({"mask": masks} if boxes else {}))
            image = moved["image"].reshape(image.shape)
            masks = moved.get("mask", masks)
        scaled = np.asarray(image, dtype=np.float32) / np.float32(255)
        regions = torch.empty(0) if self.boxes is None else regions_of(boxes, masks)
        return torch.from_numpy(self.preprocessing.normalise(scaled)), self.labels[row], self.lessons[row], regions


def epoch_steps(count: int, step_size: int) -> int:
    """Optimiser steps an epoch: whole ones only, and one at least."""
    return max(1, count // step_size)


def draw_epoch(labels: torch.Tensor, *, step_size: int, seed: int, epoch: int, balanced: bool) -> list[list[int]]:
    """The rows of each optimiser step of an epoch, the same for every number of processes and every resumed run.

    Args:
        labels: (N, 14) of 0, 1 or NaN.
        step_size: images a step.
        seed, epoch: decide the order.
        balanced: draw with replacement, each image in proportion to the rarity of its rarest finding.
    """
    generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
    if balanced:
        order = torch.multinomial(sampling_weights(labels), len(labels), replacement=True, generator=generator)
    else:
        order = torch.randperm(len(labels), generator=generator)
    rows = order.tolist()
    return [rows[step * step_size : (step + 1) * step_size] for step in range(epoch_steps(len(rows), step_size))]


def sampling_weights(labels: torch.Tensor) -> torch.Tensor:
    """Weight (N,) of each image: that of its rarest finding, by the root of its rarity; 1 without findings."""
    positives = torch.nansum(labels, dim=0).clamp(min=1)
    rarity = torch.sqrt(positives.max() / positives).clamp(max=_MOST_OFTEN)
    present = torch.nan_to_num(labels) > 0.5
    return torch.where(present, rarity, torch.ones_like(rarity)).amax(dim=1)


class ShareOfSteps:
    """Batch sampler: what one of several processes forwards, in micro-batches, over the steps of an epoch.

    Args:
        steps: rows of each step over all processes.
        parts: micro-batches a step.
        process, processes: which of how many.
    """

    def __init__(self, steps: list[list[int]], *, parts: int, process: int, processes: int) -> None:
        self.batches = [
            micro for rows in steps for micro in np.array_split(np.array(rows[process::processes], dtype=int), parts)
        ]

    def __iter__(self) -> Iterator[list[int]]:
        return (batch.tolist() for batch in self.batches)

    def __len__(self) -> int:
        return len(self.batches)


@contextmanager
def loaded(
    images: TrainingImages, steps: list[list[int]], *, parts: int, process: int, processes: int, workers: int
) -> Iterator[Iterator[Batch]]:
    """The micro-batches of one process over an epoch, read by ``workers`` processes that end with the context.

    A loader's processes otherwise live as long as anything refers to them, such as the traceback of an error.
    """

    def batches() -> Generator[Batch]:
        sampler = ShareOfSteps(steps, parts=parts, process=process, processes=processes)
        yield from DataLoader(images, batch_sampler=sampler, num_workers=workers)

    with closing(batches()) as reading:
        yield reading


def soften(table: pd.DataFrame, teacher: Teacher) -> np.ndarray:
    """Targets (N, 14): the labels, averaged with the teacher's probability where it has one; unknown stays unknown."""
    labels = table[list(LABELS)].to_numpy(dtype=np.float32)
    probabilities = teacher.probabilities[list(LABELS)].reindex(table["image_path"]).to_numpy(dtype=np.float32)
    known = np.isfinite(probabilities)
    return np.where(known, (labels + probabilities) / 2, labels)
