"""The whole path from one radiograph to its report, in the one order that everything uses."""

from dataclasses import dataclass

from core.anatomy import Admitted
from core.classifier import Classifier, Prediction, model_identity
from core.reporting.evidence import Evidence, gather_evidence
from core.reporting.report import Report
from core.reporting.templater import write_report
from core.settings import DEFAULT_POLICY


@dataclass(frozen=True)
class Assessment:
    """All that ChestLens has to say of one radiograph."""

    prediction: Prediction
    evidence: Evidence
    report: Report


def assess(admitted: Admitted, classifier: Classifier, policy: str = DEFAULT_POLICY) -> Assessment:
    """Classify, explain and report on what the gate admitted.

    Raises:
        CheckpointError: the checkpoint has no policy of this name.
    """
    prediction = classifier.predict(admitted.radiograph)
    evidence = gather_evidence(
        admitted,
        prediction,
        classifier.config,
        model_identity(classifier.config),
        classifier.reliability,
        policy,
    )
    return Assessment(prediction, evidence, write_report(evidence))
