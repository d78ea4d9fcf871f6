"""The PDF is read back: its text, its pictures and its number of pages."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core import DISCLAIMER
from core.anatomy import Place
from core.classifier.reliability import HeatmapReliability
from core.findings import FINDINGS, display_name
from core.reporting import ReportedStudy, export
from core.reporting.reliability import reliability_in_words
from core.reporting.report import Report, Sentence
from core.reporting.templater import write_report

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")


def _pages(data: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(data)).pages]


def _crowded(study: ReportedStudy, n_present: int) -> ReportedStudy:
    findings = tuple(
        replace(item, probability=0.4, decision="present", places=(Place("right", "upper"), Place("left", "upper")))
        if index < n_present
        else item
        for index, item in enumerate(study.evidence.findings)
    )
    evidence = replace(study.evidence, findings=findings)
    return replace(study, evidence=evidence, report=write_report(evidence))


def test_one_page_holds_report_evidence_model_and_disclaimer(raster_study: ReportedStudy) -> None:
    (text,) = _pages(export(raster_study, "pdf"))
    for section in ("technique", "view", "findings", "impression"):
        assert section.capitalize() in text
        assert raster_study.report.text(section) in text
    for item in raster_study.evidence.findings:
        assert f"{display_name(item.finding.name)} {item.probability:.1%}" in text
    model = raster_study.evidence.model
    assert f"Model {model['name']} version {model['version']}" in text
    assert "chest.png" in text
    assert "2026-01-02 11:30 UTC" in text
    assert "DRAFT" in text
    assert DISCLAIMER in text
    assert "Page 1 of 1" in text


def test_many_findings_still_fit_on_one_page(raster_study: ReportedStudy) -> None:
    (text,) = _pages(export(_crowded(raster_study, 10), "pdf"))
    assert text.count(" present ") >= 10


def test_a_longer_report_goes_on_and_carries_the_disclaimer_on_every_page(raster_study: ReportedStudy) -> None:
    sentences = tuple(
        Sentence("findings", f"Remark {number} is rather long and says very little of any use to anybody.", (), "note")
        for number in range(150)
    )
    pages = _pages(export(replace(raster_study, report=Report("vlm", sentences)), "pdf"))
    assert len(pages) > 1
    for number, text in enumerate(pages, start=1):
        assert DISCLAIMER in text
        assert f"Page {number} of {len(pages)}" in text
    whole = " ".join(pages)
    assert all(f"Remark {number} " in whole for number in range(150))
    assert "by a language model" in whole


def test_radiograph_and_heatmap_stand_side_by_side(raster_study: ReportedStudy) -> None:
    def pictures(finding: str) -> list[np.ndarray]:
        reader = pypdf.PdfReader(io.BytesIO(export(raster_study, "pdf", finding=finding)))
        return [np.asarray(picture.image.convert("RGB")).astype(int) for picture in reader.pages[0].images]

    (plain, mass), (again, pneumonia) = pictures("Mass"), pictures("Pneumonia")
    height, width = raster_study.radiograph.pixels.shape
    assert plain.shape == mass.shape == (height, width, 3)
    # Pictures are stored by name, not in their order on the page; a grey one is the radiograph.
    if np.ptp(plain, axis=-1).max() > np.ptp(mass, axis=-1).max():
        plain, mass = mass, plain
    if np.ptp(again, axis=-1).max() > np.ptp(pneumonia, axis=-1).max():
        again, pneumonia = pneumonia, again
    np.testing.assert_array_equal(plain, again)
    assert np.abs(plain.mean(axis=-1) / 255 - raster_study.radiograph.pixels).mean() < 0.02
    assert np.abs(mass - pneumonia).max() > 60
    (text,) = _pages(export(raster_study, "pdf", finding="Pneumonia"))
    assert "Model attention: Pneumonia" in text


def test_the_heatmap_says_how_far_it_can_be_trusted(raster_study: ReportedStudy) -> None:
    measured = HeatmapReliability(n_boxes=30, n_images=29, pointing_game=3 / 29, iobb=0.5, usual_place=0.28)
    findings = tuple(
        replace(item, reliability=measured if item.finding.name == "Mass" else None)
        for item in raster_study.evidence.findings
    )
    study = replace(raster_study, evidence=replace(raster_study.evidence, findings=findings))
    (mass,) = _pages(export(study, "pdf", finding="Mass"))
    assert f"Heatmap reliability: {reliability_in_words(measured)}" in mass
    (hernia,) = _pages(export(study, "pdf", finding="Hernia"))
    assert "Heatmap reliability: not measured." in hernia


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Рентген Ω.dcm", "Рентген Ω.dcm"),
        ("Müller “2” — ž.png", "Müller “2” — ž.png"),
        ("胸部.png", "??.png"),
        ("<b>&amp;\x00\x1b.png", "<b>&amp; .png"),
        ("x" * 255, "x" * 80),
    ],
)
def test_any_name_can_be_printed(raster_study: ReportedStudy, name: str, shown: str) -> None:
    (text,) = _pages(export(replace(raster_study, name=name), "pdf"))
    assert shown.replace(" ", "") in text.replace(" ", "")


@pytest.mark.parametrize("shape", [(512, 64), (64, 512)])
def test_any_shape_of_radiograph_fits(raster_study: ReportedStudy, shape: tuple[int, int]) -> None:
    radiograph = replace(raster_study.radiograph, pixels=np.zeros(shape, np.float32))
    assert len(_pages(export(replace(raster_study, radiograph=radiograph), "pdf"))) == 1


def test_pixels_that_are_not_square_are_shown_in_the_proportions_of_the_body(raster_study: ReportedStudy) -> None:
    radiograph = replace(raster_study.radiograph, pixel_spacing_mm=(0.4, 0.2))
    (page,) = pypdf.PdfReader(io.BytesIO(export(replace(raster_study, radiograph=radiograph), "pdf"))).pages
    drawn: list[float] = []

    def note(operator: bytes, operands: list[Any], matrix: list[float], _: list[float]) -> None:
        if operator == b"Do":
            drawn.append(matrix[3] / matrix[0])

    page.extract_text(visitor_operand_before=note)
    height, width = radiograph.pixels.shape
    assert drawn == pytest.approx([2 * height / width] * 2, rel=0.01)
    assert [picture.image.size for picture in page.images] == [(width // 2, height)] * 2


def test_a_model_that_knows_nothing_is_said_to_know_nothing(raster_study: ReportedStudy) -> None:
    findings = tuple(
        replace(item, probability=None, operating_point=None, decision="unknown", places=())
        for item in raster_study.evidence.findings
    )
    evidence = replace(raster_study.evidence, findings=findings)
    (text,) = _pages(export(replace(raster_study, evidence=evidence, report=write_report(evidence)), "pdf"))
    assert text.count("not assessed") >= len(FINDINGS)
    assert "No heatmap" in text
