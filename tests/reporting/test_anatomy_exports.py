"""The cardiothoracic ratio and the gate's verdict are in every export; nothing is said of a ratio that is doubtful."""

import csv
import io
import json
from dataclasses import replace

import pytest
from pydicom import dcmread

from core.anatomy import Anatomy, Cardiothoracic, Gate, Line
from core.reporting import ReportedStudy, export

BOX = ((0.1, 0.2), (0.4, 0.2), (0.4, 0.8), (0.1, 0.8))
MEASURED = Anatomy(0.99, "frontal", 0, False, BOX, BOX, BOX, Cardiothoracic(Line(0.6, 0.3, 0.724), Line(0.7, 0.1, 0.9)))
DOUBTFUL = Anatomy(0.99, "frontal", 0, False)


def _with(study: ReportedStudy, anatomy: Anatomy, gate: Gate | None = None) -> ReportedStudy:
    return replace(study, evidence=replace(study.evidence, anatomy=anatomy, gate=gate or study.evidence.gate))


def _measurements(data: bytes) -> list[tuple[str, float]]:
    """Names and values of all numeric items of a structured report."""
    found = []
    items = list(dcmread(io.BytesIO(data)).ContentSequence)
    while items:
        item = items.pop()
        items += list(item.get("ContentSequence", ()))
        if item.ValueType == "NUM":
            value = item.MeasuredValueSequence[0].NumericValue
            found.append((item.ConceptNameCodeSequence[0].CodeMeaning, float(value)))
    return found


def test_the_ratio_stands_in_every_export(raster_study: ReportedStudy) -> None:
    study = _with(raster_study, MEASURED)
    assert b"Cardiothoracic ratio: 0.53" in export(study, "txt")
    assert json.loads(export(study, "json"))["anatomy"]["cardiothoracic_ratio"] == pytest.approx(0.53)
    rows = list(csv.DictReader(io.StringIO(export(study, "csv").decode())))
    assert {row["cardiothoracic_ratio"] for row in rows} == {"0.530"}
    assert ("Cardiothoracic ratio", 0.53) in _measurements(export(study, "sr"))
    resources = [entry["resource"] for entry in json.loads(export(study, "fhir"))["entry"]]
    (observed,) = [item for item in resources if item.get("code", {}).get("text") == "Cardiothoracic ratio"]
    assert observed["valueQuantity"]["value"] == pytest.approx(0.53)
    (report,) = [item for item in resources if item["resourceType"] == "DiagnosticReport"]
    assert f"urn:uuid:{observed['id']}" in {result["reference"] for result in report["result"]}


def test_nothing_is_said_of_a_doubtful_ratio(raster_study: ReportedStudy) -> None:
    study = _with(raster_study, DOUBTFUL)
    for file_format in ("txt", "csv", "fhir"):
        assert b"Cardiothoracic ratio:" not in export(study, file_format)
    assert "Cardiothoracic ratio" not in dict(_measurements(export(study, "sr")))
    assert json.loads(export(study, "json"))["anatomy"] == {
        "cardiothoracic_ratio": None,
        "lines": None,
        "outlines": None,
    }


def test_an_export_says_that_somebody_insisted(raster_study: ReportedStudy) -> None:
    study = _with(raster_study, DOUBTFUL, Gate("refused", 0.03, forced=True))
    assert b"refused, judged because somebody insisted" in export(study, "txt")
    assert json.loads(export(study, "json"))["gate"]["forced"] is True
    assert {row["gate"] for row in csv.DictReader(io.StringIO(export(study, "csv").decode()))} == {"refused"}
