import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from core.anatomy import Admitted, Anatomy, Gate
from core.classifier import Classifier, Prediction
from core.findings import BY_NAME, FINDINGS, LABELS
from core.imaging import Radiograph
from core.reporting.evidence import Evidence, gather_evidence
from core.reporting.templater import write_report

MODEL = {"name": "model", "version": "1", "architecture": "x"}
RADIOGRAPH = Radiograph(np.zeros((64, 64), np.float32), view="PA", metadata={"modality": "DX"})
ADMITTED = Admitted(RADIOGRAPH, Anatomy(1.0, "frontal", 0, False), Gate("accepted", 1.0))


def _evidence(classifier: Classifier, decisions: dict[str, str]) -> Evidence:
    """Evidence with the given decisions; every other finding is absent. Heatmaps point at the left lower zone."""
    probabilities = np.zeros(14, np.float32)
    for index, label in enumerate(LABELS):
        point = classifier.config.operating_points[label]
        probabilities[index] = {
            "present": (1 + point.threshold) / 2,
            "possible": (point.possible_threshold + point.threshold) / 2,
            "absent": point.possible_threshold / 2,
            "unknown": np.nan,
        }[decisions.get(label, "absent")]
    heatmaps = np.zeros((14, 30, 30), np.float32)
    heatmaps[:, 24:28, 22:26] = 1
    return gather_evidence(ADMITTED, Prediction(probabilities, heatmaps), classifier.config, MODEL, {})


@pytest.fixture(params=range(40))
def random_evidence(request: pytest.FixtureRequest, classifier: Classifier) -> Evidence:
    generator = np.random.default_rng(request.param)
    choices = generator.choice(["present", "possible", "absent", "unknown"], size=14, p=[0.2, 0.2, 0.5, 0.1])
    return _evidence(classifier, dict(zip(LABELS, choices, strict=True)))


def test_every_positive_finding_is_stated_with_its_confidence(random_evidence: Evidence) -> None:
    sentences = write_report(random_evidence).sentences
    for item in random_evidence.decided("present"):
        for section in ("findings", "impression"):
            (stated,) = [
                s for s in sentences if s.section == section and s.kind == "finding" and item.finding.name in s.findings
            ]
            assert item.finding.phrase in stated.text.lower()
            assert "possible" not in stated.text.lower()
            percent = float(re.search(r"probability ([\d.]+)%", stated.text)[1])  # type: ignore[index]
            assert percent == pytest.approx(100 * item.probability, abs=0.51)


def test_uncertain_findings_are_worded_as_uncertain(random_evidence: Evidence) -> None:
    for sentence in write_report(random_evidence).sentences:
        if sentence.kind == "finding" and set(sentence.findings) & {
            item.finding.name for item in random_evidence.decided("possible")
        }:
            assert "possible" in sentence.text.lower()


def test_nothing_below_its_operating_point_is_asserted(random_evidence: Evidence) -> None:
    asserted = {
        name
        for sentence in write_report(random_evidence).sentences
        if sentence.kind == "finding" and "possible" not in sentence.text.lower()
        for name in sentence.findings
    }
    assert asserted == {item.finding.name for item in random_evidence.decided("present")}


def test_normal_statements_never_contradict_a_called_finding(random_evidence: Evidence) -> None:
    called = {item.finding.name for item in random_evidence.decided("present", "possible")}
    for sentence in write_report(random_evidence).sentences:
        if sentence.kind == "normal" and sentence.section == "findings":
            assert not called & set(sentence.findings)
            for name in called:
                assert BY_NAME[name].phrase not in sentence.text.lower()
                assert not set(BY_NAME[name].resembles) & set(sentence.findings)


def test_every_sentence_on_findings_names_exactly_those_it_mentions(random_evidence: Evidence) -> None:
    for sentence in write_report(random_evidence).sentences:
        if sentence.section == "findings" and sentence.kind != "note":
            mentioned = {f.name for f in FINDINGS if re.search(rf"\b{f.phrase}\b", sentence.text.lower())}
            assert mentioned == set(sentence.findings)


def test_places_are_named_only_as_model_attention(classifier: Classifier) -> None:
    report = write_report(
        _evidence(classifier, {"Effusion": "present", "Nodule": "possible", "Cardiomegaly": "present"})
    )
    placed = [sentence for sentence in report.sentences if re.search(r"\b(left|right|zone)\b", sentence.text)]
    assert {name for sentence in placed for name in sentence.findings} == {"Effusion", "Nodule"}
    for sentence in placed:
        assert sentence.kind == "attention"
        assert sentence.text.startswith("Model attention")
        assert "left lower zone" in sentence.text


def test_unknown_findings_are_neither_called_nor_denied(classifier: Classifier) -> None:
    report = write_report(_evidence(classifier, {"Hernia": "unknown"}))
    about = [sentence for sentence in report.sentences if "Hernia" in sentence.findings]
    assert [sentence.kind for sentence in about] == ["note"]


def test_a_clear_radiograph_gets_a_clear_impression(classifier: Classifier) -> None:
    report = write_report(_evidence(classifier, {}))
    assert report.text("impression") == "No finding reaches its operating point."
    denied = set(itertools.chain(*(s.findings for s in report.sentences if s.section == "findings")))
    assert denied == set(LABELS)


def test_view_and_doubts_of_the_file_are_passed_on(classifier: Classifier) -> None:
    evidence = _evidence(classifier, {})
    assert write_report(evidence).text("view").startswith("PA")
    doubtful = replace(evidence, view=None, warnings=("The polarity was corrected.",))
    assert "Not stated" in write_report(doubtful).text("view")
    assert "The polarity was corrected." in write_report(doubtful).text("technique")
