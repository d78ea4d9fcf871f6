"""axe-core on every page and dialog, in both themes."""

import re

import pytest
from stage import change_study, upload
from steps import NARROW, expect, open_study

axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

GRAVE = ("serious", "critical")
# Only colours differ between the themes.
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}


def assert_accessible(page):
    """No violation that is serious or critical, in the light theme, nor one of colours in the dark."""
    for theme, options in (("light", {}), ("dark", COLOURS)):
        # Colours on their way from one theme to the other would be judged, too.
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found = _violations(page, {"resultTypes": ["violations"], **options})
        told = [
            f"{theme}: {violation['id']} ({violation['help']}): {node['html'][:200]} {node.get('failureSummary', '')}"
            for violation in found
            for node in violation["nodes"]
            if node["impact"] in GRAVE
        ]
        assert not told, "\n".join(told)


def _violations(page, options):
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe.axe_script)
    return page.evaluate("options => axe.run(options).then(found => found.violations)", options)


def test_upload_page_without_studies(page):
    page.goto("/")
    expect(page.get_by_text("No studies yet")).to_be_visible()
    assert_accessible(page)
    page.set_viewport_size(NARROW)
    assert_accessible(page)


def test_upload_page_with_uploads_and_a_worklist(page, live_server, phantom_png_bytes, tmp_path, expected_console):
    expected_console.append("415")
    upload(live_server, phantom_png_bytes, "first.png")
    note = tmp_path / "notes.txt"
    note.write_text("no radiograph")
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files(note)
    expect(page.get_by_test_id("upload-error")).to_be_visible()
    row = page.get_by_test_id("study-row").filter(has_text="first.png")
    row.get_by_role("checkbox").check()
    expect(page.get_by_test_id("selection")).to_be_visible()
    assert_accessible(page)
    row.get_by_test_id("delete-study").click()
    expect(page.locator("#confirm-delete")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.set_viewport_size(NARROW)
    assert_accessible(page)


def test_samples(page):
    page.goto("/samples")
    expect(page.get_by_test_id("sample-card").first).to_be_visible()
    assert_accessible(page)
    page.get_by_test_id("search").fill("nothing has this name")
    expect(page.get_by_text("No sample matches")).to_be_visible()
    assert_accessible(page)


def test_study_from_the_draft_to_the_signature(page, chest_dicom):
    open_study(page, chest_dicom)
    report = page.locator("#report")
    expect(report).to_have_attribute("data-ready", "true")
    assert_accessible(page)
    page.keyboard.press("?")
    expect(page.get_by_test_id("viewer-help")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("compare-toggle").click()
    expect(page.get_by_test_id("second-pane")).to_be_visible()
    page.get_by_test_id("report-edit").click()
    page.get_by_test_id("edit-impression").fill("Small left pleural effusion.")
    expect(page.get_by_test_id("save-state")).to_contain_text("Saved")
    assert_accessible(page)
    page.get_by_test_id("report-sign").click()
    expect(page.locator("#sign-dialog")).to_be_visible()
    assert_accessible(page)
    page.get_by_test_id("sign-name").fill("Dr. Ada Reader")
    page.get_by_test_id("confirm-sign").click()
    expect(page.get_by_test_id("report-state")).to_contain_text("Signed by")
    for details in ("report-record", "report-compare"):
        page.get_by_test_id(details).locator("summary").click()
    page.set_viewport_size(NARROW)
    assert_accessible(page)


def test_study_that_failed(page, live_server, phantom_png_bytes):
    study = upload(live_server, phantom_png_bytes)

    def fail(answer):
        answer |= {"status": "failed", "error": {"code": "failed", "message": "The radiograph could not be analysed."}}

    change_study(page, fail)
    page.goto(f"/studies/{study}")
    expect(page.get_by_text("This radiograph could not be analysed")).to_be_visible()
    assert_accessible(page)


@pytest.mark.parametrize("address", ["/studies/unknown", "/nothing-here"])
def test_error_pages(page, expected_console, address):
    expected_console.append("404")
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Not found", re.IGNORECASE))
    assert_accessible(page)
