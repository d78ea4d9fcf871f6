"""Reports that need no writer: what every text score is held against."""

import pandas as pd

from core.reporting.templater import write_report
from core.vlm.evaluation_manifest import BEFORE_GUARD, GENERATED, evidence_of

CONSTANT = {
    "findings": "The heart size and pulmonary vascularity appear within normal limits. The lungs are free of focal "
    "airspace disease. No pleural effusion or pneumothorax is seen.",
    "impression": "No acute cardiopulmonary abnormality.",
}
"""One normal report of Open-i, for every patient: BLEU-4 .154 and ROUGE-L .373 on R2Gen's test split."""

TUNED = CONSTANT | {
    "findings": "The cardiomediastinal silhouette is within normal limits. The lungs are clear of focal airspace "
    "disease, pneumothorax, or pleural effusion. There is no pleural effusion or pneumothorax. The heart is normal in "
    "size.",
}
"""The five or fewer common sentences of R2Gen's training studies that together score the highest BLEU-4 there.

Found by beam search over the 250 commonest. On the test split BLEU-4 .197 and ROUGE-L .389: as much as the best
published systems, without a look at any image.
"""

_OF_A_SYSTEM = (*GENERATED, *BEFORE_GUARD, "guard_action", "icd")

TEMPLATE = "template"
BASELINES = ("constant", "tuned constant", TEMPLATE)


def baselines(studies: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The manifests of the three baselines.

    Args:
        studies: references, and ``evidence`` where it is known; the template is written from it, or else from the
            labels of the references.
    """
    reports = [write_report(evidence) for evidence in evidence_of(studies)]
    template = {section: [report.text(section) for report in reports] for section in ("findings", "impression")}
    plain = studies.drop(columns=[column for column in _OF_A_SYSTEM if column in studies.columns])
    return dict(zip(BASELINES, (plain.assign(**texts) for texts in (CONSTANT, TUNED, template)), strict=True))
