"""Prediction to ``Evidence``: what a report may say, and what each statement rests on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.anatomy import Admitted, Anatomy, Gate, Place, places_of
from core.classifier import Prediction
from core.classifier.abnormality import Abnormal
from core.classifier.checkpoint import CheckpointConfig
from core.classifier.maps import FloatArray
from core.classifier.policies import OperatingPoint, Policy
from core.classifier.reliability import HeatmapReliability
from core.findings import FINDINGS, Finding
from core.reporting.certainty import Certainty, certainty_of
from core.settings import DEFAULT_POLICY

Decision = Literal["present", "possible", "absent", "unknown"]

# Order in which people read them.
DECISIONS: tuple[Decision, ...] = ("present", "possible", "absent", "unknown")
CALLED: tuple[Decision, ...] = ("present", "possible")


@dataclass(frozen=True)
class FindingEvidence:
    """What is known of one finding in one radiograph.

    Attributes:
        finding: the finding.
        probability: calibrated, in [0, 1]; None if the model does not know the finding.
        operating_point: the thresholds of the policy in force, and what came of them on validation; None if unknown.
        decision: present, possible, absent (not called), or unknown, as ``Policy.calls`` decides.
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
        ends = self.precision_ci95
        return certainty_of(self.decision, self.probability, None if ends is None else ends[0])

    @property
    def precision(self) -> float | None:
        """Share of such calls, in [0, 1], that were right on validation; None where none was made or measured."""
        point = self.operating_point
        if point is None or self.decision not in CALLED:
            return None
        return point.precision if self.decision == "present" else point.possible_precision

    @property
    def precision_ci95(self) -> tuple[float, float] | None:
        """Its 95% interval, low and high."""
        point = self.operating_point
        if point is None or self.decision not in CALLED:
            return None
        return point.precision_ci95 if self.decision == "present" else point.possible_precision_ci95


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
        policy_chosen_for: what its thresholds were chosen for, in words.
        abnormal: whether the study shows anything at all; None where the checkpoint does not say.
        anatomy: where lungs and heart are, and the cardiothoracic ratio; None where no picture was looked at.
    """

    findings: tuple[FindingEvidence, ...]
    view: str | None
    gate: Gate
    warnings: tuple[str, ...]
    modality: str | None
    model: dict[str, str]
    policy: str = DEFAULT_POLICY
    policy_chosen_for: str = ""
    abnormal: Abnormal | None = None
    anatomy: Anatomy | None = None

    @property
    def undoubted(self) -> bool:
        """Whether the picture is taken for a frontal chest radiograph without doubt."""
        return self.gate.verdict == "accepted"

    def decided(self, *decisions: Decision) -> list[FindingEvidence]:
        """Findings with one of these decisions, most probable first."""
        chosen = [item for item in self.findings if item.decision in decisions]
        return sorted(chosen, key=lambda item: -(item.probability or 0))


@dataclass(frozen=True)
class Judgement:
    """What a policy makes of one radiograph's probabilities.

    Attributes:
        policy: that decided.
        abnormal: whether the study shows anything at all; None where the checkpoint does not say.
        decisions: one for each of the 14 findings, in their fixed order.
    """

    policy: Policy
    abnormal: Abnormal | None
    decisions: tuple[Decision, ...]

    def called(self, decision: Decision) -> list[str]:
        """Names of the findings with this decision."""
        return [finding.name for finding, one in zip(FINDINGS, self.decisions, strict=True) if one == decision]


def judge(probabilities: FloatArray, config: CheckpointConfig, policy: str = DEFAULT_POLICY) -> Judgement:
    """Decide by a policy of the checkpoint.

    Args:
        probabilities: (14,) calibrated, NaN for what the checkpoint does not know.
        config: of the checkpoint.
        policy: its name.

    Raises:
        CheckpointError: the checkpoint has no policy of this name.
    """
    in_force = config.policy(policy)
    abnormal = None if config.abnormal is None else config.abnormal.judge(probabilities, in_force.abnormal_threshold)
    score = None if abnormal is None else np.array([abnormal.probability])
    calls = in_force.calls(probabilities[None], score)
    decisions: list[Decision] = []
    for finding, value, present, possible in zip(
        FINDINGS, probabilities, calls.present[0], calls.possible[0], strict=True
    ):
        if math.isnan(value) or finding.name not in in_force.points:
            decisions.append("unknown")
        else:
            decisions.append("present" if present else "possible" if possible else "absent")
    return Judgement(in_force, abnormal, tuple(decisions))


def gather_evidence(
    admitted: Admitted,
    prediction: Prediction,
    config: CheckpointConfig,
    model: dict[str, str],
    reliability: Mapping[str, HeatmapReliability],
    policy: str = DEFAULT_POLICY,
) -> Evidence:
    """Combine what was read, judged and predicted, and how reliable each label's heatmaps are.

    Raises:
        CheckpointError: the checkpoint has no policy of this name.
    """
    radiograph = admitted.radiograph
    judgement = judge(prediction.probabilities, config, policy)
    items = []
    for index, (finding, decision) in enumerate(zip(FINDINGS, judgement.decisions, strict=True)):
        value = float(prediction.probabilities[index])
        known = reliability.get(finding.name)
        located = decision in CALLED and not finding.diffuse and known is not None and known.beats_guess
        items.append(
            FindingEvidence(
                finding=finding,
                probability=None if math.isnan(value) else value,
                operating_point=None if decision == "unknown" else judgement.policy.points[finding.name],
                decision=decision,
                places=places_of(prediction.heatmaps[index], admitted.anatomy) if located else (),
                reliability=known,
            )
        )
    return Evidence(
        findings=tuple(items),
        view=radiograph.view,
        gate=admitted.gate,
        warnings=radiograph.warnings,
        modality=radiograph.metadata.get("modality"),
        model=model,
        policy=policy,
        policy_chosen_for=judgement.policy.chosen_for,
        abnormal=judgement.abnormal,
        anatomy=admitted.anatomy,
    )
