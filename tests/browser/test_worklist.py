"""Many uploads, the worklist and the gallery of samples, in a real browser."""

import re
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from steps import NARROW, assert_no_sideways_scrolling, expect, wait_for_results

from core.findings import BY_NAME
from core.imaging import render_phantom
from core.reporting import FindingEvidence
from core.studies import exports
from core.studies.studies import Upload
from core.studies.worklist import keep_calls
from core.web import services_of


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    """Five different rendered chests, named chest-0.png and so on."""
    folder = tmp_path_factory.mktemp("radiographs")
    for seed in range(5):
        pixels = np.round(render_phantom(size=256, seed=seed) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"chest-{seed}.png")
    return folder


def delete_all(page):
    for study in page.request.get("/api/studies?limit=200").json()["studies"]:
        page.request.delete(f"/api/studies/{study['id']}")


@pytest.fixture
def clean(page):
    """A worklist without the studies of other tests."""
    delete_all(page)


@pytest.fixture
def five_studies(page, radiographs):
    """A finished study of each radiograph, those of the test before where it left all; returns the list."""
    listed = page.request.get("/api/studies").json()["studies"]
    files = sorted(radiographs.iterdir())
    if [study["filename"] for study in reversed(listed)] == [path.name for path in files]:
        page.goto("/")
        expect(rows(page)).to_have_count(5)
        return listed
    delete_all(page)
    for path in files:
        file = {"name": path.name, "mimeType": "image/png", "buffer": path.read_bytes()}
        assert page.request.post("/api/studies", multipart={"file": file}).status == 201
    page.goto("/")
    expect(page.locator("[data-testid=study-row] .status-done")).to_have_count(5)
    return page.request.get("/api/studies").json()["studies"]


def rows(page):
    return page.get_by_test_id("study-row")


def names(page):
    return rows(page).get_by_test_id("open-study").all_inner_texts()


def pick(page, folder):
    page.get_by_test_id("folder-input").set_input_files(folder)


