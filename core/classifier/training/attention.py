"""Attention supervision: radiologists' boxes teach the network where a finding's evidence should lie."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from core.classifier.errors import TrainingError
from core.classifier.heatmaps import evidence_maps
from core.classifier.preprocessing import Frame
from core.datasets import EDGES
from core.findings import LABELS

# Regions are kept this much coarser than the image; backbones reduce it by 32.
_STRIDE = 16

# Column of the label, and left, top, right, bottom as fractions of the radiograph.
Box = tuple[int, float, float, float, float]


def boxes_by_row(table: pd.DataFrame, boxes: pd.DataFrame) -> dict[int, list[Box]]:
    """The boxes of each row of a table that has any.

    Raises:
        TrainingError: none of the rows has a box.
    """
    columns = {label: column for column, label in enumerate(LABELS)}
    of_study: dict[str, list[Box]] = {}
    for study, label, *edges in boxes[["study_id", "label", *EDGES]].itertuples(index=False):
        left, top, right, bottom = edges
        of_study.setdefault(study, []).append((columns[label], left, top, right, bottom))
    found = {row: of_study[study] for row, study in enumerate(table["study_id"]) if study in of_study}
    if not found:
        raise TrainingError("The boxes cover none of the training images.")
    return found


def draw_boxes(boxes: list[Box], frame: Frame, side: int) -> np.ndarray:
    """Masks (side, side, K) of 0 and 255, one for each box, over the network's square input."""
    masks = np.zeros((side, side, len(boxes)), dtype=np.uint8)
    for number, (_, left, top, right, bottom) in enumerate(boxes):
        x = [round((frame.left + edge * (frame.right - frame.left)) * side) for edge in (left, right)]
        y = [round((frame.top + edge * (frame.bottom - frame.top)) * side) for edge in (top, bottom)]
        masks[y[0] : max(y[1], y[0] + 1), x[0] : max(x[1], x[0] + 1), number] = 255
    return masks


def regions_of(boxes: list[Box], masks: np.ndarray) -> Tensor:
    """Share (14, side/16, side/16) of each cell that a label's boxes cover; zeros for labels without a box."""
    side = max(1, masks.shape[0] // _STRIDE)
    regions = torch.zeros(len(LABELS), side, side)
    small = adaptive_avg_pool2d(torch.from_numpy(masks).permute(2, 0, 1).float() / 255, side)
    for (column, *_), region in zip(boxes, small, strict=True):
        regions[column] = torch.maximum(regions[column], region)
    return regions


class WithEvidence(nn.Module):
    """A network that also returns what each position of its last feature map adds to each logit.

    Args:
        network: a timm model with a linear head (``core.classifier.heatmaps.has_linear_head``).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, C, S, S) to logits (N, 14) and evidence (N, 14, h, w)."""
        return evidence_maps(self.network, x)


def attention_loss(evidence: Tensor, regions: Tensor) -> Tensor:
    """Sum over all boxed findings of ``-log`` of the share of attention that lies in their boxes.

    Attention is the softmax of a label's evidence over all positions, so that the loss asks for the peak of the map to
    lie in the box and says nothing of the logit, on which the label itself is the judge.

    Args:
        evidence: (N, 14, h, w).
        regions: (N, 14, g, g) share of each cell covered; a label whose region is empty does not count.
    """
    inside = adaptive_avg_pool2d(regions, (evidence.shape[2], evidence.shape[3])).flatten(2)
    attention = torch.log_softmax(evidence.float().flatten(2), dim=-1)
    boxed = inside.amax(dim=-1) > 0
    return -torch.logsumexp(attention[boxed] + inside[boxed].log(), dim=-1).sum()
