"""Prediction to ``Evidence``: what a report may say, and what each statement rests on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.anatomy import Place
from core.classifier import Prediction
from core.classifier.abnormality import Abnormal
from core.classifier.calibration import OperatingPoint
from core.classifier.checkpoint import CheckpointConfig
from core.classifier.reliability import HeatmapReliability
from core.findings import FINDINGS, Finding
from core.imaging import Radiograph
from core.imaging.gate import Gate
from core.reporting.certainty import Certainty, certainty_of
from core.reporting.peaks import places_of

Decision = Literal["present", "possible", "absent", "unknown"]

# Order in which people read them.
DECISIONS: tuple[Decision, ...] = ("present", "possible", "absent", "unknown")


@dataclass(frozen=True)
class FindingEvidence:
    """What is known of one finding in one radiograph.

    Attributes:
        finding: the finding.
        probability: calibrated, in [0, 1]; None if the model does not know the finding.
        operating_point: the thresholds and what they were chosen for; None if unknown.
        decision: present (at or above the operating point), possible (at or above the lower threshold), absent,
            or unknown.
        places: where the heatmap has its peaks. Empty for findings that are not called or are diffuse, and for labels
            whose heatmaps are not known to point better than a guess that never looks.
        reliability: how well this finding's heatmaps agree with radiologists' boxes; None where that was not measured.
    """

    finding: Finding
    probability: float | None
    operating_point: OperatingPoint | None
    decision: Decision
    places: tuple[Place, ...]
    reliability: HeatmapReliability | None

    @property
    def certainty(self) -> Certainty | None:
        """The band of certainty in which the finding may be stated; None unless it is called present or possible."""
        return certainty_of(self.decision, self.probability, self._precision[1])

    @property
    def precision(self) -> float | None:
        """Share of such calls, in [0, 1], that were right on validation; None where none was made or measured."""
        return self._precision[0]

    @property
    def _precision(self) -> tuple[float | None, float | None]:
        """Precision of such a call and the lower end of its interval."""
        point = self.operating_point
        if point is None or self.decision not in ("present", "possible"):
            return None, None
        share, ends = (
            (point.precision, point.precision_ci95)
            if self.decision == "present"
            else (point.possible_precision, point.possible_precision_ci95)
        )
        return share, None if ends is None else ends[0]


@dataclass(frozen=True)
class Evidence:
    """All that a report on one radiograph may rest on.

    Attributes:
        findings: one entry for each of the 14 findings, in their fixed order.
        view: view position as the file states it, or None.
        gate: the input gate's verdict.
        warnings: doubts from reading the file.
        modality: DICOM modality, or None for a raster image.
        model: name, version and architecture of the classifier.
        policy: name of the policy that decided: reading, screening or specific.
        abnormal: whether the study shows anything at all; None where the checkpoint does not say.
    """

    findings: tuple[FindingEvidence, ...]
    view: str | None
    gate: Gate
    warnings: tuple[str, ...]
    modality: str | None
    model: dict[str, str]
    policy: str = "reading"
    abnormal: Abnormal | None = None

    @property
    def undoubted(self) -> bool:
        """Whether the picture is taken for a frontal chest radiograph without doubt."""
        return self.gate.accepted

    def decided(self, *decisions: Decision) -> list[FindingEvidence]:
        """Findings with one of these decisions, most probable first."""
        chosen = [item for item in self.findings if item.decision in decisions]
        return sorted(chosen, key=lambda item: -(item.probability or 0))


def gather_evidence(
    radiograph: Radiograph,
    gate: Gate,
    prediction: Prediction,
    config: CheckpointConfig,
    model: dict[str, str],
    reliability: Mapping[str, HeatmapReliability],
) -> Evidence:
    """Combine what was read, judged and predicted, and how reliable each label's heatmaps are."""
    items = []
    for index, finding in enumerate(FINDINGS):
        value = float(prediction.probabilities[index])
        point = config.operating_points.get(finding.name)
        decision = decide(value, point)
        known = reliability.get(finding.name)
        called = decision in ("present", "possible")
        located = called and not finding.diffuse and known is not None and known.beats_guess
        items.append(
            FindingEvidence(
                finding=finding,
                probability=None if math.isnan(value) else value,
                operating_point=point,
                decision=decision,
                places=places_of(prediction.heatmaps[index]) if located else (),
                reliability=known,
            )
        )
    return Evidence(
        findings=tuple(items),
        view=radiograph.view,
        gate=gate,
        warnings=radiograph.warnings,
        modality=radiograph.metadata.get("modality"),
        model=model,
    )


def decide(probability: float, point: OperatingPoint | None) -> Decision:
    """Decision of one finding; NaN or a missing operating point is unknown."""
    if point is None or math.isnan(probability):
        return "unknown"
    if probability >= point.threshold:
        return "present"
    return "possible" if probability >= point.possible_threshold else "absent"
