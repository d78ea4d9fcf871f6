"""A health record beside the radiograph on the upload page: typed, chosen or dropped, and shown as it was read."""

import json

import pytest
from steps import NARROW, assert_no_sideways_scrolling, expect, wait_for_results
from test_accessibility import assert_accessible

RECORD = {"Age": 72, "Vitals": {"o2_saturation": {"value": 88, "unit": "%"}}}
LINES = ["age 72", "o2 saturation 88 %"]


@pytest.fixture
def refused(expected_console):
    expected_console.append("400")


@pytest.fixture
def radiograph(phantom_png_bytes, tmp_path):
    file = tmp_path / "chest.png"
    file.write_bytes(phantom_png_bytes)
    return file


def write(folder, name, text):
    file = folder / name
    file.write_text(text)
    return file


def record_of(page):
    study_id = page.evaluate("location.pathname").rpartition("/")[2]
    return page.request.get(f"/api/studies/{study_id}/ehr").json()["lines"]


def test_a_typed_record_is_shown_as_read_and_goes_with_the_next_radiograph(refused, page, radiograph):
    page.goto("/")
    page.get_by_test_id("record-next-open").press("Enter")
    page.locator("[name=age]").fill("720")
    page.get_by_test_id("record-save").click()
    expect(page.get_by_test_id("record-form").get_by_role("alert")).to_contain_text("a number of years from 0 to 130")
    page.locator("[name=age]").fill("72")
    page.locator("[name=o2_saturation]").fill("88")
    page.get_by_test_id("record-save").click()
    expect(page.get_by_test_id("record-lines").locator("li")).to_have_text(LINES)
    assert_accessible(page)
    page.get_by_test_id("record-change").click()
    expect(page.locator("[name=o2_saturation]")).to_have_value("88")
    page.get_by_test_id("record-save").click()
    expect(page.get_by_test_id("record-waiting")).to_be_visible()
    page.set_viewport_size(NARROW)
    assert_no_sideways_scrolling(page)
    page.get_by_test_id("upload-input").set_input_files(radiograph)
    wait_for_results(page)
    assert record_of(page) == LINES


def test_a_record_chosen_together_with_its_radiograph_goes_with_it(page, radiograph, tmp_path):
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files([radiograph, write(tmp_path, "ehr.json", json.dumps(RECORD))])
    wait_for_results(page)
    assert record_of(page) == LINES


def test_a_dropped_record_waits_for_the_radiograph_that_is_dropped_after_it(page, phantom_png_bytes):
    page.goto("/")
    drop(page, "ehr.json", json.dumps(RECORD))
    expect(page.get_by_test_id("record-lines").locator("li")).to_have_text(LINES)
    page.get_by_test_id("sample-phantom").click()
    wait_for_results(page)
    assert record_of(page) == LINES


def test_a_wrong_record_is_one_sentence_and_the_radiograph_is_read_all_the_same(refused, page, radiograph, tmp_path):
    page.goto("/")
    wrong = write(tmp_path, "ehr.json", json.dumps({"Age": "old"}))
    page.get_by_test_id("upload-input").set_input_files([radiograph, wrong])
    row = page.get_by_test_id("upload-row")
    expect(row).to_have_attribute("data-state", "done")
    expect(row.get_by_test_id("record-said")).to_have_text(
        "The radiograph is read without its health record. The health record's Age is 'old'; it should be a number of "
        "years from 0 to 130. A record can be added on the study's page, under More."
    )
    assert page.evaluate("location.pathname") == "/", "who is told something is not led away from it"
    row.get_by_role("link", name="Open").click()
    wait_for_results(page)
    assert record_of(page) == []


def test_records_of_several_radiographs_are_told_by_their_names(page, phantom_png_bytes, tmp_path):
    files = []
    for name in ("first", "second"):
        image = tmp_path / f"{name}.png"
        image.write_bytes(phantom_png_bytes)
        files.append(image)
    files += [write(tmp_path, "second.json", json.dumps(RECORD)), write(tmp_path, "other.json", "{}")]
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files(files)
    rows = page.get_by_test_id("upload-row")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="second.png").get_by_test_id("record-said")).to_contain_text("age 72")
    expect(rows.filter(has_text="first.png").get_by_test_id("record-said")).to_be_hidden()
    expect(page.get_by_test_id("record-form").get_by_role("alert")).to_contain_text("whose health record other.json is")


def drop(page, name, text):
    page.evaluate(
        """([name, text]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], name, { type: 'application/json' }));
          for (const kind of ['dragenter', 'dragover', 'drop']) {
            const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
            document.querySelector('h1').dispatchEvent(new DragEvent(kind, options));
          }
        }""",
        [name, text],
    )
