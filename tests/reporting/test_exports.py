import csv
import io
import json
from dataclasses import replace

import pytest

from core import DISCLAIMER
from core.classifier import Classifier
from core.classifier.reliability import HeatmapReliability
from core.findings import LABELS
from core.imaging import Radiograph, render_phantom
from core.reporting import FORMATS, Assessment, assess, export
from core.reporting.reliability import reliability_in_words


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


def test_every_format_tells_how_far_a_measured_heatmap_can_be_trusted(assessment: Assessment) -> None:
    measured = HeatmapReliability(n_boxes=30, n_images=29, pointing_game=3 / 29, iobb=0.5, usual_place=0.28)
    findings = tuple(
        replace(item, decision="present", reliability=measured if item.finding.name == "Mass" else None)
        for item in assessment.evidence.findings
    )
    evidence = replace(assessment.evidence, findings=findings)
    words = (
        "In 3 of 29 radiographs (10%) the heatmap peaked inside the radiologist's box; "
        "pointing blindly at the finding's usual place hits 28%."
    )
    text, data, rows = (
        export(evidence, assessment.report, file_format).decode() for file_format in ("txt", "json", "csv")
    )
    assert f"Mass: {words}" in " ".join(text.split())
    assert "Nodule: not measured." in text
    of_label = {item["name"]: item["heatmap_reliability"] for item in json.loads(data)["findings"]}
    assert of_label.pop("Mass") == {
        "n_boxes": 30,
        "n_images": 29,
        "pointing_game": 3 / 29,
        "iobb_0.25": 0.5,
        "usual_place_pointing_game": 0.28,
        "words": words,
    }
    assert set(of_label.values()) == {None}
    in_csv = {row["finding"]: row["heatmap_reliability"] for row in csv.DictReader(io.StringIO(rows))}
    assert in_csv == dict.fromkeys(LABELS, "") | {"Mass": words}


def test_reliability_without_a_usual_place_ends_with_its_own_figure() -> None:
    one = HeatmapReliability(n_boxes=2, n_images=1, pointing_game=1.0, iobb=0.5, usual_place=None)
    assert reliability_in_words(one) == ("In 1 of 1 radiograph (100%) the heatmap peaked inside the radiologist's box.")
