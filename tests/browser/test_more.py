"""Questions, the health record and advanced settings on the study page, answered by the shipped writer."""

import json

import pytest
from stage import upload
from steps import NARROW, assert_no_sideways_scrolling, expect, open_finished
from test_accessibility import assert_accessible

WAIT_MS = 90_000


@pytest.fixture(scope="module")
def environment():
    return {}


@pytest.fixture(scope="module")
def study_id(live_server, phantom_png_bytes):
    return upload(live_server, phantom_png_bytes)


@pytest.fixture
def more(page, study_id):
    """The opened section; what an earlier test asked is there as well."""
    open_finished(page, study_id)  # before, a key may come too early for what is being filled
    page.get_by_test_id("more-open").press("Enter")
    expect(page.get_by_test_id("question")).to_be_visible()
    return page.get_by_test_id("more")


@pytest.fixture
def refused_record(expected_console):
    expected_console.append("400")


def test_nothing_asked_and_no_record_are_said(more):
    expect(more.get_by_text("Nothing was asked yet.")).to_be_visible()
    expect(more.get_by_test_id("record-empty")).to_be_visible()
    expect(more.get_by_test_id("record-compare")).to_be_hidden()
    assert_accessible(more.page)


def test_a_question_asked_by_keys_is_answered_with_citations_that_lead_to_the_finding(page, more, study_id):
    page.get_by_test_id("question").fill("Is there a pneumothorax?")
    page.keyboard.press("Enter")
    answer = more.get_by_test_id("answer").first
    expect(answer).to_be_visible(timeout=WAIT_MS)
    expect(page.get_by_test_id("question")).to_be_focused()
    expect(page.get_by_test_id("question")).to_have_value("")
    answer.locator("[data-testid=cite][data-name=Pneumothorax]").first.click()
    expect(page.locator("#finding-list [data-finding=Pneumothorax]")).to_have_attribute("aria-selected", "true")
    page.reload()
    page.get_by_test_id("more-open").click()
    expect(more.get_by_test_id("inquiry").filter(has_text="Is there a pneumothorax?")).to_be_visible()
    review = page.request.get(f"/api/studies/{study_id}").json()["review"]
    assert review["state"] == "draft", "a question is no part of the report"


