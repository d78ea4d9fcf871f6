"""Other looks of the same picture, made in batches: position, greys, sharpness, grain, markers.

Radiographs of one collection look alike. What a network learns from hearts that are known in one collection only must
not rest on that look, so greys are bent at random.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from core.anatomy.network import SIDE

_KNOTS = 6
_SAMPLED = 2048


@dataclass(frozen=True)
class Geometry:
    """How far pictures may be moved: largest turn in degrees, shift in shares of the side, zoom and stretch factors."""

    turn: float = 14.0
    shift: float = 0.10
    zoom_out: float = 1.7
    zoom_in: float = 1.2
    stretch: float = 1.25
    mirrored: float = 0.15


CHEST = Geometry()
OTHER = Geometry(turn=25.0, shift=0.12, zoom_out=1.3, zoom_in=1.7, stretch=1.3, mirrored=0.5)


def moved(
    pictures: Tensor, masks: Tensor | None, how: Geometry, random: torch.Generator
) -> tuple[Tensor, Tensor | None]:
    """Turn, shift, scale, stretch and mirror.

    Args:
        pictures: (N, 1, H, W).
        masks: (N, 3, H, W) of right lung, left lung, heart; a mirrored chest swaps the lungs' names.

    Returns:
        Both at (N, ., SIDE, SIDE).
    """
    n = len(pictures)
    angle = torch.deg2rad(_between(-how.turn, how.turn, n, random))
    zoom = torch.exp(_between(-_log(how.zoom_in), _log(how.zoom_out), n, random))
    stretch = torch.exp(_between(-_log(how.stretch), _log(how.stretch), n, random))
    mirror = torch.where(torch.rand(n, generator=random) < how.mirrored, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    shift = _between(-2 * how.shift, 2 * how.shift, 2 * n, random).reshape(n, 2)
    rows = [
        torch.stack([mirror * cos * stretch, -mirror * sin * stretch, shift[:, 0]], dim=1),
        torch.stack([sin / stretch, cos / stretch, shift[:, 1]], dim=1),
    ]
    grid = functional.affine_grid(torch.stack(rows, dim=1), [n, 1, SIDE, SIDE], align_corners=False)
    black = torch.rand(n, generator=random)[:, None, None, None] < 0.6
    inside = functional.grid_sample(pictures, grid, padding_mode="zeros", align_corners=False)
    repeated = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    result = torch.where(black, inside, repeated)
    if masks is None:
        return result, None
    swapped = torch.where((mirror < 0)[:, None, None, None], masks[:, (1, 0, 2)], masks)
    return result, functional.grid_sample(swapped, grid, padding_mode="zeros", align_corners=False)


def regreyed(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Bend the greys, light them unevenly, blur or sharpen, add grain and markers; then stretch them as in use.

    Args:
        pictures: (N, 1, SIDE, SIDE) in [0, 1].
    """
    n = len(pictures)

    def chosen(share: float) -> Tensor:
        return (torch.rand(n, generator=random) < share)[:, None, None, None]

    x = torch.where(chosen(0.75), _bent(pictures, random), pictures)
    wide = _blurred(_blurred(x, 7), 7)
    x = torch.where(chosen(0.4), x + _column(_between(0.2, 2.0, n, random)) * (x - wide), x)
    x = torch.where(chosen(0.35), _mixed(x, _blurred(x, 3), _column(_between(0, 1, n, random))), x)
    x = torch.where(chosen(0.1), _blurred(_blurred(x, 5), 3), x)
    line = torch.linspace(-1, 1, SIDE)
    slopes = _column(_between(-0.3, 0.3, n, random)) * line, _column(_between(-0.3, 0.3, n, random)) * line[:, None]
    x = torch.where(chosen(0.3), x * (1 + slopes[0] + slopes[1]), x)
    grain = torch.randn(x.shape, generator=random) * _column(_between(0.0, 0.08, n, random))
    x = torch.where(chosen(0.5), x + grain, x)
    return _stretched(_marked(x, random), random)


def _bent(x: Tensor, random: torch.Generator) -> Tensor:
    """A rising curve with random knots for each picture."""
    n = len(x)
    steps = torch.rand((n, _KNOTS), generator=random) ** 1.5 + 0.08
    knots = functional.pad(steps.cumsum(dim=1) / steps.sum(dim=1, keepdim=True), (1, 0))
    place = x.clamp(0, 1) * _KNOTS
    low = place.floor().clamp(max=_KNOTS - 1)
    index = low.long().flatten(1)
    below, above = knots.gather(1, index), knots.gather(1, index + 1)
    return (below + (place - low).flatten(1) * (above - below)).reshape(x.shape)


def _marked(x: Tensor, random: torch.Generator) -> Tensor:
    """Letters and plates: small bright or dark boxes in some pictures."""
    x = x.clone()
    for row in torch.nonzero(torch.rand(len(x), generator=random) < 0.25)[:, 0].tolist():
        height, width = torch.randint(3, 16, (2,), generator=random).tolist()
        top, left = torch.randint(0, SIDE - 16, (2,), generator=random).tolist()
        x[row, :, top : top + height, left : left + width] = float(torch.rand(1, generator=random) > 0.4)
    return x


def _stretched(x: Tensor, random: torch.Generator) -> Tensor:
    """Between the 1st and the 99th percentile, or tighter at times: detectors clip, and files are windowed."""
    n = len(x)
    sample = x.flatten(1)[:, torch.randint(0, SIDE * SIDE, (_SAMPLED,), generator=random)].sort(dim=1).values
    tight = torch.rand(n, generator=random) < 0.3
    low = torch.where(tight, _between(0.0, 0.12, n, random), torch.tensor(0.01))
    high = torch.where(tight, _between(0.85, 1.0, n, random), torch.tensor(0.99))
    dark = sample.gather(1, (low * (_SAMPLED - 1)).long()[:, None])[:, :, None, None]
    bright = sample.gather(1, (high * (_SAMPLED - 1)).long()[:, None])[:, :, None, None]
    return ((x - dark) / (bright - dark).clamp(min=1e-3)).clamp(0, 1)


def _between(low: float, high: float, n: int, random: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=random)


def _column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _log(value: float) -> float:
    return float(torch.log(torch.tensor(value)))


def _mixed(a: Tensor, b: Tensor, share: Tensor) -> Tensor:
    return a + share * (b - a)


def _blurred(x: Tensor, width: int) -> Tensor:
    return functional.avg_pool2d(functional.pad(x, [width // 2] * 4, mode="replicate"), width, stride=1)
