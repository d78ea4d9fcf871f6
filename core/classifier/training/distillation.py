"""Distillation: a second head learns another model's logits and joins the head that learns the labels.

A teacher's probabilities of 0.001 and 0.01 teach a loss on probabilities nothing, although they tell apart what the
teacher has seen: logits, brought to one spread, are matched instead (Ba and Caruana, NIPS 2014). Both heads are linear
on the same features, so that their mean is one linear head, and the checkpoint needs no second one.
"""

import copy
from collections.abc import Callable
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from core.classifier.heatmaps import evidence_in, last_features, linear_head
from core.findings import LABELS

# What the teacher's head counts for in the mean, beside 1 for the head of the labels.
TEACHER_SHARE = 2.0
_LEAST = 1e-6


class Lesson(NamedTuple):
    """What a teacher says of a table's images.

    Attributes:
        targets: (N, 14) logits less their mean, over their spread, each of a label's known ones; NaN where unknown.
        mean, spread: (14,) of the logits.
        share: (14,) weight of the teacher's head in the mean of both; 0 for labels of which the teacher knows nothing.
    """

    targets: Tensor
    mean: Tensor
    spread: Tensor
    share: Tensor


def merge_teachers(teachers: list[pd.DataFrame]) -> pd.DataFrame:
    """One teacher of several: each tells what those before it leave open.

    A label's logits of a later teacher are brought to the mean and the spread that those before it have on the images
    that both know, so that all speak on one scale; where fewer than two are known to both, they stay as they are.

    Args:
        teachers: probabilities of the 14 labels, with ``study_id`` as index; one or more.

    Returns:
        The same of all images that any of them has.
    """
    merged = _logits(teachers[0])
    for teacher in map(_logits, teachers[1:]):
        for label in LABELS:
            both = pd.concat([merged[label], teacher[label]], axis=1, join="inner").dropna().to_numpy()
            if len(both) > 1:
                (mean, own_mean), (spread, own_spread) = both.mean(axis=0), both.std(axis=0)
                teacher[label] = (teacher[label] - own_mean) / max(own_spread, _LEAST) * spread + mean
        merged = merged.combine_first(teacher)
    return (1 / (1 + np.exp(-merged)))[list(LABELS)]


def lesson_of(table: pd.DataFrame, teacher: pd.DataFrame) -> Lesson:
    """The lesson for the rows of a table.

    Args:
        table: with ``study_id``.
        teacher: probabilities of the 14 labels, with ``study_id`` as index.

    Raises:
        ValueError: the teacher has none of the images.
    """
    values = _logits(teacher).reindex(table["study_id"]).to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("The teacher's predictions cover none of the training images.")
    logits = np.ma.masked_array(values, mask=~known)
    mean, spread = logits.mean(axis=0), np.ma.maximum(logits.std(axis=0), _LEAST)
    targets = ((logits - mean) / spread).filled(np.nan)
    parts = (targets, mean.filled(0), spread.filled(0), TEACHER_SHARE * known.any(axis=0))
    return Lesson(*(torch.tensor(part, dtype=torch.float32) for part in parts))


def _logits(probabilities: pd.DataFrame) -> pd.DataFrame:
    """Logits of the 14 labels, finite where a probability is known."""
    clipped = probabilities[list(LABELS)].astype(float).clip(_LEAST, 1 - _LEAST)
    return np.log(clipped / (1 - clipped))


class Pupil(nn.Module):
    """A network with a second head beside its own.

    Args:
        network: a timm model with a linear head (``core.classifier.heatmaps.has_linear_head``).
        lesson: what the second head learns.
    """

    mean: Tensor
    spread: Tensor
    share: Tensor

    def __init__(self, network: nn.Module, lesson: Lesson) -> None:
        super().__init__()
        self.network = network
        self.imitation = nn.Linear(linear_head(network).in_features, len(LABELS))
        for name in ("mean", "spread", "share"):
            self.register_buffer(name, getattr(lesson, name))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images (N, C, S, S) to logits (N, 14), evidence (N, 14, h, w) and the teacher's logits (N, 14).

        The last are on the scale of ``Lesson.targets``.
        """
        features = last_features(self.network, x)
        averaged = cast(Callable[..., Tensor], self.network.forward_head)(features, pre_logits=True)
        return *evidence_in(self.network, features), self.imitation(averaged)

    def joined(self) -> nn.Module:
        """A copy of the network whose one head gives the weighted mean of the labels' and the teacher's logits."""
        network = copy.deepcopy(self.network)
        head = linear_head(network)
        weight, bias = self.imitation.weight, self.imitation.bias
        part = self.share / (1 + self.share)
        with torch.no_grad():
            head.weight.lerp_(weight * self.spread[:, None], part[:, None])
            head.bias.lerp_(bias * self.spread + self.mean, part)
        return network


def imitation_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over all entries that the teacher knows of the smooth L1 distance (Huber's), over the 14 labels.

    Args:
        logits: (N, 14), the last output of ``Pupil``.
        targets: (N, 14), NaN where the teacher says nothing.
    """
    known = ~torch.isnan(targets)
    distances = smooth_l1_loss(logits, torch.where(known, targets, 0.0), reduction="none")
    return (distances * known).sum() / len(LABELS)
