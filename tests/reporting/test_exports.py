import csv
import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from core import DISCLAIMER
from core.classifier.reliability import HeatmapReliability
from core.findings import LABELS
from core.reporting import FORMATS, ReportedStudy, as_csv, export
from core.reporting.heatmap_trust import reliability_in_words
from core.settings import ROOT

TEXTS = ("txt", "json", "csv")


@pytest.mark.parametrize("file_format", TEXTS)
def test_every_text_carries_the_disclaimer_and_the_name(raster_study: ReportedStudy, file_format: str) -> None:
    text = export(raster_study, file_format).decode()
    assert DISCLAIMER in text
    assert "chest.png" in text


def test_csv_and_json_hold_the_probabilities_of_the_prediction(raster_study: ReportedStudy) -> None:
    rows = list(csv.DictReader(io.StringIO(export(raster_study, "csv").decode())))
    data = json.loads(export(raster_study, "json"))
    assert [row["finding"] for row in rows] == [item["name"] for item in data["findings"]] == list(LABELS)
    expected = raster_study.prediction.probabilities
    assert [float(row["probability"]) for row in rows] == pytest.approx(expected, abs=1e-6)
    assert [item["probability"] for item in data["findings"]] == pytest.approx(expected)


def test_a_table_of_many_studies_has_one_head_and_every_row(raster_study: ReportedStudy) -> None:
    table = as_csv([("a.png", raster_study.evidence, None), ("b, c.png", raster_study.evidence, None)])
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["name"] for row in rows] == ["a.png"] * 14 + ["b, c.png"] * 14
    assert [row["finding"] for row in rows] == list(LABELS) * 2


def test_text_holds_every_sentence_under_its_heading(raster_study: ReportedStudy) -> None:
    text = export(raster_study, "txt").decode()
    positions = [text.index(heading) for heading in ("TECHNIQUE", "VIEW", "FINDINGS", "IMPRESSION", "EVIDENCE")]
    assert positions == sorted(positions)
    assert max(map(len, text.splitlines())) <= 110
    unwrapped = " ".join(text.split())
    assert all(sentence.text in unwrapped for sentence in raster_study.report.sentences)


def test_an_unknown_format_or_finding_is_refused_with_the_known_ones(raster_study: ReportedStudy) -> None:
    with pytest.raises(ValueError, match="choose one of txt, json, csv"):
        export(raster_study, "docx")
    for file_format in ("pdf", "sc"):
        with pytest.raises(ValueError, match="choose one of Atelectasis"):
            export(raster_study, file_format, finding="Fracture")


def test_a_finding_is_refused_where_no_heatmap_is_shown(raster_study: ReportedStudy) -> None:
    with pytest.raises(ValueError, match="for pdf and sc only"):
        export(raster_study, "sr", finding="Mass")


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_name_that_is_no_text_does_no_harm(raster_study: ReportedStudy, file_format: str) -> None:
    # What Python makes of a file name whose bytes are not UTF-8.
    assert export(replace(raster_study, name="r\udcf6ntgen.png"), file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_study_gives_the_same_bytes(dicom_study: ReportedStudy, file_format: str) -> None:
    again = replace(dicom_study)  # nothing remembered from the first time
    assert export(dicom_study, file_format) == export(again, file_format)


@pytest.mark.parametrize("file_format", [*TEXTS, "pdf"])
def test_what_is_not_filed_by_identity_carries_none(dicom_study: ReportedStudy, file_format: str) -> None:
    data = export(dicom_study, file_format)
    if file_format == "pdf":
        pypdf = pytest.importorskip("pypdf")
        data = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages).encode()
    for value in ("SECRET-7", "Петрова", "19700131", dicom_study.radiograph.source["StudyInstanceUID"]):
        assert value.encode() not in data


def test_identifiers_follow_the_content_and_not_the_name(dicom_study: ReportedStudy) -> None:
    study = replace(dicom_study, name="other.dcm")
    assert study.digest == dicom_study.digest
    darker = replace(study.radiograph, pixels=study.radiograph.pixels * np.float32(0.9))
    reworded = replace(study.report, sentences=study.report.sentences[1:])
    for changed in (replace(study, radiograph=darker), replace(study, report=reworded)):
        assert changed.digest != dicom_study.digest


def test_the_leading_finding_is_the_most_probable_present_one_and_else_the_next_best(
    raster_study: ReportedStudy,
) -> None:
    def decided(**decisions: str) -> ReportedStudy:
        findings = tuple(
            replace(item, decision=decisions.get(item.finding.name, "unknown"), probability=0.1 * (index % 7 + 1))
            for index, item in enumerate(raster_study.evidence.findings)
        )
        return replace(raster_study, evidence=replace(raster_study.evidence, findings=findings))

    def leading(study: ReportedStudy) -> str | None:
        shown = study.pictured(None)
        return shown and shown.finding.name

    assert leading(decided(Atelectasis="present", Cardiomegaly="present", Mass="possible")) == "Cardiomegaly"
    assert leading(decided(Atelectasis="possible", Cardiomegaly="absent")) == "Atelectasis"
    assert leading(decided(Atelectasis="absent", Cardiomegaly="absent")) == "Cardiomegaly"
    assert leading(decided()) is None
    chosen = decided(Atelectasis="present").pictured("Hernia")
    assert chosen is not None
    assert chosen.finding.name == "Hernia"


def test_what_one_format_needs_is_not_loaded_for_the_others() -> None:
    code = "import sys, core.web; print(sorted({'highdicom', 'reportlab'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_format_tells_how_far_a_measured_heatmap_can_be_trusted(raster_study: ReportedStudy) -> None:
    measured = HeatmapReliability(n_boxes=30, n_images=29, pointing_game=3 / 29, iobb=0.5, usual_place=0.28)
    findings = tuple(
        replace(item, decision="present", reliability=measured if item.finding.name == "Mass" else None)
        for item in raster_study.evidence.findings
    )
    study = replace(raster_study, evidence=replace(raster_study.evidence, findings=findings))
    words = (
        "In 3 of 29 radiographs (10%) the heatmap peaked inside the radiologist's box; "
        "pointing blindly at the finding's usual place hits 28%."
    )
    text, data, rows = (export(study, file_format).decode() for file_format in TEXTS)
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
