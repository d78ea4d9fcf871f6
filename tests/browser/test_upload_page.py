"""Uploading, the list of studies, and what holds on every page, in a real browser."""

import shutil
from pathlib import Path

import pytest
from steps import (
    HEATMAP_SHOWN,
    NARROW,
    assert_disclaimer_in_view,
    download_text,
    expect,
    overlay_source,
    tab_to,
    upload_study,
    wait_for_results,
)


def test_findings_of_all_studies_are_downloaded_from_the_list(page, chest_dicom):
    upload_study(page, chest_dicom)
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
    # The first heatmap stays until the second one is drawn.
    expect(page.get_by_test_id("heatmap-overlay")).not_to_have_attribute("data-finding", first_source)
    page.wait_for_function(HEATMAP_SHOWN)
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


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, NARROW], ids=["wide", "narrow"])
def test_disclaimer_on_every_page(page, chest_dicom, viewport, expected_console):
    expected_console.append("status of 404")
    page.set_viewport_size(viewport)
    for path in ("/", "/no-such-page", "/studies/no-such-study"):
        page.goto(path)
        assert_disclaimer_in_view(page)
    upload_study(page, chest_dicom)
    assert_disclaimer_in_view(page)
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    assert_disclaimer_in_view(page)


def test_deleting_asks_first(page, chest_dicom, expected_console):
    upload_study(page, chest_dicom)
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
    upload_study(page, chest_dicom)
    study_id = page.evaluate("location.pathname").rsplit("/", 1)[1]
    page.goto("/")
    item = page.locator(f'[data-testid=study-list] [data-study-id="{study_id}"]')
    expect(item).to_contain_text(Path(chest_dicom).name)
    item.get_by_test_id("delete-study").click()
    page.get_by_test_id("confirm-delete").click()
    expect(item).to_have_count(0)


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
    upload_study(page, chest_dicom)
    assert len(refusals) == 1