def test_a_question_is_deleted_after_a_word_and_the_others_stay(page, more):
    for question in ("Is there a hernia?", "Is there fibrosis?"):
        page.get_by_test_id("question").fill(question)
        page.keyboard.press("Enter")
        expect(more.get_by_test_id("inquiry").filter(has_text=question).get_by_test_id("answer")).to_be_visible(
            timeout=WAIT_MS
        )
    hernia = more.get_by_test_id("inquiry").filter(has_text="Is there a hernia?")
    hernia.get_by_test_id("inquiry-remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    expect(hernia).to_be_visible()
    hernia.get_by_test_id("inquiry-remove").click()
    expect(page.get_by_role("dialog")).to_contain_text("with its answer")
    page.get_by_test_id("confirm-delete").click()
    expect(hernia).to_have_count(0)
    expect(page.get_by_test_id("question")).to_be_focused()
    page.reload()
    page.get_by_test_id("more-open").click()
    expect(more.get_by_test_id("inquiry").filter(has_text="Is there fibrosis?")).to_be_visible()
    expect(hernia).to_have_count(0)


def test_what_the_evidence_does_not_cover_is_said(page, more):
    page.get_by_test_id("question").fill("Is the pacemaker lead in place?")
    page.get_by_test_id("ask").click()
    first = more.get_by_test_id("inquiry").filter(has_text="pacemaker")
    expect(first.get_by_text("The evidence is silent")).to_be_visible(timeout=WAIT_MS)


def test_a_record_is_typed_read_compared_and_removed(refused_record, page, more):
    page.get_by_test_id("record-type").click()
    expect(page.locator("[name=age]")).to_be_focused()
    page.locator("[name=age]").fill("172")
    page.get_by_test_id("record-save").click()
    expect(page.get_by_test_id("record-form").get_by_role("alert")).to_contain_text("a number of years from 0 to 130")
    page.locator("[name=age]").fill("72")
    page.locator("[name=conditions]").fill("COPD, pneumothorax")
    page.locator("[name=labs]").fill("Creatinine")
    page.get_by_test_id("record-save").click()
    expect(page.get_by_test_id("record-form").get_by_role("alert")).to_contain_text('such as "Creatinine 1.2 mg/dL"')
    page.locator("[name=labs]").fill("Creatinine 1.9 mg/dL")
    page.get_by_test_id("record-save").click()
    lines = page.get_by_test_id("record-lines").locator("li")
    expect(lines).to_have_text(["age 72", "Creatinine 1.9 mg/dL", "chronic: COPD, pneumothorax"])
    page.get_by_test_id("record-compare").click()
    compared = page.get_by_test_id("record-comparisons").get_by_test_id("compared-report")
    expect(compared).to_have_count(2, timeout=WAIT_MS)
    expect(compared.nth(1).locator("[data-section=findings]")).not_to_contain_text("72")
    without, with_record = (compared.nth(place).locator("[data-section=impression]") for place in (0, 1))
    expect(without.locator("ins")).to_have_count(0)
    expect(with_record.locator("del")).to_have_count(0)
    page.get_by_test_id("record-type").click()
    expect(page.locator("[name=labs]")).to_have_value("Creatinine 1.9 mg/dL")
    page.locator("#record-cancel").click()
    page.set_viewport_size(NARROW)
    assert_no_sideways_scrolling(page)
    page.get_by_test_id("record-remove").click()
    expect(page.get_by_test_id("record-empty")).to_be_visible()


def test_no_record_is_typed_before_it_is_known_what_is_there(page, study_id):
    held = []
    page.route("**/ehr", lambda route: held.append(route))
    open_finished(page, study_id)
    page.get_by_test_id("more-open").press("Enter")
    expect(page.get_by_test_id("record-type")).to_be_disabled()
    expect(page.get_by_test_id("record-file")).to_be_disabled()
    for route in held:
        route.continue_()
    page.get_by_test_id("record-type").click()
    expect(page.locator("[name=age]")).to_be_focused()


def test_a_record_comes_as_a_file_and_a_bad_file_is_told(refused_record, page, more, tmp_path):
    file = tmp_path / "ehr.json"
    file.write_text("Age: 72")
    page.get_by_test_id("record-file").set_input_files(file)
    expect(page.get_by_test_id("record-actions").get_by_role("alert")).to_contain_text("is not JSON")
    file.write_text(json.dumps({"Age": 72, "Vitals": {"o2_saturation": {"value": 88, "unit": "%"}}}))
    page.get_by_test_id("record-file").set_input_files(file)
    expect(page.get_by_test_id("record-lines").locator("li")).to_have_text(["age 72", "o2 saturation 88 %"])


def test_two_settings_are_compared_and_equal_ones_are_refused(refused_record, page, more):
    page.get_by_test_id("advanced-open").click()
    page.get_by_test_id("settings-compare").click()
    expect(page.get_by_test_id("settings-form").get_by_role("alert")).to_contain_text("are the same")
    page.locator("[data-setting=chexpert_positive_bias][data-choice=first]").fill("-50")
    page.locator("[data-setting=chexpert_positive_bias][data-choice=second]").fill("50")
    row = page.locator("tr[data-setting=chexpert_positive_bias]")
    expect(row).to_contain_text("differs")
    page.get_by_test_id("settings-compare").click()
    compared = page.get_by_test_id("settings-comparisons")
    expect(compared.get_by_test_id("labels-table")).to_be_visible(timeout=WAIT_MS)
    expect(compared).to_contain_text("CHEXPERT_POSITIVE_BIAS -50 and 50")
    expect(compared.get_by_test_id("disagreements").last).to_contain_text("What the evidence does not bear out")
    assert_accessible(page)
    page.set_viewport_size(NARROW)
    assert_no_sideways_scrolling(page)
    assert_accessible(page)