def drop(page, folder):
    """As from a file manager: the browser itself opens the folder."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})


@pytest.mark.parametrize("send", [pick, drop])
def test_a_folder_is_sent_without_what_is_plainly_no_radiograph(page, clean, radiographs, chest_dicom, tmp_path, send):
    folder = tmp_path / "exam"
    (folder / "CT").mkdir(parents=True)
    shutil.copy(radiographs / "chest-0.png", folder / "chest-0.png")
    shutil.copy(chest_dicom, folder / "CT" / "IM0001")
    for name in ("notes.txt", "Thumbs.db", ".hidden", "DICOMDIR"):
        (folder / name).write_bytes(b"no radiograph")
    page.goto("/")
    send(page, folder)
    done = page.locator("[data-testid=upload-row][data-state=done]")
    expect(done).to_have_count(2)
    expect(page.get_by_test_id("batch-line")).to_have_text("2 of 2 done")
    expect(page.get_by_test_id("batch-skipped")).to_contain_text(
        "4 files that are plainly no radiographs were left out"
    )
    expect(rows(page)).to_have_count(2)
    assert sorted(names(page)) == ["exam/CT/IM0001", "exam/chest-0.png"]


def test_a_zip_becomes_a_study_for_each_radiograph_and_says_what_it_refused(page, clean, radiographs, tmp_path):
    archive = tmp_path / "exams.zip"
    with zipfile.ZipFile(archive, "w") as members:
        for path in sorted(radiographs.iterdir())[:2]:
            members.write(path, f"patient/{path.name}")
        members.writestr("patient/letter.bin", b"Dear colleague, " * 50)
        members.writestr("__MACOSX/patient/._chest-0.png", b"junk")
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files(archive)
    row = page.get_by_test_id("upload-row")
    expect(row).to_have_attribute("data-state", "done")
    expect(row).to_contain_text("2 of 2 radiographs analysed; 1 file refused; 1 system file skipped")
    row.get_by_text("Which, and why").click()
    expect(row.get_by_test_id("refused")).to_contain_text("patient/letter.bin The file is not an image")
    expect(rows(page)).to_have_count(2)
    assert sorted(names(page)) == ["patient/chest-0.png", "patient/chest-1.png"]


def test_an_archive_without_any_radiograph_names_each_file(page, clean, tmp_path, expected_console):
    expected_console.append("status of 422")
    archive = tmp_path / "letters.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("one.bin", b"Dear colleague, " * 50)
        members.writestr("two.bin", b"")
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files(archive)
    expect(page.get_by_test_id("upload-error")).to_contain_text("All 2 files in it were refused")
    page.get_by_text("Which, and why").click()
    expect(page.get_by_test_id("refused")).to_contain_text("two.bin The file is empty")


def test_uploads_are_paused_cancelled_and_tried_again(page, clean, radiographs, expected_console):
    expected_console.append("status of 500")
    broken = [True]

    def fail_at_first(route):
        if route.request.method == "POST" and broken[0]:
            route.fulfill(status=500, json={"error": {"code": "internal", "message": "It broke."}})
        else:
            route.continue_()

    page.route("**/api/studies", fail_at_first)
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files(sorted(radiographs.iterdir())[:3])
    expect(page.get_by_test_id("upload-error")).to_have_count(3)
    broken[0] = False
    # Paused first: whatever is tried again waits, and can be called off before it is sent.
    beside = page.locator("script[src$='/upload_page.js']").get_attribute("src").rpartition("/")[0]
    page.evaluate(f"import('{beside}/upload_task.js').then(({{ sending }}) => sending.pause())")
    page.get_by_test_id("batch-retry").click()
    line = page.get_by_test_id("batch-line")
    expect(line).to_have_text("0 of 3 done · 3 to be sent, paused")
    page.get_by_role("button", name="Cancel chest-2.png").click()
    page.get_by_test_id("batch-pause").click()
    expect(line).to_have_text("2 of 2 done")
    expect(rows(page)).to_have_count(2)
    page.get_by_test_id("batch-clear").click()
    expect(page.locator("#uploads")).to_be_hidden()


def test_filter_and_search_are_kept_by_a_reload_and_a_link(page, five_studies, application):
    finding, expected = "Hernia", ["chest-1.png", "chest-3.png"]
    for study in five_studies:
        if study["filename"] in expected:
            called = FindingEvidence(BY_NAME[finding], 0.75, None, "present", (), None)
            with services_of(application).studies.database.session() as session:
                keep_calls(session, study["id"], [called])
                session.commit()
    page.reload()
    page.get_by_test_id("filter-finding").select_option(finding)
    expect(rows(page)).to_have_count(len(expected))
    assert sorted(names(page)) == expected
    page.get_by_test_id("search").fill(Path(expected[0]).stem)
    expect(rows(page)).to_have_count(1)
    address = page.url
    assert f"finding={finding}" in address
    page.reload()
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_test_id("search")).to_have_value(Path(expected[0]).stem)
    expect(page.get_by_test_id("filter-finding")).to_have_value(finding)

    page.get_by_test_id("search").fill("no such file")
    expect(page.get_by_test_id("study-list")).to_contain_text("No study matches")
    page.get_by_test_id("filters-clear").click()
    expect(rows(page)).to_have_count(5)
    page.goto(address)
    expect(rows(page)).to_have_count(1)


def test_long_lists_are_shown_page_by_page(page, five_studies):
    def as_if_there_were_many(route):
        answer = route.fetch(url=route.request.url.replace("limit=50", "limit=2").replace("offset=50", "offset=2"))
        route.fulfill(response=answer, json=answer.json() | {"total": 120})

    page.route("**/api/studies?*", as_if_there_were_many)
    page.goto("/?sort=name")
    expect(rows(page)).to_have_count(2)
    pager = page.get_by_role("navigation", name="Pages of the worklist")
    pager.get_by_role("button", name="Next").click()
    expect(pager).to_contain_text("51 to 52 of 120")
    assert names(page) == ["chest-2.png", "chest-3.png"]
    assert "page=2" in page.url
    page.reload()
    expect(pager).to_contain_text("51 to 52 of 120")
    pager.get_by_role("button", name="Previous").click()
    expect(page.get_by_test_id("open-study").nth(0)).to_have_text("chest-0.png")


@pytest.mark.parametrize("path", ["/", "/samples"])
def test_a_narrow_window_needs_no_sideways_scrolling(page, five_studies, path):
    page.set_viewport_size(NARROW)
    page.goto(path)
    expect(page.get_by_test_id("study-row" if path == "/" else "sample-card").first).to_be_visible()
    assert_no_sideways_scrolling(page)


def test_new_studies_appear_without_taking_focus_or_selection(page, five_studies, radiographs):
    third = page.get_by_test_id("open-study").nth(2)
    name = third.inner_text()
    third.focus()
    page.keyboard.press("x")
    page.get_by_test_id("upload-input").set_input_files([radiographs / "chest-0.png", radiographs / "chest-1.png"])
    expect(page.locator("[data-testid=study-row] .status-done")).to_have_count(7)
    assert page.evaluate("document.activeElement.textContent") == name
    expect(page.get_by_role("checkbox", name=f"Select {name}")).to_be_checked()


def test_the_list_is_worked_by_keyboard_alone(page, five_studies):
    page.keyboard.press("/")
    expect(page.get_by_test_id("search")).to_be_focused()
    page.keyboard.type("chest")
    page.keyboard.press("Escape")  # clears the search
    page.keyboard.press("Escape")  # leaves it
    links = page.get_by_test_id("open-study")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    expect(links.nth(2)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("x")
    page.keyboard.press("End")
    page.keyboard.press("x")
    expect(page.get_by_test_id("selection")).to_contain_text("2 studies selected")
    gone = [names(page)[1], names(page)[4]]

    page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 studies will be removed")
    page.keyboard.press("Escape")
    expect(rows(page)).to_have_count(5)
    page.keyboard.press("Delete")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(3)
    assert not set(gone) & set(names(page))
    assert len(page.request.get("/api/studies").json()["studies"]) == 3
    expect(links.nth(2)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    wait_for_results(page)


def test_several_selected_with_the_mouse_are_deleted_together(page, five_studies):
    page.get_by_test_id("select-all").check()
    page.get_by_role("checkbox", name="Select chest-3.png").uncheck()
    page.get_by_test_id("delete-selected").click()
    page.get_by_test_id("confirm-delete").click()
    expect(rows(page)).to_have_count(1)
    assert names(page) == ["chest-3.png"]
    expect(page.get_by_test_id("selection")).to_be_hidden()


def test_the_most_urgent_come_first(page, clean, application, radiographs):
    studies = services_of(application).studies
    for name, called in {"a.png": "Nodule", "b.png": None, "c.png": "Pneumothorax"}.items():
        study = studies.receive(Upload(name, (radiographs / "chest-0.png").read_bytes()))
        finding = BY_NAME[called or "Hernia"]
        while studies.find(study.id).status != "done":
            time.sleep(0.05)
        with studies.database.session() as session:
            keep_calls(session, study.id, [FindingEvidence(finding, 0.75, None, "present", (), None)])
            session.commit()
    page.goto("/")
    expect(rows(page)).to_have_count(3)
    assert names(page) == ["c.png", "b.png", "a.png"]
    page.get_by_test_id("sort").select_option("urgency")
    expect(rows(page).nth(1)).to_contain_text("a.png")
    assert names(page) == ["c.png", "a.png", "b.png"]
    expect(rows(page).nth(0).locator(".cell-urgency")).to_have_text(re.compile("Urgent.*Pneumothorax", re.DOTALL))
    expect(rows(page).nth(1).locator(".cell-urgency")).to_have_text(re.compile("Soon.*Nodule", re.DOTALL))
    expect(rows(page).nth(2).locator(".cell-urgency")).to_have_text("Routine")
    page.reload()
    expect(rows(page).nth(0)).to_contain_text("c.png")


def test_a_sample_opens_and_opens_again_without_a_second_analysis(page, clean):
    page.goto("/")
    page.get_by_test_id("all-samples").click()
    cards = page.get_by_test_id("sample-card")
    expect(cards).to_have_count(24)
    page.get_by_test_id("filter-finding").select_option("Mass")
    expect(cards).to_have_count(8)
    card = cards.nth(1)
    expect(card).to_contain_text("Label Effusion, Mass · 1 box")
    expect(card).to_contain_text("Not analysed yet")
    picture = card.locator("img")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_for_results(page)
    first = page.url

    page.go_back()
    expect(page.get_by_test_id("filter-finding")).to_have_value("Mass")
    expect(cards.nth(1)).to_contain_text("ChestLens")
    cards.nth(1).get_by_role("button").click()
    wait_for_results(page)
    assert page.url == first
    studies = page.request.get("/api/studies").json()
    assert studies["total"] == 1
    reference = page.request.get(f"/api/studies/{studies['studies'][0]['id']}").json()["reference"]
    assert reference["labels"] == ["Effusion", "Mass"]


def test_a_table_too_long_for_one_answer_is_made_and_saved_all_the_same(page, five_studies, monkeypatch):
    monkeypatch.setattr(exports, "LONGEST_TABLE", 4)
    page.goto("/")
    link = page.get_by_test_id("download-all")
    with page.expect_download() as download:
        link.click()
        expect(link).to_contain_text("Making the file")
    expect(link).to_have_text("Download")
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 1 + 14 * len(five_studies)


def test_reports_of_all_listed_studies_are_saved_as_one_archive(page, five_studies):
    page.goto("/")
    page.get_by_test_id("export-format").select_option(label="PDF reports, zip archive")
    with page.expect_download() as download:
        page.get_by_test_id("download-all").click()
    assert download.value.suggested_filename == "studies.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == len(five_studies)
        assert all(archive.read(name).startswith(b"%PDF") for name in archive.namelist())
