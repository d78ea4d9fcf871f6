import csv
import io
import json

import pytest

from core import DISCLAIMER
from core.classifier import Classifier
from core.findings import LABELS
from core.imaging import Radiograph, render_phantom
from core.reporting import FORMATS, Assessment, assess, export


@pytest.fixture(scope="module")
def assessment(classifier: Classifier) -> Assessment:
    return assess(Radiograph(render_phantom(size=256)), classifier)


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_carries_the_disclaimer_and_the_name(assessment: Assessment, file_format: str) -> None:
    text = export(assessment.evidence, assessment.report, file_format, name="chest.png").decode()
    assert DISCLAIMER in text
    assert "chest.png" in text


def test_csv_and_json_hold_the_probabilities_of_the_prediction(assessment: Assessment) -> None:
    rows = list(csv.DictReader(io.StringIO(export(assessment.evidence, assessment.report, "csv").decode())))
    data = json.loads(export(assessment.evidence, assessment.report, "json"))
    assert [row["finding"] for row in rows] == [item["name"] for item in data["findings"]] == list(LABELS)
    expected = assessment.prediction.probabilities
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected, abs=1e-6)
    assert [item["probability"] for item in data["findings"]] == pytest.approx(expected)


def test_text_holds_every_sentence_under_its_heading(assessment: Assessment) -> None:
    text = export(assessment.evidence, assessment.report, "txt").decode()
    positions = [text.index(heading) for heading in ("TECHNIQUE", "VIEW", "FINDINGS", "IMPRESSION", "EVIDENCE")]
    assert positions == sorted(positions)
    assert max(map(len, text.splitlines())) <= 110
    unwrapped = " ".join(text.split())
    assert all(sentence.text in unwrapped for sentence in assessment.report.sentences)


def test_an_unknown_format_is_refused_with_the_known_ones(assessment: Assessment) -> None:
    with pytest.raises(ValueError, match="choose one of txt, json, csv"):
        export(assessment.evidence, assessment.report, "docx")
