"""The pages in a real browser, against a really running server."""

import re
import shutil
from pathlib import Path

import pytest

playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

NARROW = {"width": 390, "height": 844}
HEATMAP_SHOWN = """() => {
  const overlay = document.querySelector('[data-testid=heatmap-overlay]');
  const isVisible = !overlay.hidden && getComputedStyle(overlay).visibility === 'visible';
  return isVisible && overlay.complete && overlay.naturalWidth > 0;
}"""
IMAGE_SHOWN = """() => {
  const image = document.querySelector('[data-testid=study-image]');
  return image.complete && image.naturalWidth > 0;
}"""


def open_study(page, path):
    """Uploads one file on the upload page and waits for its finished study page."""
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files(path)
    wait_for_results(page)


def wait_for_results(page):
    page.wait_for_url("**/studies/*")
    expect(page.get_by_test_id("finding-row")).to_have_count(14)
    page.wait_for_function(IMAGE_SHOWN)


def judged_rows(page):
    """Rows of the findings that the model judges; only these have a heatmap."""
    return page.locator('[data-testid=finding-row]:not([data-decision="unknown"])')


def select(page, row):
    row.click()
    expect(row).to_have_attribute("aria-selected", "true")
    page.wait_for_function(HEATMAP_SHOWN)


def overlay_source(page):
    return page.get_by_test_id("heatmap-overlay").get_attribute("src")


def assert_no_sideways_scrolling(page):
    widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert widths[0] <= widths[1], f"content is {widths[0]} px wide in a window of {widths[1]} px"


def assert_disclaimer_in_view(page):
    disclaimer = page.get_by_test_id("disclaimer")
    expect(disclaimer).to_be_in_viewport(ratio=1)
    assert len(disclaimer.inner_text()) > 20


