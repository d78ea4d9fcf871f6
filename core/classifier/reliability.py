"""How far a checkpoint's heatmaps can be trusted: ``localization.json``, measured against radiologists' boxes.

``python -m core localisation --keep`` writes it into the checkpoint that it was measured on and records its digest, so
that it says nothing of later weights.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.atomic import write_json
from core.classifier.checkpoint import DIGEST
from core.findings import LABELS
from core.statistics import wilson

log = logging.getLogger(__name__)

LOCALIZATION = "localization.json"


@dataclass(frozen=True)
class HeatmapReliability:
    """How well the heatmaps of one label agree with radiologists' boxes.

    Attributes:
        n_boxes, n_images: boxes of this label and images with any, on which it was measured.
        pointing_game: share of those images, in [0, 1], where the heatmap's peak lies in a box.
        iobb: share of the boxes, in [0, 1], that a region of the heatmap meets with IoBB above 0.25.
        usual_place: share of the images, in [0, 1], where the place that most boxes of other images cover lies in a
            box: what a map that never looks at the image reaches. None if there are no boxes in other images.
    """

    n_boxes: int
    n_images: int
    pointing_game: float
    iobb: float
    usual_place: float | None

    def __post_init__(self) -> None:
        shares = [self.pointing_game, self.iobb, 0.0 if self.usual_place is None else self.usual_place]
        if not (1 <= self.n_images <= self.n_boxes and all(0 <= share <= 1 for share in shares)):
            raise ValueError("counts start at 1 and shares lie between 0 and 1")

    @property
    def beats_guess(self) -> bool:
        """Whether the heatmaps point better than the guess that never looks.

        The lower end of the pointing share's 95% interval (Wilson) must lie above the share of the usual place; where
        no guess was measured nothing is known to beat it.
        """
        if self.usual_place is None:
            return False
        return wilson(round(self.pointing_game * self.n_images), self.n_images)[0] > self.usual_place


def save_localization(folder: str | Path, figures: dict[str, Any]) -> Path:
    """Write what ``core.evaluation.localisation`` measured into a checkpoint folder; never a torn file."""
    target = Path(folder) / LOCALIZATION
    write_json(target, figures, indent=2)
    return target


def load_reliability(folder: str | Path, checkpoint_sha256: str) -> dict[str, HeatmapReliability]:
    """Read ``localization.json``.

    Args:
        folder: of the checkpoint.
        checkpoint_sha256: its digest (``checkpoint_digest``).

    Returns:
        An entry for each label that has boxes; none where the folder has no ``localization.json``, or one that cannot
        be used: the log then says why.
    """
    path = Path(folder) / LOCALIZATION
    if not path.is_file():
        return {}
    try:
        figures = json.loads(path.read_text())
        measured_on = figures[DIGEST]
        usual = figures["baselines"]["usual_place"]["pointing_game"]
        reliability = {
            label: HeatmapReliability(
                n_boxes=counts["n_boxes"],
                n_images=counts["n_images"],
                pointing_game=figures["pointing_game"][label],
                iobb=figures["iobb"]["0.25"][label],
                usual_place=usual.get(label),
            )
            for label, counts in figures["per_label"].items()
            if label in LABELS
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s cannot be read (%s: %s) and is not used.", path, type(error).__name__, error)
        return {}
    if measured_on != checkpoint_sha256:
        log.warning(
            "%s was measured on another checkpoint and is not used: run python -m core localisation --keep again.", path
        )
        return {}
    return reliability
