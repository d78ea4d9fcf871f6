"""What the network is shown at each step: half frontal chests, half other pictures, most of them upside up."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core.anatomy.network import KINDS, POSES
from core.anatomy.training import drawings, other_radiographs
from core.anatomy.training.augmentation import CHEST, OTHER, moved, regreyed
from core.anatomy.training.collection import Collection

# Of a batch, in shares: frontal chests with masks (JSRT, which knows hearts, as often as the rest together), other
# frontal chests; real radiographs that are none, spoiled frontal chests, photographs, drawings and made-up radiographs.
_JSRT, _LUNGS, _CHESTS = 0.11, 0.11, 0.28
_REAL, _SPOILED, _PHOTOGRAPHS, _DRAWN, _MADE_UP = 0.18, 0.10, 0.07, 0.08, 0.07
_UPRIGHT = 0.5
# Of the pictures that are made once: those that are no radiographs, the others being made-up radiographs.
_DRAWN_OF_MADE = 0.6


@dataclass(frozen=True)
class Batch:
    """One step's pictures and what is known of them.

    Attributes:
        pictures: (N, 1, SIDE, SIDE).
        kind: (N,) index of ``KINDS``.
        pose: (F,) index of ``POSES`` for the first F pictures, which are the frontal chests.
        masks: (N, 3, SIDE, SIDE) in [0, 1].
        weights: (N, 3): how much each mask counts; 0 where it is not known.
    """

    pictures: Tensor
    kind: Tensor
    pose: Tensor
    masks: Tensor
    weights: Tensor


class Batches(Dataset["Batch"]):
    """Batches by number, the same for the same seed and number.

    Args:
        collection: pictures; only those for training are shown.
        seed: of everything random.
        size: pictures in a batch.
        made: pictures that are drawn once and shown again and again.
        taught: masks that the network itself drew, uint8 (3, 128, 128), by row of the collection.
    """

    def __init__(
        self, collection: Collection, *, seed: int, size: int, made: int, taught: dict[int, Tensor] | None = None
    ) -> None:
        self._collection, self._seed, self._size = collection, seed, size
        self._masked = {
            known: [row for row in collection.rows("train", frontal=True).tolist() if self._mask_is(row, known)]
            for known in ("heart", "lungs", "none")
        }
        others = collection.rows("train", frontal=False).tolist()
        self._photographs = [row for row in others if collection.items[row].source == "packages"]
        self._real = [row for row in others if collection.items[row].source != "packages"]
        rng = np.random.default_rng((seed, 1))
        self._drawn, _ = _bank(drawings.MAKERS, round(_DRAWN_OF_MADE * made), rng)
        self._made_up, makers = _bank(other_radiographs.MAKERS, made - len(self._drawn), rng)
        from_the_side = np.array([maker is other_radiographs.side_view for maker, _ in other_radiographs.MAKERS])
        self._made_up_kinds = np.where(from_the_side[makers], KINDS.index("lateral"), KINDS.index("other_part"))
        self.taught = taught or {}

    @property
    def unmasked(self) -> list[int]:
        """Rows of frontal chests for training whose masks nobody drew."""
        return self._masked["none"]

    def between(self, first: int, end: int) -> Iterator[Batch]:
        """Batches of these numbers, made by another process while the network learns from the one before."""
        numbers = range(first, end)
        return iter(DataLoader(self, batch_size=None, sampler=numbers, num_workers=1, prefetch_factor=3))

    def __getitem__(self, number: int) -> Batch:
        """The batch of that number."""
        rng = np.random.default_rng((self._seed, 2, number))
        random = torch.Generator().manual_seed(int(rng.integers(2**62)))
        rows = np.concatenate(
            [
                rng.choice(self._masked["heart"], self._count(_JSRT)),
                rng.choice(self._masked["lungs"], self._count(_LUNGS)),
                rng.choice(self._masked["none"], self._count(_CHESTS)),
            ]
        )
        chests, masks = moved(self._of(self._collection.pictures[rows]), self._masks(rows), CHEST, random)
        assert masks is not None
        other_pictures, other_kinds = self._others(rng)
        others, _ = moved(self._of(other_pictures), None, OTHER, random)
        pictures = regreyed(torch.cat([chests, others]), random)
        poses = np.where(rng.random(len(pictures)) < _UPRIGHT, 0, rng.integers(len(POSES), size=len(pictures)))
        pictures = torch.stack([posed(one, *POSES[pose]) for one, pose in zip(pictures, poses, strict=True)])
        weights = torch.zeros(len(pictures), 3)
        weights[: len(rows)] = torch.from_numpy(self._weights(rows, poses[: len(rows)]))
        # A picture that is no chest has no lungs, however it lies.
        weights[len(rows) :] = 0.3
        return Batch(
            pictures=pictures,
            kind=torch.from_numpy(np.concatenate([np.zeros(len(chests), dtype=np.int64), other_kinds])),
            pose=torch.from_numpy(poses[: len(rows)]),
            masks=torch.cat([masks, torch.zeros(len(others), *masks.shape[1:])]),
            weights=weights,
        )

    def _count(self, share: float) -> int:
        return round(share * self._size)

    def _mask_is(self, row: int, known: str) -> bool:
        mask = int(self._collection.mask_rows[row])
        if mask < 0:
            return known == "none"
        return known == ("heart" if self._collection.has_heart[mask] else "lungs")

    def _others(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Pictures that are no frontal chests, and their kinds."""
        pictures, items = self._collection.pictures, self._collection.items
        real = rng.choice(self._real, self._count(_REAL))
        photographs = rng.choice(self._photographs, self._count(_PHOTOGRAPHS))
        made_up = rng.integers(len(self._made_up), size=self._count(_MADE_UP))
        chests = pictures[rng.choice(self._masked["none"], self._count(_SPOILED))]
        pieces, shuffled = np.split(chests, [2 * len(chests) // 3])
        spoiled = [other_radiographs.without_lungs(chest, rng) for chest in pieces]
        spoiled += [other_radiographs.shuffled(chest, rng) for chest in shuffled]
        parts = (
            (pictures[real], [KINDS.index(items[row].kind) for row in real]),
            (self._made_up[made_up], self._made_up_kinds[made_up]),
            (np.round(255 * np.stack(spoiled)).astype(np.uint8)[: len(pieces)], [KINDS.index("piece")] * len(pieces)),
            (
                np.round(255 * np.stack(spoiled)).astype(np.uint8)[len(pieces) :],
                [KINDS.index("picture")] * len(shuffled),
            ),
            (pictures[photographs], [KINDS.index("picture")] * len(photographs)),
            (
                self._drawn[rng.integers(len(self._drawn), size=self._count(_DRAWN))],
                [KINDS.index("picture")] * self._count(_DRAWN),
            ),
        )
        return np.concatenate([part for part, _ in parts]), np.concatenate([kinds for _, kinds in parts]).astype(
            np.int64
        )

    def _masks(self, rows: npt.NDArray[np.int64]) -> Tensor:
        side = self._collection.pictures.shape[-1]
        masks = torch.zeros(len(rows), 3, side, side)
        for index, row in enumerate(rows.tolist()):
            if (mask := int(self._collection.mask_rows[row])) >= 0:
                masks[index] = torch.from_numpy(self._collection.masks[mask]).float() / 255
            elif row in self.taught:
                masks[index] = self.taught[row].float() / 255
        return masks

    def _weights(self, rows: npt.NDArray[np.int64], poses: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Masks count where the chest is upright: in use, pictures are put upright before they are asked for."""
        weights = np.zeros((len(rows), 3), dtype=np.float32)
        for index, row in enumerate(rows.tolist()):
            if poses[index] == 0:
                mask = int(self._collection.mask_rows[row])
                known_heart = self._collection.has_heart[mask] if mask >= 0 else False
                if mask >= 0:
                    weights[index] = (1, 1, float(known_heart))
                elif row in self.taught:
                    weights[index] = 0.5
        return weights

    @staticmethod
    def _of(pictures: npt.NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(pictures[:, None]).float() / 255


def posed(picture: Tensor, turns: int, negative: bool) -> Tensor:
    """A picture (..., S, S) turned by quarters, counter-clockwise, and made a negative if wanted."""
    turned = torch.rot90(picture, turns, dims=(-2, -1))
    return 1 - turned if negative else turned


def _bank(
    makers: tuple[tuple[drawings.Maker, float], ...], number: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Pictures drawn once for a whole training, and the number of each one's maker."""
    shares = np.array([share for _, share in makers])
    chosen = rng.choice(len(makers), number, p=shares / shares.sum())
    return np.stack([np.round(255 * makers[maker][0](rng)).astype(np.uint8) for maker in chosen]), chosen