def tab_to(page, test_id, presses=60):
    """Moves the focus with the Tab key alone."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.dataset.testid") == test_id:
            return
    pytest.fail(f"{test_id} was not reached with {presses} presses of Tab")


def download_text(download):
    return Path(download.path()).read_text(encoding="utf-8")


def test_upload_shows_findings_and_switches_heatmaps(page, chest_dicom):
    open_study(page, chest_dicom)
    first, second = judged_rows(page).nth(0), judged_rows(page).nth(1)
    select(page, first)
    first_source = overlay_source(page)
    select(page, second)
    assert overlay_source(page) != first_source
    assert second.get_attribute("data-finding") in overlay_source(page)
    expect(page.locator("#finding-detail")).to_contain_text("Operating point")


def test_overlay_lies_exactly_on_the_image(page, chest_dicom):
    open_study(page, chest_dicom)
    select(page, judged_rows(page).first)
    for viewport in ({"width": 1920, "height": 1080}, {"width": 1280, "height": 800}, NARROW):
        page.set_viewport_size(viewport)
        image = page.get_by_test_id("study-image").bounding_box()
        overlay = page.get_by_test_id("heatmap-overlay").bounding_box()
        assert overlay == pytest.approx(image, abs=0.1)
        natural = page.get_by_test_id("study-image").evaluate("image => image.naturalWidth / image.naturalHeight")
        assert image["width"] / image["height"] == pytest.approx(natural, rel=0.01)


def test_radiograph_stays_in_place_while_findings_are_chosen(page, chest_dicom):
    open_study(page, chest_dicom)
    before = page.get_by_test_id("study-image").bounding_box()
    for row in judged_rows(page).all():
        select(page, row)
        assert page.get_by_test_id("study-image").bounding_box() == pytest.approx(before, abs=0.1)


def test_opacity_slider_and_switch(page, chest_dicom):
    open_study(page, chest_dicom)
    select(page, judged_rows(page).first)
    overlay, slider = page.get_by_test_id("heatmap-overlay"), page.get_by_test_id("opacity-slider")
    expect(overlay).to_have_css("opacity", "0.6")
    slider.fill("25")
    expect(overlay).to_have_css("opacity", "0.25")
    toggle = page.get_by_test_id("heatmap-toggle")
    toggle.click()
    expect(overlay).to_be_hidden()
    expect(toggle).to_have_attribute("aria-checked", "false")
    page.keyboard.press("h")
    expect(overlay).to_be_visible()
    page.get_by_test_id("finding-none").click()
    expect(overlay).to_be_hidden()


def test_findings_are_sorted_by_decision_and_probability(page, chest_dicom):
    open_study(page, chest_dicom)
    study = page.request.get("/api" + page.evaluate("location.pathname")).json()
    order = ["present", "possible", "absent", "unknown"]
    expected = sorted(study["findings"], key=lambda f: (order.index(f["decision"]), -(f["probability"] or 0)))
    rows = page.get_by_test_id("finding-row")
    shown = rows.evaluate_all("rows => rows.map(row => row.dataset.finding)")
    assert shown == [finding["name"] for finding in expected]
    for finding, text in zip(expected, rows.all_inner_texts(), strict=True):
        assert finding["display_name"] in text
        assert finding["decision"] in text.lower()


def test_sentences_and_findings_point_at_each_other(page, chest_dicom):
    open_study(page, chest_dicom)
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


def test_downloads_hold_the_report(page, chest_dicom):
    open_study(page, chest_dicom)
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


def test_downloads_with_a_picture_show_the_selected_finding(page, chest_dicom):
    open_study(page, chest_dicom)
    row = judged_rows(page).last
    select(page, row)
    finding = row.get_attribute("data-finding")
    for kind in ("pdf", "sc"):
        assert page.get_by_test_id(f"download-{kind}").get_attribute("href").endswith(f"?finding={finding}")
    page.get_by_test_id("finding-none").click()
    for kind in ("pdf", "sc", "txt"):
        assert "?" not in page.get_by_test_id(f"download-{kind}").get_attribute("href")


def test_findings_of_all_studies_are_downloaded_from_the_list(page, chest_dicom):
    open_study(page, chest_dicom)
    page.goto("/")
    with page.expect_download() as download:
        page.get_by_test_id("download-all").click()
    assert download.value.suggested_filename == "studies.csv"
    assert "phantom.dcm,Pneumothorax," in download_text(download.value)


def test_one_bad_file_among_several(page, chest_dicom, tmp_path, expected_console):
    expected_console.append(r"status of 4(00|15|22)")
    good = [tmp_path / "first.dcm", tmp_path / "no_extension"]
    for path in good:
        shutil.copy(chest_dicom, path)
    bad = tmp_path / "notes.dcm"
    bad.write_text("Not a radiograph, whatever its name says.")
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files([good[0], bad, good[1]])
    rows = page.get_by_test_id("upload-row")
    expect(rows).to_have_count(3)
    for path in good:
        expect(rows.filter(has_text=path.name).get_by_role("link", name="Open")).to_be_visible()
        expect(rows.filter(has_text=path.name)).to_have_attribute("data-state", "done")
    error = page.get_by_test_id("upload-error")
    expect(error).to_have_count(1)
    assert error.inner_text().strip().endswith(".")

    rows.filter(has_text=bad.name).get_by_role("button", name="Remove").click()
    expect(rows).to_have_count(2)
    rows.filter(has_text=good[0].name).get_by_role("link", name="Open").click()
    wait_for_results(page)


def test_upload_to_download_by_keyboard_alone(page, chest_dicom):
    # Listening starts before the page is loaded, so that the key press cannot overtake it.
    with page.expect_file_chooser() as chooser:
        page.goto("/")
        tab_to(page, "upload-input")
        page.keyboard.press("Space")
    chooser.value.set_files(chest_dicom)
    wait_for_results(page)

    # The chosen option takes the focus; where nothing is found, that is "No heatmap".
    tab_to(page, page.locator("[role=option][aria-selected=true]").get_attribute("data-testid"))
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_function(HEATMAP_SHOWN)
    first_source = overlay_source(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.wait_for_function(HEATMAP_SHOWN)
    assert overlay_source(page) != first_source
    page.keyboard.press("h")
    expect(page.get_by_test_id("heatmap-overlay")).to_be_hidden()

    tab_to(page, "download-txt")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download_text(download.value).strip()


def test_focus_is_visible(page):
    page.goto("/")
    page.keyboard.press("Tab")
    skip_link = page.get_by_role("link", name="Skip to the content")
    expect(skip_link).to_be_focused()
    expect(skip_link).to_be_in_viewport(ratio=1)


def test_phantom_sample(page):
    page.goto("/")
    sample = page.get_by_test_id("sample-phantom")
    expect(sample).to_contain_text("rendered, not a patient")
    assert sample.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    sample.click()
    wait_for_results(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("synthetic-phantom.png")


def test_drop_anywhere_on_the_page(page):
    page.goto("/")
    page.evaluate("""async () => {
      const blob = await (await fetch('/samples/phantom.png')).blob();
      const transfer = new DataTransfer();
      transfer.items.add(new File([blob], 'dropped.png', { type: 'image/png' }));
      for (const kind of ['dragenter', 'dragover', 'drop']) {
        const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
        document.querySelector('h1').dispatchEvent(new DragEvent(kind, options));
      }
    }""")
    wait_for_results(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("dropped.png")


def test_narrow_window_does_not_scroll_sideways(page, chest_dicom):
    page.set_viewport_size(NARROW)
    page.goto("/")
    assert_no_sideways_scrolling(page)
    open_study(page, chest_dicom)
    assert_no_sideways_scrolling(page)
    image, rows = page.get_by_test_id("study-image").bounding_box(), page.get_by_test_id("finding-row")
    assert image["y"] < rows.first.bounding_box()["y"], "the radiograph comes first"
    page.goto("/")
    expect(page.get_by_test_id("study-list").get_by_role("listitem").first).to_be_visible()
    assert_no_sideways_scrolling(page)


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, NARROW], ids=["wide", "narrow"])
def test_disclaimer_on_every_page(page, chest_dicom, viewport, expected_console):
    expected_console.append("status of 404")
    page.set_viewport_size(viewport)
    for path in ("/", "/no-such-page", "/studies/no-such-study"):
        page.goto(path)
        assert_disclaimer_in_view(page)
    open_study(page, chest_dicom)
    assert_disclaimer_in_view(page)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert_disclaimer_in_view(page)


def test_deleting_asks_first(page, chest_dicom, expected_console):
    open_study(page, chest_dicom)
    study_path = page.evaluate("location.pathname")
    page.get_by_test_id("delete-study").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    assert page.request.get(f"/api{study_path}").status == 200

    page.get_by_test_id("delete-study").click()
    page.get_by_test_id("confirm-delete").click()
    page.wait_for_url(lambda url: "/studies/" not in url)
    assert page.request.get(f"/api{study_path}").status == 404
    expected_console.append("status of 404")
    page.goto(study_path)
    expect(page.get_by_role("main")).to_contain_text("deleted")


def test_deleting_from_the_list(page, chest_dicom):
    open_study(page, chest_dicom)
    study_id = page.evaluate("location.pathname").rsplit("/", 1)[1]
    page.goto("/")
    item = page.locator(f'[data-testid=study-list] [data-study-id="{study_id}"]')
    expect(item).to_contain_text(Path(chest_dicom).name)
    item.get_by_test_id("delete-study").click()
    page.get_by_test_id("confirm-delete").click()
    expect(item).to_have_count(0)


def test_page_without_javascript_says_so(page):
    # A browser driven from outside never renders <noscript>, so only the sent page can be checked.
    for path in ("/", "/studies/any"):
        noscript = page.request.get(path).text().split("<noscript>")[1].split("</noscript>")[0]
        assert "ChestLens needs JavaScript" in noscript


def test_busy_server_is_asked_again(page, chest_dicom, expected_console):
    expected_console.append("status of 503")
    refusals = []

    def refuse_once(route):
        if route.request.method != "POST" or refusals:
            route.continue_()
            return
        refusals.append(route.request.url)
        error = {"code": "busy", "message": "Too many radiographs are waiting."}
        route.fulfill(status=503, headers={"Retry-After": "1"}, json={"error": error})

    page.route("**/api/studies", refuse_once)
    open_study(page, chest_dicom)
    assert len(refusals) == 1


def test_missing_heatmap_is_not_passed_over_in_silence(page, chest_dicom, expected_console):
    expected_console.append("net::ERR_FAILED")
    open_study(page, chest_dicom)
    row = judged_rows(page).last
    page.route("**/heatmaps/**", lambda route: route.abort())
    row.click()
    expect(page.get_by_text("The heatmap could not be loaded.")).to_be_visible()
    page.unroute("**/heatmaps/**")
    select(page, row)
    expect(page.get_by_text("The heatmap could not be loaded.")).to_be_hidden()


@pytest.mark.real_data
def test_real_radiograph(page, shared_data):
    open_study(page, shared_data / "dicom" / "RSNA_chest_JPEGbaseline_mono2_8bit.dcm")
    select(page, judged_rows(page).first)
    assert page.get_by_test_id("study-image").evaluate("image => image.naturalWidth") > 200


def test_each_heatmap_says_how_far_it_can_be_trusted(page, chest_dicom):
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
    open_study(page, chest_dicom)
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
