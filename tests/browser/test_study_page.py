"""The page of one study in a real browser, against a really running server."""

import re
from pathlib import Path

import pytest
from stage import upload
from steps import (
    NARROW,
    assert_no_sideways_scrolling,
    download_text,
    expect,
    judged_rows,
    open_finished,
    open_study,
    overlay_source,
    select,
    upload_study,
    wait_for_results,
)


@pytest.fixture(scope="module")
def study_id(live_server, chest_dicom):
    """A finished study, which no test changes."""
    return upload(live_server, chest_dicom.read_bytes(), chest_dicom.name)


def test_upload_shows_findings_and_switches_heatmaps(page, chest_dicom):
    upload_study(page, chest_dicom)
    first, second = judged_rows(page).nth(0), judged_rows(page).nth(1)
    select(page, first)
    first_source = overlay_source(page)
    select(page, second)
    assert overlay_source(page) != first_source
    assert second.get_attribute("data-finding") in overlay_source(page)
    expect(page.locator("#finding-detail")).to_contain_text("Present from")


def test_radiograph_stays_in_place_while_findings_are_chosen(page, study_id):
    open_finished(page, study_id)
    before = page.get_by_test_id("study-image").bounding_box()
    for row in judged_rows(page).all():
        select(page, row)
        assert page.get_by_test_id("study-image").bounding_box() == pytest.approx(before, abs=0.1)


def test_heatmap_switch(page, study_id):
    open_finished(page, study_id)
    select(page, judged_rows(page).first)
    overlay, toggle = page.get_by_test_id("heatmap-overlay"), page.get_by_test_id("heatmap-toggle")
    toggle.click()
    expect(overlay).to_be_hidden()
    expect(toggle).to_have_attribute("aria-checked", "false")
    page.keyboard.press("h")
    expect(overlay).to_be_visible()
    page.get_by_test_id("finding-none").click()
    expect(overlay).to_be_hidden()
    expect(toggle).to_be_disabled()


def test_findings_are_sorted_by_decision_and_probability(page, study_id):
    open_finished(page, study_id)
    study = page.request.get("/api" + page.evaluate("location.pathname")).json()
    order = ["present", "possible", "absent", "unknown"]
    expected = sorted(study["findings"], key=lambda f: (order.index(f["decision"]), -(f["probability"] or 0)))
    rows = page.get_by_test_id("finding-row")
    shown = rows.evaluate_all("rows => rows.map(row => row.dataset.finding)")
    assert shown == [finding["name"] for finding in expected]
    for finding, text in zip(expected, rows.all_inner_texts(), strict=True):
        assert finding["display_name"] in text
        assert finding["decision"] in text.lower()


def test_sentences_and_findings_point_at_each_other(page, study_id):
    open_finished(page, study_id)
    linked = page.locator("[data-testid=report-sentence][role=button]")
    assert linked.count() > 0
    sentence = linked.last
    sentence.click()
    expect(sentence).to_have_attribute("aria-pressed", "true")
    names = sentence.get_attribute("data-findings").split()
    chosen = page.locator("[data-testid=finding-row][aria-selected=true]")
    assert chosen.get_attribute("data-finding") in names

    page.locator(f'[data-testid=finding-row][data-finding="{names[-1]}"]').click()
    expect(sentence).to_have_attribute("aria-pressed", "true")
    page.get_by_test_id("finding-none").click()
    expect(sentence).to_have_attribute("aria-pressed", "false")


def test_downloads_hold_the_report(page, study_id):
    open_finished(page, study_id)
    texts = {}
    for kind in ("txt", "json", "csv"):
        with page.expect_download() as download:
            page.get_by_test_id(f"download-{kind}").click()
        assert download.value.suggested_filename.endswith(f".{kind}")
        texts[kind] = download_text(download.value)
    for kind, ending, start in (
        ("pdf", "report.pdf", b"%PDF"),
        ("sr", "report.dcm", b"\0" * 128 + b"DICM"),
        ("sc", "overlay.dcm", b"\0" * 128 + b"DICM"),
        ("fhir", "report.fhir.json", b"{"),
    ):
        with page.expect_download() as download:
            page.get_by_test_id(f"download-{kind}").click()
        assert download.value.suggested_filename == f"phantom-{ending}"
        assert Path(download.value.path()).read_bytes().startswith(start)
    for sentence in page.get_by_test_id("report-sentence").all_inner_texts():
        # Line breaks of the text file are not part of the sentence.
        assert " ".join(sentence.split()) in " ".join(texts["txt"].split())
    assert page.get_by_test_id("disclaimer").inner_text() in " ".join(texts["txt"].split())
    assert '"findings"' in texts["json"]
    assert "Pneumothorax" in texts["csv"]


