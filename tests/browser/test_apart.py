"""A model that reports on its own: what the evidence does not bear out stands apart on the page."""

import pytest
from stage import upload
from steps import NARROW, assert_no_sideways_scrolling, expect

WAIT_MS = 90_000
SAID = "FINDINGS:\nThere is a fractured rib. The heart is normal.\n\nIMPRESSION:\nLarge left pneumothorax."


@pytest.fixture(scope="module")
def environment(speaking_server):
    return {"CHESTLENS_WRITER": speaking_server(SAID), "CHESTLENS_WRITER_MODE": "image"}


def test_what_the_evidence_does_not_bear_out_is_marked_and_no_part_of_the_report(page, live_server, phantom_png_bytes):
    page.goto(f"/studies/{upload(live_server, phantom_png_bytes)}")
    expect(page.get_by_test_id("rewrite")).to_have_attribute("data-status", "done", timeout=WAIT_MS)
    apart = page.get_by_test_id("rewrite").get_by_test_id("apart")
    expect(apart.locator("[data-standing='not checked']")).to_contain_text("There is a fractured rib.")
    expect(apart.get_by_text("Not covered by the evidence")).to_be_visible()
    expect(apart.get_by_text("Large left pneumothorax.")).to_be_hidden()
    apart.locator("summary").click()
    expect(apart.get_by_text("Large left pneumothorax.")).to_be_visible()
    expect(page.locator("#report-body")).not_to_contain_text("rib")
    page.set_viewport_size(NARROW)
    assert_no_sideways_scrolling(page)
