"""Outlines over the radiograph, and a picture that is judged only because somebody insists."""

import numpy as np
import pytest
from stage import is_coloured, picture, png
from steps import NARROW, assert_no_sideways_scrolling, expect, open_study, wait_for_results

from core.anatomy.training.drawings import text_page


@pytest.fixture
def page_of_text(tmp_path):
    path = tmp_path / "page.png"
    path.write_bytes(png(np.round(text_page(np.random.default_rng(5)) * 255).astype(np.uint8)))
    return path


def test_the_outlines_are_switched_by_button_and_key(page, chest_dicom):
    open_study(page, chest_dicom)
    button = page.get_by_test_id("outlines-toggle")
    expect(button).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("h")  # the heatmap would colour the picture too
    plain = is_coloured(picture(page)).sum()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert is_coloured(picture(page)).sum() > plain + 200
    page.keyboard.press("o")
    expect(button).to_have_attribute("aria-pressed", "false")
    page.set_viewport_size(NARROW)
    assert_no_sideways_scrolling(page)


def test_a_page_of_text_is_judged_only_when_somebody_insists(page, page_of_text, expected_console):
    expected_console.append(r"status of 422")
    page.goto("/")
    page.get_by_test_id("upload-input").set_input_files(page_of_text)
    expect(page.get_by_test_id("upload-error")).to_contain_text("not like a frontal chest radiograph")
    page.get_by_test_id("judge-anyway").click()
    wait_for_results(page)
    expect(page.locator("#warnings")).to_contain_text("somebody insisted")
    expect(page.get_by_test_id("outlines-toggle")).to_be_disabled()
    page.set_viewport_size(NARROW)
    assert_no_sideways_scrolling(page)
