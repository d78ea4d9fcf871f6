"""What a user does on the pages, step by step."""

import time
from pathlib import Path

import pytest

playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

NARROW = {"width": 390, "height": 844}
# The title on the stage names the heatmap that the canvas shows; test_viewer.py looks at the pixels themselves.
HEATMAP_SHOWN = """() => {
  const title = document.querySelector('[data-testid=heatmap-overlay]');
  return !title.hidden && title.dataset.finding !== '';
}"""
IMAGE_SHOWN = "() => document.querySelector('[data-testid=study-image]')?.dataset.ready === 'true'"


def open_study(page, path):
    """Sends one file as a program does, and opens its study page once it is finished."""
    sent = {"name": path.name, "mimeType": "application/octet-stream", "buffer": path.read_bytes()}
    study_id = page.request.post("/api/studies", multipart={"file": sent}).json()["id"]
    end = time.monotonic() + 60
    while page.request.get(f"/api/studies/{study_id}").json()["status"] != "done":
        assert time.monotonic() < end, "the study did not finish in time"
        time.sleep(0.05)
    open_finished(page, study_id)


def open_finished(page, study_id):
    page.goto(f"/studies/{study_id}")
    wait_for_results(page)


def upload_study(page, path):
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
    expect(page.get_by_test_id("heatmap-overlay").first).to_have_attribute(
        "data-finding", row.get_attribute("data-finding")
    )


def overlay_source(page):
    """The finding whose heatmap is shown."""
    return page.get_by_test_id("heatmap-overlay").get_attribute("data-finding")


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
