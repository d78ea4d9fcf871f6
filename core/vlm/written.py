"""What a writer makes of evidence without its image: of reference labels, or of evidence drawn at random."""

import random
from collections.abc import Sequence

import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from core.findings import LABELS
from core.imaging import read_safely
from core.imaging.phantom import phantom_png
from core.reporting.evidence import Evidence
from core.vlm.backends import Backend
from core.vlm.batches import picture
from core.vlm.evaluation_manifest import Written
from core.vlm.pairing import ImagePairs
from core.vlm.pictures import picture_of
from core.vlm.prompts import Mode
from core.vlm.rewrite import Rewrite, rewrite


def write_studies(
    evidences: Sequence[Evidence], writer: Backend, images: pd.DataFrame | None, *, mode: Mode = "evidence"
) -> list[Written]:
    """What ``evaluate`` scores: the text shown and the first draft.

    Arguments are as for ``write_all``.
    """
    return [
        Written(
            findings=one.report.text("findings"),
            impression=one.report.text("impression"),
            before_guard=one.verdict.attempts[0].draft,
            guard_action=one.verdict.action,
        )
        for one in write_all(evidences, writer, images, mode=mode)
    ]


def write_all(
    evidences: Sequence[Evidence], writer: Backend, images: pd.DataFrame | None = None, *, mode: Mode = "evidence"
) -> list[Rewrite]:
    """Rewrite evidence of studies whose images are not at hand.

    Args:
        evidences: of the studies.
        writer: the model.
        images: labelled images that stand in, by label set, for those of the studies; None for the rendered phantom.
        mode: whether the writer words the plan or reports on its own.
    """
    pairs = None if images is None else ImagePairs(images)
    phantom = picture_of(read_safely(phantom_png())) if pairs is None else None
    draw = random.Random(0)
    return [
        rewrite(phantom or _picture(pairs, evidence, draw), evidence, writer, mode=mode)
        for evidence in tqdm(evidences, desc="writing", unit="report", disable=None)
    ]


def _picture(pairs: ImagePairs | None, evidence: Evidence, draw: random.Random) -> Image.Image:
    assert pairs is not None
    called = {item.finding.name for item in evidence.decided("present", "possible")}
    return picture(pairs.draw({label: label in called for label in LABELS}, draw))
