"""A report rewritten by the shipped writer, as the page shows it."""

import pytest
from playwright.sync_api import expect

WAIT_MS = 90_000


@pytest.fixture(scope="module")
def environment():
    return {"CHESTLENS_REASONING": "on"}


def test_the_page_shows_both_texts_the_guards_verdict_and_the_reasoning_when_asked(page, chest_dicom):
    with chest_dicom.open("rb") as file:
        upload = {"name": "chest.dcm", "mimeType": "application/dicom", "buffer": file.read()}
    study_id = page.request.post("/api/studies", multipart={"file": upload}).json()["id"]
    page.goto(f"/studies/{study_id}")
    box = page.get_by_test_id("rewrite")
    expect(box).to_have_attribute("data-status", "done", timeout=WAIT_MS)
    expect(box).to_contain_text("chestlens-writer")
    study = page.request.get(f"/api/studies/{study_id}").json()
    assert study["reports"]["vlm"], "the shipped writer is expected to pass its guard on the phantom"
    steps = box.get_by_test_id("rewrite-reasoning").locator("li")
    expect(steps).to_have_count(10)
    expect(steps.first).to_be_hidden()
    box.get_by_test_id("rewrite-reasoning").locator("summary").click()
    assert steps.all_inner_texts() == study["rewrite"]["reasoning"]
    body = page.locator("#report-body")
    expect(body).not_to_contain_text(study["rewrite"]["reasoning"][0])
    for section in ("findings", "impression"):
        expect(body.locator(f"[data-section={section}]")).to_contain_text(study["reports"]["vlm"][section])
    linked = body.locator("[data-section=findings] [role=button]")
    named = {name for sentence in linked.all() for name in sentence.get_attribute("data-findings").split()}
    called = {one["name"] for one in study["findings"] if one["decision"] in ("present", "possible")}
    assert called <= named
    page.get_by_test_id("show-template").click()
    expect(body.locator("[data-section=findings]")).to_contain_text(study["reports"]["template"]["findings"])
    page.get_by_test_id("show-vlm").click()
    expect(body.locator("[data-section=findings]")).to_contain_text(study["reports"]["vlm"]["findings"])
