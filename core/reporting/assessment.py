"""The whole path from one radiograph to its report, in the one order that everything uses."""

from dataclasses import dataclass

from core.classifier import Classifier, Prediction, model_identity
from core.classifier.policies import DEFAULT_POLICY
from core.imaging import Radiograph
from core.imaging.gate import admit
from core.reporting.evidence import Evidence, gather_evidence
from core.reporting.report import Report
from core.reporting.templater import write_report


@dataclass(frozen=True)
class Assessment:
    """All that ChestLens has to say of one radiograph."""

    prediction: Prediction
    evidence: Evidence
    report: Report


def assess(radiograph: Radiograph, classifier: Classifier, policy: str = DEFAULT_POLICY) -> Assessment:
    """Gate, classify, explain and report.

    Raises:
        CheckpointError: the checkpoint has no policy of this name.
        RefusedImage: the gate does not admit the radiograph.
    """
    gate = admit(radiograph)
    prediction = classifier.predict(radiograph)
    evidence = gather_evidence(
        radiograph,
        gate,
        prediction,
        classifier.config,
        model_identity(classifier.config),
        classifier.reliability,
        policy,
    )
    return Assessment(prediction, evidence, write_report(evidence))
