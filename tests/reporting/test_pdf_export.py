"""The PDF is read back: its text, its pictures and its number of pages."""

import io
import re
import time
import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from core import DISCLAIMER
from core.anatomy import Place
from core.classifier.reliability import HeatmapReliability
from core.findings import FINDINGS, display_name
from core.reporting import ReportedStudy, export
from core.reporting.heatmap_trust import reliability_in_words
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
        ("胸部正面.png", "胸部正面.png"),
        ("한국어 가슴 X선.png", "한국어 가슴 X선.png"),
        ("ひらがな、カタカナ。髙﨑.png", "ひらがな、カタカナ。髙﨑.png"),
        ("\U0001f600.png", "?.png"),
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


def test_a_model_that_knows_nothing_is_said_to_know_nothing(raster_study: ReportedStudy) -> None:
    findings = tuple(
        replace(item, probability=None, operating_point=None, decision="unknown", places=())
        for item in raster_study.evidence.findings
    )
    evidence = replace(raster_study.evidence, findings=findings)
    (text,) = _pages(export(replace(raster_study, evidence=evidence, report=write_report(evidence)), "pdf"))
    assert text.count("not assessed") >= len(FINDINGS)
    assert "No heatmap" in text


def _drawn(data: bytes) -> list[str]:
    """The letters in the order in which the file draws them, each run by itself, by the file's own tables of letters.

    ``extract_text`` of pypdf turns runs from right to left around, and so tells nothing of their order on paper.
    """
    page = pypdf.PdfReader(io.BytesIO(data)).pages[0]
    tables: dict[str, dict[int, str]] = {}
    for name, font in page["/Resources"]["/Font"].items():
        table = font.get_object().get("/ToUnicode")
        text = table.get_object().get_data().decode("ascii") if table is not None else ""
        ranges = re.findall(r"<(\w+)> <(\w+)> \[?<(\w+)>", text)
        ranges += [(code, code, letter) for code, letter in re.findall(r"^<(\w+)> <(\w+)>$", text, re.M)]
        tables[name] = {
            int(first, 16) + step: chr(int(letter, 16) + step)
            for first, last, letter in ranges
            for step in range(int(last, 16) - int(first, 16) + 1)
        }
    runs, table = [], {}
    for operands, operator in page.get_contents().operations:
        if operator == b"Tf":
            table = tables[operands[0]]
        elif operator in (b"Tj", b"TJ"):
            parts = operands[0] if operator == b"TJ" else operands
            raw = b"".join(part.original_bytes for part in parts if hasattr(part, "original_bytes"))
            runs.append("".join(table.get(byte, chr(byte)) for byte in raw))
    return runs


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        # Forms of the Unicode chart of Arabic presentation forms: reh after dal stands alone, dal ends, sad begins.
        ("صدر", "\ufead\ufeaa\ufebb"),
        # Lam and alef are one letter: the initial form stands alone here.
        ("لا", "\ufefb"),
        # Four joined letters: initial, medial, medial, final, the last at the left.
        ("صحيح", "\ufea2\ufef4\ufea4\ufebb"),
        # A Persian joiner that divides, itself drawn as nothing: without it the yeh would be medial.
        ("می\u200cخ", "\ufea5\ufbfd\ufee3"),
        ("חזה", "\u05d4\u05d6\u05d7"),
    ],
)
def test_letters_from_right_to_left_are_joined_and_drawn_in_their_order(
    raster_study: ReportedStudy, name: str, drawn: str
) -> None:
    runs = _drawn(export(replace(raster_study, name=name), "pdf"))
    line = "".join(runs[: next(number for number, run in enumerate(runs) if "pixels" in run) + 1])
    shown = unicodedata.normalize("NFKC", drawn)
    # Letters that stand alone may be told as the letter itself.
    assert unicodedata.normalize("NFKC", line).replace(" ", "").count(shown) == 1, line
    forms = [form for form in drawn if unicodedata.decomposition(form).startswith(("<initial>", "<medial>", "<final>"))]
    assert [letter for letter in line if letter in forms] == forms


def test_a_report_from_right_to_left_begins_at_the_right_and_keeps_figures_and_brackets(
    raster_study: ReportedStudy,
) -> None:
    text = "צילום חזה (PA): לב בגודל תקין. 12.5 מ״מ"
    report = Report("vlm", (Sentence("findings", text, (), "note"),))
    runs = _drawn(export(replace(raster_study, report=report), "pdf"))
    line = "|".join(runs)
    words = ["מ״מ"[::-1], "12.5", "תקין"[::-1], "בגודל"[::-1], "(", "PA", ")", "חזה"[::-1], "צילום"[::-1]]
    places = [line.index(word, line.index(words[0])) for word in words]
    assert places == sorted(places), line


def test_words_without_end_are_broken_within_seconds(raster_study: ReportedStudy) -> None:
    report = Report("vlm", (Sentence("findings", "س" * 3000, (), "note"),))
    began = time.monotonic()
    pages = pypdf.PdfReader(io.BytesIO(export(replace(raster_study, report=report), "pdf"))).pages
    assert len(pages) >= 1
    assert time.monotonic() - began < 30