def test_downloads_with_a_picture_show_the_selected_finding(page, study_id):
    open_finished(page, study_id)
    row = judged_rows(page).last
    select(page, row)
    finding = row.get_attribute("data-finding")
    for kind in ("pdf", "sc"):
        assert page.get_by_test_id(f"download-{kind}").get_attribute("href").endswith(f"?finding={finding}")
    page.get_by_test_id("finding-none").click()
    for kind in ("pdf", "sc", "txt"):
        assert "?" not in page.get_by_test_id(f"download-{kind}").get_attribute("href")


def test_narrow_window_does_not_scroll_sideways(page, study_id):
    page.set_viewport_size(NARROW)
    page.goto("/")
    assert_no_sideways_scrolling(page)
    open_finished(page, study_id)
    assert_no_sideways_scrolling(page)
    image, rows = page.get_by_test_id("study-image").bounding_box(), page.get_by_test_id("finding-row")
    assert image["y"] < rows.first.bounding_box()["y"], "the radiograph comes first"
    page.goto("/")
    expect(page.get_by_test_id("study-row").first).to_be_visible()
    assert_no_sideways_scrolling(page)


def test_page_without_javascript_says_so(page):
    # A browser driven from outside never renders <noscript>, so only the sent page can be checked.
    for path in ("/", "/studies/any"):
        noscript = page.request.get(path).text().split("<noscript>")[1].split("</noscript>")[0]
        assert "ChestLens needs JavaScript" in noscript


def test_missing_heatmap_is_not_passed_over_in_silence(page, study_id, expected_console):
    expected_console.append("net::ERR_FAILED")
    page.route("**/heatmaps.json", lambda route: route.abort())
    open_finished(page, study_id)
    row = judged_rows(page).last
    row.click()
    expect(page.get_by_text("The heatmap could not be loaded.")).to_be_visible()
    expect(page.get_by_test_id("heatmap-overlay")).to_be_hidden()
    page.unroute("**/heatmaps.json")
    select(page, row)
    expect(page.get_by_text("The heatmap could not be loaded.")).to_be_hidden()


@pytest.mark.real_data
def test_real_radiograph(page, shared_data):
    open_study(page, shared_data / "dicom" / "RSNA_chest_JPEGbaseline_mono2_8bit.dcm")
    select(page, judged_rows(page).first)
    assert page.get_by_test_id("study-image").evaluate("canvas => canvas.width") > 200


def test_each_heatmap_says_how_far_it_can_be_trusted(page, study_id):
    words = "In 3 of 29 radiographs (10%) the heatmap peaked inside the radiologist's box."

    def measured(route):
        answer = route.fetch()
        study = answer.json()
        for finding in study["findings"]:
            finding["heatmap_reliability"] = {"words": words} if finding["name"] in labels else None
        route.fulfill(response=answer, json=study)

    row = '[data-testid=finding-row][data-finding="{}"]'
    reliability = page.get_by_test_id("heatmap-reliability")
    page.route(re.compile(r"/api/studies/\w+$"), measured)
    labels = {"Effusion"}
    open_finished(page, study_id)
    for viewport in ({"width": 1280, "height": 800}, NARROW):
        page.set_viewport_size(viewport)
        select(page, page.locator(row.format("Effusion")))
        expect(reliability).to_have_text(f"Heatmap reliability: {words}")
        assert_no_sideways_scrolling(page)
        select(page, page.locator(row.format("Fibrosis")))
        expect(reliability).to_contain_text("not measured: no radiologist boxes for this finding")
    labels = set()
    page.reload()
    wait_for_results(page)
    select(page, page.locator(row.format("Effusion")))
    expect(reliability).to_have_text("Heatmap reliability: not measured.")
