"""The look at a picture: the network's answers on the picture in eight poses, brought together.

Each of the four quarter turns, as it is and as a negative, is shown to the network. A pose that the picture truly has
must be confirmed by what the network says of all eight, so that one wrong answer does not turn a picture over. Then the
picture, put upright, and its mirror image give the masks. ONNX Runtime computes; PyTorch is not needed.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.anatomy.anatomy import Anatomy
from core.anatomy.organs import are_pair, cardiothoracic, is_heart, is_lung, largest_part, outline
from core.anatomy.pictures import FloatArray, small_picture
from core.errors import ChestLensError
from core.settings import ROOT

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SHIPPED = ROOT / "core" / "checkpoints" / "anatomy"
CONFIG, WEIGHTS = "config.json", "model.safetensors"
ANSWERS: dict[str, tuple[str, ...]] = {"kind_and_pose.onnx": ("kind", "pose"), "masks.onnx": ("masks",)}
"""What each file of the network answers. ONNX Runtime computes all answers of a file whichever are wanted of it, and
the masks of all eight poses would take two thirds of a look."""

# Probability from which the first look at a chest's pose is believed.
_CLEARLY = 0.9


class AnatomyError(ChestLensError):
    """The anatomy network cannot be opened."""


@dataclass(frozen=True)
class Config:
    """What belongs to the weights.

    Attributes:
        version: of the weights.
        side: of the network's picture, in pixels.
        kinds, poses, masks: meaning of its answers, in order; a pose is a number of quarter turns and whether the
            picture was a negative.
        accept_from: frontal probability from which a picture is accepted.
        refuse_below: frontal probability below which it is refused.
    """

    version: str
    side: int
    kinds: tuple[str, ...]
    poses: tuple[tuple[int, bool], ...]
    masks: tuple[str, ...]
    accept_from: float
    refuse_below: float

    @classmethod
    def read(cls, folder: Path) -> "Config":
        """Read the configuration of a checkpoint.

        Raises:
            AnatomyError: it is missing or not as expected.
        """
        try:
            stored = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            poses = tuple((int(turns), bool(negative)) for turns, negative in stored["poses"])
            return cls(
                **{
                    **{name: stored[name] for name in ("version", "side", "accept_from", "refuse_below")},
                    "kinds": tuple(stored["kinds"]),
                    "poses": poses,
                    "masks": tuple(stored["masks"]),
                }
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AnatomyError(f"{folder} holds no usable anatomy network; install ChestLens again.") from error


class Looker:
    """The network of one folder, for any number of threads.

    Args:
        folder: checkpoint with ``config.json`` and the files of ``ANSWERS``.

    Raises:
        AnatomyError: the configuration cannot be read.
    """

    def __init__(self, folder: Path = SHIPPED) -> None:
        self.config = Config.read(folder)
        self._kind_and_pose, self._masks = (folder / name for name in ANSWERS)

    @cached_property
    def _judging(self) -> "InferenceSession":
        return _session(self._kind_and_pose)

    @cached_property
    def _outlining(self) -> "InferenceSession":
        return _session(self._masks)

    def look(self, pixels: npt.NDArray[Any], *, outlines: bool = True) -> Anatomy:
        """Look at a picture.

        Args:
            pixels: (H, W) on any linear grey scale.
            outlines: of lungs and heart, too, which take as long as all the rest.
        """
        picture = small_picture(pixels, self.config.side)
        kinds, poses = self._judge(picture)
        turns, inverted = self.config.poses[self._pose(poses)]
        probabilities = _softmax(kinds.mean(axis=0))
        frontal = float(probabilities[self.config.kinds.index("frontal")])
        # What may be no chest has no lungs to speak of.
        shown = outlines and frontal >= self.config.accept_from
        organs = self._organs(posed(picture, -turns, inverted)) if shown else {}
        kind = self.config.kinds[int(probabilities.argmax())]
        return Anatomy(round(frontal, 4), kind, 90 * turns, inverted, **organs)

    def pose(self, pixels: npt.NDArray[Any]) -> tuple[int, bool]:
        """By how many degrees a chest lies turned, counter-clockwise, and whether it is a negative.

        One answer is enough where it says clearly that the chest lies as it should, as nearly all do.
        """
        picture = small_picture(pixels, self.config.side)
        _, said = _answers(self._judging, picture[None])
        if _softmax(said[0])[0] >= _CLEARLY:
            return 0, False
        turns, negative = self.config.poses[self._pose(self._judge(picture)[1])]
        return 90 * turns, negative

    def masks(self, picture: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Masks (3, S, S) in [0, 1] of a small upright picture, from itself and from its mirror image."""
        (logits,) = _answers(self._outlining, np.stack([picture, picture[:, ::-1]]))
        plain, mirrored = 1 / (1 + np.exp(-logits))
        return plain, mirrored[[1, 0, 2], :, ::-1]

    def _judge(self, picture: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log-odds of kinds (8, K) and log-probabilities of poses (8, 8), for the picture in each pose."""
        shown = np.stack([posed(picture, turns, negative) for turns, negative in self.config.poses])
        kinds, poses = _answers(self._judging, shown)
        poses = poses - poses.max(axis=1, keepdims=True)
        return kinds, poses - np.log(np.exp(poses).sum(axis=1, keepdims=True))

    def _pose(self, said: FloatArray) -> int:
        """The pose that explains best what was said of the picture in all poses."""
        number = {pose: index for index, pose in enumerate(self.config.poses)}
        support = [
            sum(
                said[shown, number[(turns + more) % 4, negative != negated]]
                for shown, (more, negated) in enumerate(self.config.poses)
            )
            for turns, negative in self.config.poses
        ]
        return int(np.argmax(support))

    def _organs(self, upright: FloatArray) -> dict[str, Any]:
        plain, mirrored = self.masks(upright)
        mean = (plain + mirrored) / 2
        found: dict[str, Any] = {}
        right, left, heart = (largest_part(mask) for mask in mean)
        if not (is_lung(plain[0], mirrored[0]) and is_lung(plain[1], mirrored[1]) and are_pair(right, left)):
            return found
        found |= {"right_lung": outline(right), "left_lung": outline(left)}
        if is_heart(plain[2], mirrored[2]):
            found |= {"heart": outline(heart), "cardiothoracic": cardiothoracic(right, left, heart)}
        return found


def _session(path: Path) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a type of its own for each cause
        raise AnatomyError(f"{path} cannot be read ({type(error).__name__}); install it again.") from error


def _answers(session: "InferenceSession", pictures: FloatArray) -> list[FloatArray]:
    """All answers of a file on pictures (N, S, S)."""
    return list(session.run(None, {"picture": np.ascontiguousarray(pictures[:, None], dtype=np.float32)}))


def posed(picture: npt.NDArray[Any], turns: int, negative: bool) -> npt.NDArray[Any]:
    """A picture (H, W) in [0, 1] turned by quarters, counter-clockwise, and made a negative if wanted."""
    turned = np.rot90(picture, turns)
    return 1 - turned if negative else turned


@cache
def shipped_looker() -> Looker:
    """The shipped network, opened once."""
    return Looker()


def _softmax(logits: FloatArray) -> FloatArray:
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()
