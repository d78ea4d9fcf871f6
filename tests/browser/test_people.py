"""Signing in, the own account, people and the audit log, as they are used on the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from steps import NARROW, expect, upload_study
from test_accessibility import assert_accessible

from core.settings import ServerSettings
from core.web import create_app, services_of

PASSWORD = "an old lighthouse"


@pytest.fixture(scope="module")
def application(live_instance: Path) -> Iterator[Flask]:
    """A server with people."""
    environment = {"CHESTLENS_INSTANCE": str(live_instance), "CHESTLENS_WRITER": "off"}
    application = create_app(ServerSettings.from_environment(environment))
    accounts = services_of(application).accounts
    accounts.add("root@hospital.example", PASSWORD, role="admin", full_name="Dr. Ada Reader", group="ward")
    accounts.add("ben", PASSWORD, role="reviewer", full_name="Dr. Ben Zimmermann-Lützelschwab of the Long Names")
    yield application
    services_of(application).close()


@pytest.fixture
def admin(page):
    return _signed_in(page, "root@hospital.example")


def _signed_in(page, name):
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_test_id("sign-in").click()
    expect(page.get_by_test_id("account-menu")).to_be_visible()
    return page


def _assert_good_in_both_widths(page):
    assert_accessible(page)
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"
    assert_accessible(page)
    page.set_viewport_size({"width": 1440, "height": 900})


def test_signing_in_by_the_keyboard_leads_to_the_page_that_was_wanted(page, expected_console):
    expected_console.append("401")
    page.goto("/account")
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("ben")
    page.keyboard.press("Tab")
    page.keyboard.type("a wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("problem")).to_contain_text("wrong")
    _assert_good_in_both_widths(page)
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account")


def test_the_menu_opens_and_closes_by_key_and_signs_out(admin):
    menu = admin.get_by_test_id("account-menu")
    menu.locator("summary").focus()
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("link", name="Audit log")).to_be_visible()
    _assert_good_in_both_widths(admin)
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("link", name="Audit log")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()
    menu.locator("summary").click()
    admin.get_by_test_id("sign-out").click()
    expect(admin.get_by_role("heading", level=1)).to_have_text("Sign in")
    admin.goto("/")
    expect(admin).to_have_url(re.compile("/sign-in"))


def test_a_report_is_signed_with_the_name_of_the_person(page, chest_dicom):
    _signed_in(page, "ben")
    upload_study(page, chest_dicom)
    expect(page.locator("#report")).to_have_attribute("data-ready", "true")
    page.get_by_test_id("report-edit").click()
    page.get_by_test_id("edit-impression").fill("Small left pleural effusion.")
    expect(page.get_by_test_id("save-state")).to_contain_text("Saved")
    page.get_by_test_id("report-sign").click()
    name = page.get_by_test_id("sign-name")
    expect(name).to_have_value("Dr. Ben Zimmermann-Lützelschwab of the Long Names")
    assert not name.is_editable()
    assert_accessible(page)
    page.get_by_test_id("confirm-sign").click()
    expect(page.get_by_test_id("report-state")).to_contain_text("Signed by Dr. Ben Zimmermann-Lützelschwab")


def test_who_only_uploads_is_offered_neither_editing_nor_signing(page, application, chest_dicom):
    services_of(application).accounts.add("una", PASSWORD, role="uploader")
    _signed_in(page, "una")
    upload_study(page, chest_dicom)
    expect(page.locator("#report")).to_have_attribute("data-ready", "true")
    expect(page.get_by_test_id("may-not-review")).to_be_visible()
    expect(page.get_by_test_id("report-edit")).to_be_disabled()
    page.keyboard.press("e")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("edit-impression")).to_be_hidden()
    expect(page.locator("#sign-dialog")).to_be_hidden()
    assert_accessible(page)


def test_who_was_signed_out_meanwhile_is_told_so(page, application, expected_console):
    expected_console.append("401")
    _signed_in(page, "ben")
    page.context.clear_cookies()
    page.get_by_test_id("search").fill("x")
    expect(page.locator("#list-error")).to_contain_text("Load this page again to sign in")


def test_a_token_is_shown_once_and_taken_back(admin):
    admin.goto("/account")
    expect(admin.get_by_text("No tokens yet")).to_be_visible()
    _assert_good_in_both_widths(admin)
    admin.get_by_label("What it is for").fill("PACS router")
    admin.get_by_label("Days until it ends").fill("30")
    admin.get_by_test_id("make-token").click()
    expect(admin.get_by_test_id("token-secret")).to_have_value(re.compile(r"^chestlens_\S{40,}$"))
    _assert_good_in_both_widths(admin)
    admin.goto("/account")
    expect(admin.get_by_test_id("token-secret")).to_have_count(0)
    admin.get_by_role("button", name="Take back the token PACS router").click()
    expect(admin.get_by_test_id("done")).to_contain_text("taken back")
    expect(admin.get_by_text("No tokens yet")).to_be_visible()


def test_a_password_is_changed_with_the_one_before(page, application, expected_console):
    expected_console += ["422"]
    services_of(application).accounts.add("cas", PASSWORD)
    _signed_in(page, "cas")
    page.goto("/account")

    def change(current, new, repeated):
        page.get_by_label("Current password").fill(current)
        page.get_by_label("New password", exact=True).fill(new)
        page.get_by_label("New password again").fill(repeated)
        page.get_by_test_id("change-password").click()

    change(PASSWORD, "a new lighthouse", "another one")
    expect(page.get_by_test_id("problem")).to_contain_text("differ")
    change("not it at all", "a new lighthouse", "a new lighthouse")
    expect(page.get_by_test_id("problem")).to_contain_text("not right")
    change(PASSWORD, "a new lighthouse", "a new lighthouse")
    expect(page.get_by_test_id("done")).to_contain_text("was changed")
    assert services_of(application).accounts.check_password("cas", "a new lighthouse")


def test_people_are_added_and_changed(admin, application, expected_console):
    expected_console += ["422"]
    admin.goto("/people")
    _assert_good_in_both_widths(admin)
    admin.get_by_test_id("new-person").locator("summary").click()
    admin.get_by_label("Name to sign in with").fill("dee")
    admin.get_by_label("Full name").fill("Dr. Dee")
    admin.locator("#password").fill("short")
    admin.get_by_test_id("add-person").click()
    expect(admin.get_by_test_id("problem")).to_contain_text("8 to 256 characters")
    expect(admin.get_by_label("Name to sign in with")).to_have_value("dee")
    admin.locator("#password").fill(PASSWORD)
    _assert_good_in_both_widths(admin)
    admin.get_by_test_id("add-person").click()
    expect(admin.get_by_test_id("done")).to_have_text("Dr. Dee was added.")
    row = admin.get_by_test_id("person").filter(has_text="Dr. Dee")
    row.locator("summary").click()
    row.get_by_label("Role").select_option("reviewer")
    row.get_by_label("May sign in").uncheck()
    _assert_good_in_both_widths(admin)
    row.get_by_test_id("save-person").click()
    expect(row).to_contain_text("Disabled")
    dee = services_of(application).accounts.named("dee")
    assert (dee.role, dee.disabled) == ("reviewer", True)
    own = admin.get_by_test_id("person").filter(has_text="Dr. Ada Reader")
    own.locator("summary").click()
    own.get_by_label("May sign in").uncheck()
    own.get_by_test_id("save-person").click()
    expect(admin.get_by_test_id("problem")).to_contain_text("ask another admin")
    assert not services_of(application).accounts.named("root@hospital.example").disabled


def test_the_audit_log_is_searched_and_leafed_through(admin):
    admin.goto("/audit?limit=2")
    expect(admin.get_by_test_id("entries").locator("tbody tr")).to_have_count(2)
    _assert_good_in_both_widths(admin)
    admin.set_viewport_size(NARROW)
    frame = admin.get_by_role("region", name="Entries")
    assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth"), "the entries scroll sideways"
    assert admin.get_by_role("cell", name="root@hospital.example").count()  # it is still a table
    admin.set_viewport_size({"width": 1440, "height": 900})
    first = admin.get_by_test_id("entries").locator("time").first.get_attribute("datetime")
    admin.get_by_test_id("older").click()
    assert admin.get_by_test_id("entries").locator("time").first.get_attribute("datetime") < first
    admin.goto("/audit")
    admin.get_by_label("Action").select_option("Sign in")
    admin.get_by_label("Person").select_option("root@hospital.example")
    admin.get_by_role("button", name="Search").click()
    shown = admin.get_by_test_id("entries").locator("tbody tr")
    expect(shown.first).to_contain_text("root@hospital.example")
    assert all("Sign in" in text for text in shown.all_inner_texts())
    admin.get_by_label("To").fill("2001-01-01")
    admin.get_by_role("button", name="Search").click()
    expect(admin.get_by_text("Nothing matches")).to_be_visible()
    _assert_good_in_both_widths(admin)
