"""Editing, saving and signing the report in a real browser, against a really running server."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import dcmread
from sqlalchemy import create_engine, text
from steps import (
    NARROW,
    assert_disclaimer_in_view,
    assert_no_sideways_scrolling,
    expect,
    judged_rows,
    open_study,
    playwright_api,
    select,
    tab_to,
    wait_for_results,
)

from core import DISCLAIMER
from core.settings import ROOT

IMPRESSION = "Small left pleural effusion.\nClinical correlation is advised."
STUDY = re.compile(r"/api/studies/\w+$")
SAVES = re.compile(r"/api/studies/\w+/review$")


def open_report(page, path):
    open_study(page, path)
    wait_for_report(page)


def wait_for_report(page):
    expect(page.locator("#report")).to_have_attribute("data-ready", "true")


def reload(page):
    page.reload()
    wait_for_results(page)
    wait_for_report(page)


def start_editing(page):
    page.get_by_test_id("report-edit").click()
    expect(page.get_by_test_id("edit-findings")).to_be_focused()


def write_impression(page, words=IMPRESSION):
    page.get_by_test_id("edit-impression").fill(words)


def expect_saved(page):
    expect(page.get_by_test_id("save-state")).to_have_text(re.compile(r"^Saved \d"))


def sign(page, name="Dr. Ada Reader"):
    page.get_by_test_id("report-sign").click()
    page.get_by_test_id("sign-name").fill(name)
    page.get_by_test_id("confirm-sign").click()
    expect(page.get_by_test_id("report-state")).to_contain_text(f"Signed by {name}")


def shown_text(page, section="impression"):
    return page.locator(f'[data-testid=report-section][data-section="{section}"] p').inner_text()


def study_api(page):
    return "/api" + page.evaluate("location.pathname")


def test_an_edit_is_saved_by_itself_and_is_there_after_a_reload(page, chest_dicom):
    open_report(page, chest_dicom)
    expect(page.get_by_test_id("report-state")).to_have_text("Draft, not reviewed")
    draft = shown_text(page)
    start_editing(page)
    write_impression(page)
    expect_saved(page)
    expect(page.get_by_test_id("report-state")).to_have_text("Edited, not signed")
    assert shown_text(page) == draft, "the draft stays beside the editor"
    page.get_by_test_id("report-done").click()
    assert shown_text(page) == IMPRESSION
    reload(page)
    assert shown_text(page) == IMPRESSION
    page.get_by_test_id("show-template").click()
    assert shown_text(page) == draft
    page.get_by_test_id("show-reviewer").click()
    page.locator("[data-testid=report-sentence][data-findings=Effusion]").first.click()
    expect(page.locator("[data-testid=finding-row][aria-selected=true]")).to_have_attribute("data-finding", "Effusion")


def test_text_of_a_crashed_tab_is_restored_in_the_next(page, chest_dicom, expected_console):
    expected_console.append("net::ERR_FAILED")
    open_report(page, chest_dicom)
    address = page.url
    page.route(SAVES, lambda route: route.abort() if route.request.method == "PUT" else route.fallback())
    start_editing(page)
    write_impression(page)
    expect(page.get_by_test_id("save-state")).to_contain_text("kept in this browser")
    with page.expect_event("crash"), contextlib.suppress(playwright_api.Error):
        page.goto("chrome://crash")
    page.close()
    other = page.context.new_page()
    other.goto(address)
    wait_for_report(other)
    notice = other.get_by_test_id("notice-restored")
    expect(notice).to_contain_text(re.compile(r"Unsaved changes from \d.* were restored"))
    expect(other.get_by_test_id("edit-impression")).to_have_value(IMPRESSION)
    expect_saved(other)
    other.reload()
    wait_for_report(other)
    expect(notice).to_have_count(0)
    assert shown_text(other) == IMPRESSION


def test_a_lost_answer_is_no_conflict(page, chest_dicom, expected_console):
    expected_console += ["net::ERR_FAILED", "409"]
    open_report(page, chest_dicom)

    def lose_answer(route):
        if route.request.method == "PUT":
            route.fetch()
            route.abort()
        else:
            route.fallback()

    page.route(SAVES, lose_answer)
    start_editing(page)
    write_impression(page, "This arrived.")
    expect(page.get_by_test_id("save-state")).to_contain_text("kept in this browser")
    page.unroute(SAVES)
    write_impression(page)
    expect_saved(page)
    expect(page.get_by_test_id("notice-conflict")).to_have_count(0)
    assert page.request.get(f"{study_api(page)}/review").json()["text"]["impression"] == IMPRESSION


def test_a_second_tab_is_told_and_shown_both_texts(page, chest_dicom, expected_console):
    expected_console.append("409")
    open_report(page, chest_dicom)
    other = page.context.new_page()
    other.goto(page.url)
    wait_for_results(other)
    wait_for_report(other)
    # Both edit the same revision: the other tab's saving is held up until ours is through.
    other.route(SAVES, lambda route: route.abort() if route.request.method == "PUT" else route.fallback())
    start_editing(other)
    write_impression(other, "The other tab's impression.")
    expect(other.get_by_test_id("save-state")).to_contain_text("kept in this browser")
    start_editing(page)
    write_impression(page)
    expect_saved(page)
    other.unroute(SAVES)
    other.get_by_test_id("report-save").click()
    notice = other.get_by_test_id("notice-conflict")
    expect(notice).to_contain_text("Nothing was overwritten")
    expect(notice.get_by_test_id("text-other")).to_contain_text("Clinical correlation is advised.")
    expect(notice.get_by_test_id("text-mine")).to_contain_text("The other tab's impression.")
    assert page.request.get(f"{study_api(page)}/review").json()["text"]["impression"] == IMPRESSION
    # It is asked again after a reload, until it is answered.
    other.reload()
    wait_for_report(other)
    other.get_by_test_id("notice-conflict").get_by_role("button", name="Go on with my text").click()
    expect_saved(other)
    # The first tab, which has nothing unsaved, follows.
    expect(page.get_by_test_id("edit-impression")).to_have_value("The other tab's impression.")
    entries = page.request.get(f"{study_api(page)}/review").json()["record"]["entries"]
    assert [entry["kind"] for entry in entries] == ["draft", "edit", "edit"]


@pytest.fixture
def own_server(tmp_path):
    """Starts, kills and starts again a server of its own, always at the same address and on the same folder."""

    class Server:
        def __init__(self):
            self.address, self.process = None, None

        def start(self):
            port = self.address.rsplit(":", 1)[1] if self.address else "0"
            environment = os.environ | {"CHESTLENS_INSTANCE": str(tmp_path / "instance"), "CHESTLENS_WRITER": "off"}
            self.process = subprocess.Popen(
                [sys.executable, "app.py", "--port", port], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
            )
            self.address = re.search(r"http://\S+", self.process.stdout.readline())[0]

        def kill(self):
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process.stdout.close()

    server = Server()
    server.start()
    yield server
    server.kill()


def test_nothing_is_lost_when_the_server_is_killed_in_the_middle(browser, own_server, chest_dicom):
    context = browser.new_context(base_url=own_server.address)
    page = context.new_page()
    open_report(page, chest_dicom)
    start_editing(page)
    write_impression(page, "Saved before.")
    expect_saved(page)

    own_server.kill()
    write_impression(page)
    state = page.get_by_test_id("save-state")
    expect(state).to_have_text("Not saved yet: the server cannot be reached; kept in this browser")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("report-editor")).to_be_visible()
    own_server.start()
    expect_saved(page)

    sign(page)
    reload(page)
    expect(page.get_by_test_id("report-state")).to_contain_text("Signed by Dr. Ada Reader")
    assert shown_text(page) == IMPRESSION
    expect(page.get_by_test_id("report-record").locator("summary")).to_have_text("Record intact, 4 entries")
    context.close()


def test_a_signed_report_is_fixed_and_a_reopened_one_is_version_two(page, chest_dicom):
    open_report(page, chest_dicom)
    start_editing(page)
    write_impression(page)
    # Signing needs no saving before.
    sign(page)
    expect(page.get_by_test_id("report-editor")).to_be_hidden()
    expect(page.get_by_test_id("report-edit")).to_be_hidden()
    page.keyboard.press("e")
    expect(page.get_by_test_id("report-editor")).to_be_hidden()
    page.get_by_test_id("delete-study").click()
    expect(page.get_by_test_id("delete-signed")).to_contain_text("signed by Dr. Ada Reader")
    page.keyboard.press("Escape")

    page.get_by_test_id("report-reopen").click()
    expect(page.get_by_test_id("reopen-name")).to_have_value("Dr. Ada Reader")
    page.get_by_test_id("reopen-reason").fill("The side was wrong.")
    page.get_by_test_id("confirm-reopen").click()
    expect(page.get_by_test_id("report-state")).to_have_text("Edited, not signed, version 2")
    expect(page.get_by_test_id("edit-impression")).to_have_value(IMPRESSION)
    write_impression(page, IMPRESSION.replace("left", "right"))
    differences = page.get_by_test_id("report-editor").get_by_test_id("differences")
    expect(differences.locator("del")).to_have_text("removed: left")
    expect(differences.locator("ins")).to_have_text("added: right")
    sign(page, "B. Second")
    expect(page.get_by_test_id("report-state")).to_contain_text("version 2")

    record = page.get_by_test_id("report-record")
    record.locator("summary").click()
    expect(record).to_contain_text("Reopened by Dr. Ada Reader")
    expect(record).to_contain_text("reason: The side was wrong.")
    with page.expect_download() as download:
        page.get_by_test_id("download-record").click()
    assert json.loads(Path(download.value.path()).read_text())["intact"] is True
    compare = page.get_by_test_id("report-compare")
    compare.locator("summary").click()
    expect(compare.get_by_test_id("difference-count")).to_contain_text("1 word added, 1 removed")
    compare.get_by_label("From").select_option("Template draft")
    expect(compare.locator("ins").first).to_be_visible()
    page.goto("/")
    expect(page.get_by_test_id("study-row").first).to_be_visible()


def test_a_tampered_record_is_reported(page, live_instance, chest_dicom):
    open_report(page, chest_dicom)
    sign(page)
    engine = create_engine(f"sqlite:///{live_instance / 'chestlens.sqlite3'}")
    with engine.begin() as connection:
        study = page.url.rsplit("/", 1)[1]
        guard = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'review_events_stay'")).scalar()
        connection.execute(text("DROP TRIGGER review_events_stay"))
        change = "UPDATE review_events SET author = 'Somebody Else' WHERE kind = 'sign' AND study_id = :study"
        connection.execute(text(change), {"study": study})
        connection.execute(text(guard))
    engine.dispose()
    reload(page)
    summary = page.get_by_test_id("report-record").locator("summary")
    expect(summary).to_have_text("Record not intact: Entry 2 was changed after it was written.")


def test_downloads_after_the_signature_hold_the_signed_text(page, chest_dicom):
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    open_report(page, chest_dicom)
    start_editing(page)
    write_impression(page)
    sign(page)
    files = {}
    for kind in ("pdf", "sr", "fhir"):
        with page.expect_download() as download:
            page.get_by_test_id(f"download-{kind}").click()
        files[kind] = Path(download.value.path()).read_bytes()
    (pdf,) = [" ".join(sheet.extract_text().split()) for sheet in pypdf.PdfReader(io.BytesIO(files["pdf"])).pages]
    assert " ".join(IMPRESSION.split()) in pdf
    assert "SIGNED by Dr. Ada Reader" in pdf
    report = dcmread(io.BytesIO(files["sr"]))
    assert report.VerifyingObserverSequence[0].VerifyingObserverName == "Dr. Ada Reader^"
    assert any(IMPRESSION.replace("\n", "\r\n") == item.get("TextValue") for item in report.ContentSequence)
    resources = [entry["resource"] for entry in json.loads(files["fhir"])["entry"]]
    assert resources[0]["status"] == "final"
    assert resources[-1]["name"] == [{"text": "Dr. Ada Reader"}]


def test_the_whole_review_can_be_done_with_the_keyboard(page, chest_dicom):
    open_report(page, chest_dicom)
    overlay = page.get_by_test_id("heatmap-overlay")
    was_shown = overlay.is_visible()
    page.keyboard.press("e")
    expect(page.get_by_test_id("edit-findings")).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.type(" The hila are e-qually shaped. Husk.")
    assert overlay.is_visible() == was_shown, "letters in a field are no shortcuts"
    page.keyboard.press("Shift+Tab")
    # Leaving the field saves, and the focus stays on the sentence of the draft that it went to.
    expect_saved(page)
    assert page.evaluate("document.activeElement.dataset.testid") == "report-sentence"
    page.keyboard.press("Tab")
    page.keyboard.type(" Again.")
    page.keyboard.press("Control+s")
    expect_saved(page)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("report-edit")).to_be_focused()
    assert "Husk." in shown_text(page, "findings")
    assert "Again." in shown_text(page, "findings")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("sign-name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#sign-dialog")).to_be_hidden()
    page.keyboard.press("Control+Enter")
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("report-state")).to_contain_text("Signed by Ada")
    page.locator("#main").focus()
    tab_to(page, "report-reopen", presses=80)


def test_labels_of_the_text_are_held_against_the_model_and_block_nothing(page, chest_dicom):
    open_report(page, chest_dicom)
    findings = page.request.get(study_api(page)).json()["findings"]
    (pneumothorax,) = [finding for finding in findings if finding["name"] == "Pneumothorax"]
    start_editing(page)
    notes = page.get_by_test_id("evidence-notes")
    expect(notes).to_be_hidden()
    says = "absent" if pneumothorax["decision"] == "present" else "present"
    page.get_by_test_id("edit-findings").fill("No pneumothorax." if says == "absent" else "Right pneumothorax.")
    line = notes.locator("[data-finding=Pneumothorax]")
    expect(line).to_contain_text(f"You now say pneumothorax is {says}; the model called it {pneumothorax['decision']}")
    sign(page)


def test_a_narrow_window_stacks_draft_and_editor(page, chest_dicom):
    page.set_viewport_size(NARROW)
    open_report(page, chest_dicom)
    start_editing(page)
    write_impression(page)
    expect_saved(page)
    assert_no_sideways_scrolling(page)
    assert_disclaimer_in_view(page)
    draft, editor = (page.locator(place).bounding_box() for place in ("#report-body", "#report-editor"))
    assert draft["y"] + draft["height"] <= editor["y"]
    page.set_viewport_size({"width": 1440, "height": 900})
    draft, editor = (page.locator(place).bounding_box() for place in ("#report-body", "#report-editor"))
    assert draft["x"] + draft["width"] <= editor["x"]
    assert editor["y"] < draft["y"] + draft["height"]
    assert_no_sideways_scrolling(page)
    page.set_viewport_size(NARROW)
    page.get_by_test_id("report-sign").click()
    assert_no_sideways_scrolling(page)
    expect(page.get_by_test_id("confirm-sign")).to_be_in_viewport()


@pytest.mark.parametrize("width", [1280, 1440])
def test_the_evidence_beside_the_editor_is_shown_whole(page, chest_dicom, width):
    page.set_viewport_size({"width": width, "height": 900})
    open_report(page, chest_dicom)
    start_editing(page)
    for row in judged_rows(page).all():
        select(page, row)
        detail = page.get_by_test_id("finding-detail")
        expect(detail).to_contain_text("Heatmap reliability")
        assert detail.evaluate("node => node.scrollHeight - node.clientHeight") == 0
    tops = {tool.bounding_box()["y"] for tool in page.get_by_test_id("tools").locator("button").all()}
    assert len(tops) == 1, "the tools stand in one row"


def test_print_shows_the_text_that_stands_and_its_state(page, chest_dicom):
    open_report(page, chest_dicom)
    start_editing(page)
    write_impression(page)
    expect_saved(page)
    page.emulate_media(media="print")
    printed = page.locator("#report-print")
    expect(printed).to_contain_text("Edited, not signed, version 1")
    expect(printed).to_contain_text("Clinical correlation is advised.")
    for hidden in ("#report-editor", "#downloads", "#report-sign"):
        expect(page.locator(hidden)).to_be_hidden()
    for visible in ("[data-testid=study-image]", "#finding-list"):
        expect(page.locator(visible)).to_be_visible()
    assert DISCLAIMER in page.locator("footer").inner_text()


def _rewriting(page, stage):
    """Answers for the study as a server with a language model gives them; ``stage`` holds waiting, writing or done."""

    def answer(route):
        response = route.fetch()
        study = response.json()
        template = study["report"]
        if template is None:
            route.fulfill(response=response)
            return
        rewritten = template | {
            "source": "vlm",
            "impression": "No effusion is seen.",
            "sentences": [
                {"section": "impression", "text": "No effusion is seen.", "findings": ["Effusion"], "kind": "normal"}
            ],
        }
        done = stage["status"] == "done"
        study["reports"] = {"template": template, "vlm": rewritten if done else None}
        study["report"] = rewritten if done else template
        violation = {"kind": "added", "sentence": "A mass.", "findings": ["Mass"], "message": "It adds a lung mass."}
        study["rewrite"] = {
            "status": stage["status"],
            "message": None,
            "seconds": 12.3,
            "partial": ["The lungs are clear."],
            "verdict": {"action": "repaired", "attempts": [{"violations": [violation]}]} if done else None,
            "model": {"name": "writer", "version": "7"},
            "reasoning": [f"Step {number}." for number in range(1, 11)],
            "reasoning_by_rule": False,
        }
        route.fulfill(response=response, json=study)

    page.route(STUDY, answer)


def test_a_rewrite_is_followed_and_then_shown_with_its_verdict(page, chest_dicom):
    stage = {"status": "writing"}
    _rewriting(page, stage)
    open_report(page, chest_dicom)
    box = page.get_by_test_id("rewrite")
    expect(box).to_contain_text("Being written; each sentence was checked, the whole is not yet")
    expect(page.get_by_test_id("rewrite-partial")).to_have_text("The lungs are clear.")
    stage["status"] = "done"
    expect(page.get_by_test_id("show-vlm")).to_have_attribute("aria-pressed", "true")
    assert shown_text(page) == "No effusion is seen."
    expect(box).to_contain_text("Accepted after repair")
    expect(box).to_contain_text("Language model writer 7, 12.3 s")
    page.get_by_test_id("rewrite-violations").locator("summary").click()
    expect(box).to_contain_text("Attempt 1: It adds a lung mass.")
    expect(box.get_by_text("Step 10.")).to_be_hidden()
    page.get_by_test_id("rewrite-reasoning").locator("summary").click()
    expect(box.get_by_text("Step 10.")).to_be_visible()
    page.get_by_test_id("show-template").click()
    assert shown_text(page) != "No effusion is seen."


def test_a_rewrite_never_replaces_what_a_reviewer_wrote(page, chest_dicom):
    stage = {"status": "writing"}
    _rewriting(page, stage)
    open_report(page, chest_dicom)
    start_editing(page)
    write_impression(page)
    stage["status"] = "done"
    notice = page.get_by_test_id("notice-rewrite")
    expect(notice).to_contain_text("The rewritten draft is ready. Your text stays as it is.")
    assert page.get_by_test_id("edit-impression").input_value() == IMPRESSION
    notice.get_by_role("button", name="Show it").click()
    assert shown_text(page) == "No effusion is seen."
    assert page.get_by_test_id("edit-impression").input_value() == IMPRESSION


def test_the_radiologists_own_report_stands_beside(page, chest_dicom):
    def with_reference(route):
        response = route.fetch()
        report = {"findings": "Heart size is normal.", "impression": "No acute disease."}
        reference = {"labels": None, "boxes": None, "report": report, "source": "Open-i"}
        route.fulfill(response=response, json=response.json() | {"reference": reference})

    page.route(STUDY, with_reference)
    page.set_viewport_size({"width": 1440, "height": 900})
    open_report(page, chest_dicom)
    reference = page.get_by_test_id("reference")
    expect(reference).to_contain_text("No acute disease.")
    expect(reference).to_contain_text("Source: Open-i")
    ours = page.locator("#report-body").bounding_box()
    assert ours["x"] + ours["width"] <= reference.bounding_box()["x"]


def test_pointing_at_a_sentence_lights_the_findings_it_rests_on(page, chest_dicom):
    open_report(page, chest_dicom)
    sentence = page.locator("[data-testid=report-sentence][role=button]").first
    sentence.hover()
    lit = page.locator("#finding-list .is-lit")
    expect(lit).to_have_count(len(sentence.get_attribute("data-findings").split()))
    names = set(sentence.get_attribute("data-findings").split())
    assert {row.get_attribute("data-finding") for row in lit.all()} == names
    page.locator("#report-title").hover()
    expect(lit).to_have_count(0)
