"""What a writer makes of the reference labels of studies: the manifest that ``evaluate`` scores."""

import random
from collections.abc import Sequence

import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from core.findings import LABELS
from core.imaging.phantom import phantom_png
from core.imaging import read_safely
from core.reporting.evidence import Evidence
from core.reporting.templater import write_report
from core.vlm.evaluation_manifest import evidence_of
from core.vlm.pairing import ImagePairs
from core.vlm.pictures import picture_of
from core.vlm.rewrite import Rewrite, rewrite
from core.vlm.training import picture
from core.vlm.writer import Writer


def written_manifest(studies: pd.DataFrame, writer: Writer, images: pd.DataFrame | None) -> pd.DataFrame:
    """Have the writer write every study, as the server would.

    Args:
        studies: from ``studies_of``.
        writer: the model.
        images: labelled images that stand in, by label set, for those of the studies; None for the rendered phantom.

    Returns:
        The studies with ``findings`` and ``impression``, both ``before_guard_`` too, and ``guard_action``.
    """
    evidences = evidence_of(studies)
    written = list(write_all(evidences, writer, images))
    first = [one.verdict.attempts[0].draft for one in written]
    return studies.assign(
        findings=[one.report.text("findings") for one in written],
        impression=[one.report.text("impression") for one in written],
        before_guard_findings=[draft.findings for draft in first],
        before_guard_impression=[draft.impression for draft in first],
        guard_action=[one.verdict.action for one in written],
    )


def write_all(evidences: Sequence[Evidence], writer: Writer, images: pd.DataFrame | None = None) -> list[Rewrite]:
    """Rewrite evidence of studies whose images are not at hand.

    Args:
        evidences: of the studies.
        writer: the model.
        images: as for ``written_manifest``.
    """
    pairs = None if images is None else ImagePairs(images)
    phantom = picture_of(read_safely(phantom_png())) if pairs is None else None
    draw = random.Random(0)
    return [
        rewrite(phantom or _picture(pairs, evidence, draw), evidence, write_report(evidence), writer)
        for evidence in tqdm(evidences, desc="writing", unit="report", disable=None)
    ]


def _picture(pairs: ImagePairs | None, evidence: Evidence, draw: random.Random) -> Image.Image:
    assert pairs is not None
    called = {item.finding.name for item in evidence.decided("present", "possible")}
    return picture(pairs.draw({label: label in called for label in LABELS}, draw))
