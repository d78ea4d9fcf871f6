"""Distillation: a second head learns another model's logits and joins the head that learns the labels.

A teacher's probabilities of 0.001 and 0.01 teach a loss on probabilities nothing, although they tell apart what the
teacher has seen: logits, brought to one spread, are matched instead (Ba and Caruana, NIPS 2014). Both heads are linear
on the same features, so that their mean is one linear head, and the checkpoint needs no second one.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import smooth_l1_loss

from core.classifier.errors import TrainingError
from core.classifier.feature_maps import last_features
from core.classifier.heatmaps import evidence_in, linear_head
from core.findings import LABELS

# What the teacher's head counts for in the mean, beside 1 for the head of the labels.
TEACHER_SHARE = 2.0
_LEAST = 1e-6

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Teacher:
    """What other models say of some of the images.

    Attributes:
        probabilities: of the 14 labels, with ``image_path`` as index; NaN where nothing is known.
        trust: how much each of them counts, in (0, 1], of the same shape; None where all count alike.
    """

    probabilities: pd.DataFrame
    trust: pd.DataFrame | None = None


class Lesson(NamedTuple):
    """What a teacher says of a table's images.

    Attributes:
        targets: (N, 14) logits less their mean, over their spread, each of a label's known ones; NaN where unknown.
        trust: (N, 14) how much each target counts, with a mean of 1 over the known ones.
        mean, spread: (14,) of the logits.
        share: (14,) weight of the teacher's head in the mean of both; 0 for labels of which the teacher knows nothing.
    """

    targets: Tensor
    trust: Tensor
    mean: Tensor
    spread: Tensor
    share: Tensor


def merge_teachers(teachers: Sequence[pd.DataFrame], weights: Sequence[float] | None = None) -> Teacher:
    """One teacher of several: the weighted mean of the logits of those that know an image.

    A later teacher's logits of a label are first brought to the mean and the spread that the mean of those before it
    has on the images that both know, so that all speak on one scale, whatever prevalence each was trained at; where
    fewer than two are known to both, they stay as they are.

    Where teachers disagree, at most one of them is right, and their mean counts less: by ``1 / (1 + s^2)``, where s is
    their standard deviation as a share of the label's spread over images. What one teacher alone says counts like the
    average of what several say.

    Args:
        teachers: probabilities of the 14 labels, with ``image_path`` as index; one or more.
        weights: of each teacher, above 0; alike by default.
    """
    index = teachers[0].index
    for teacher in teachers[1:]:
        index = index.union(teacher.index, sort=False)
    total, squares, mass = (np.zeros((len(index), len(LABELS))) for _ in range(3))
    count = np.zeros_like(mass)
    for teacher, weight in zip(teachers, weights or [1.0] * len(teachers), strict=True):
        logits = _logits(teacher).reindex(index).to_numpy()
        mean = np.where(count > 0, total / np.maximum(mass, _LEAST), np.nan)
        logits = _on_scale_of(mean, logits)
        known = np.isfinite(logits)
        logits = np.where(known, logits, 0.0)
        total += weight * logits
        squares += weight * logits**2
        mass += weight * known
        count += known
    mean = np.where(count > 0, total / np.maximum(mass, _LEAST), np.nan)
    variance = np.maximum(squares / np.maximum(mass, _LEAST) - np.nan_to_num(mean) ** 2, 0.0)
    spread = np.ma.masked_invalid(mean).var(axis=0).filled(1.0)
    agreement = np.ma.masked_where(count < 2, 1 / (1 + variance / np.maximum(spread, _LEAST)))
    trust = np.where(count < 2, agreement.mean(axis=0).filled(1.0), agreement.data)
    return Teacher(
        pd.DataFrame(1 / (1 + np.exp(-mean)), index=index, columns=list(LABELS)),
        pd.DataFrame(trust, index=index, columns=list(LABELS)),
    )


def _on_scale_of(reference: FloatArray, logits: FloatArray) -> FloatArray:
    """Logits (N, 14) with the reference's mean and spread, a label at a time, over the rows that both know."""
    both = np.isfinite(reference) & np.isfinite(logits)
    result = logits.copy()
    for column in range(logits.shape[1]):
        rows = both[:, column]
        if rows.sum() > 1:
            theirs, own = reference[rows, column], logits[rows, column]
            result[:, column] = (logits[:, column] - own.mean()) / max(own.std(), _LEAST) * theirs.std() + theirs.mean()
    return result


def lesson_of(table: pd.DataFrame, teacher: Teacher) -> Lesson:
    """The lesson for the rows of a table.

    Args:
        table: with ``image_path``.
        teacher: what is known of its images.

    Raises:
        TrainingError: the teacher has none of the images.
    """
    values = _logits(teacher.probabilities).reindex(table["image_path"]).to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    if not known.any():
        raise TrainingError("The teacher's predictions cover none of the training images.")
    logits = np.ma.masked_array(values, mask=~known)
    mean, spread = logits.mean(axis=0), np.ma.maximum(logits.std(axis=0), _LEAST)
    targets = ((logits - mean) / spread).filled(np.nan)
    trust = np.ones_like(values)
    if teacher.trust is not None:
        trust = teacher.trust[list(LABELS)].reindex(table["image_path"]).to_numpy(dtype=np.float64)
        trust = np.where(known, trust / trust[known].mean(), 1.0)
    parts = (targets, trust, mean.filled(0), spread.filled(0), TEACHER_SHARE * known.any(axis=0))
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
        features = cast(Tensor, last_features(self.network, x))
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


def imitation_loss(logits: Tensor, targets: Tensor, trust: Tensor) -> Tensor:
    """Sum over all entries that the teacher knows of the weighted smooth L1 distance (Huber's), over the 14 labels.

    Args:
        logits: (N, 14), the last output of ``Pupil``.
        targets: (N, 14), NaN where the teacher says nothing.
        trust: (N, 14) weight of each target.
    """
    known = ~torch.isnan(targets)
    distances = smooth_l1_loss(logits, torch.where(known, targets, 0.0), reduction="none")
    return (distances * known * trust).sum() / len(LABELS)
