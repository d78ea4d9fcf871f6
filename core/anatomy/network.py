"""The small network that looks at a picture before it is judged: a U-Net with a head for the picture as a whole.

It sees a picture of ``SIDE`` x ``SIDE`` grey values and answers with masks of right lung, left lung and heart, with
what the picture shows (``KINDS``), and with how it lies (``POSES``). U-Net: Ronneberger et al.,
MICCAI 2015. Needs PyTorch; serving goes through ONNX Runtime (``core.anatomy.look``).
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

# Side of the network's picture, in pixels.
SIDE = 64
MASKS: tuple[str, ...] = ("right_lung", "left_lung", "heart")
# What a picture shows: a frontal chest, a chest from the side, another part of the body, a piece of a chest that lacks
# the lungs or most of them, or no radiograph at all.
KINDS: tuple[str, ...] = ("frontal", "lateral", "other_part", "piece", "picture")
# Quarter turns, counter-clockwise, that were done to an upright picture, and whether it was then made a negative.
POSES: tuple[tuple[int, bool], ...] = tuple((turns, negative) for negative in (False, True) for turns in range(4))

_WIDTHS = (16, 32, 56, 80)
_HEAD_WIDTH = 16


class AnatomyNetwork(nn.Module):
    """Pictures (N, 1, S, S) to ``masks`` (N, 3, S, S), ``kind`` (N, 5) and ``pose`` (N, 8), all logits."""

    def __init__(self, *, drop_rate: float = 0.2) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(1, _WIDTHS[0], 5, stride=2, padding=2, bias=False), *_ends(_WIDTHS[0]))
        deeper = [_block(a, b, layers=2) for a, b in pairwise(_WIDTHS)]
        self.down = nn.ModuleList([nn.Sequential(stem, _block(_WIDTHS[0], _WIDTHS[0], layers=1)), *deeper])
        coarse_to_fine = zip(_WIDTHS[:0:-1], _WIDTHS[-2::-1], strict=True)
        self.up = nn.ModuleList(_block(coarse + fine, fine, layers=1) for coarse, fine in coarse_to_fine)
        # Four values for each position of the finest map, which has half the picture's resolution.
        self.masks = nn.Sequential(nn.Conv2d(_WIDTHS[0], 4 * len(MASKS), 1), nn.PixelShuffle(2))
        # Where something lies tells how the picture is turned, so the head keeps the coarsest map's positions.
        self.narrow = _block(_WIDTHS[-1], _HEAD_WIDTH, layers=1)
        cells = (SIDE // 2 ** len(_WIDTHS)) ** 2
        self.head = nn.Sequential(
            nn.Dropout(drop_rate),
            nn.Linear(_HEAD_WIDTH * cells + _WIDTHS[-1], 64),
            nn.ReLU(inplace=True),
            nn.Linear(64, len(KINDS) + len(POSES)),
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All three answers."""
        levels = []
        x = picture
        for index, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if index else x)
            levels.append(x)
        described = torch.cat([self.narrow(x).flatten(1), x.mean(dim=(2, 3))], dim=1)
        answers = self.head(described)
        for block, fine in zip(self.up, levels[-2::-1], strict=True):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([x, fine], dim=1))
        return self.masks(x), answers[:, : len(KINDS)], answers[:, len(KINDS) :]


def _block(inputs: int, outputs: int, *, layers: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for width in (inputs, *[outputs] * (layers - 1)):
        parts += [nn.Conv2d(width, outputs, 3, padding=1, bias=False), *_ends(outputs)]
    return nn.Sequential(*parts)


def _ends(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(width), nn.ReLU(inplace=True)
