"""Findings, heatmaps, sentences and boxes that belong together, in a real browser."""

import re

import numpy as np
import pytest
from stage import change_study, marked_chest, picture, png, settle, upload
from steps import expect, judged_rows, open_finished, select

BOX = {"finding": "Mass", "x": 420.0, "y": 280.0, "width": 140.0, "height": 105.0}
REFERENCE = {"labels": ["Effusion", "Mass"], "boxes": [BOX], "report": None, "source": "NIH ChestX-ray14"}


@pytest.fixture(scope="module")
def studies(live_server):
    """Two studies of different pictures."""
    first = marked_chest()
    return [upload(live_server, png(first), "first.png"), upload(live_server, png(first[:, ::-1].copy()), "second.png")]


def open_first(page, studies):
    open_finished(page, studies[0])
    page.mouse.move(1, 1)


def row_of(page, finding):
    return page.locator(f'[data-testid=finding-row][data-finding="{finding}"]')


def shown_finding(page, pane="pane"):
    return page.get_by_test_id(pane).get_by_test_id("heatmap-overlay")


def test_pointing_at_a_sentence_lights_its_finding_and_heatmap_and_the_other_way_round(page, studies):
    open_first(page, studies)
    sentence = page.locator("[data-testid=report-sentence][role=button]").first
    finding = sentence.get_attribute("data-findings").split()[0]
    names = sentence.get_attribute("data-findings")
    other = next(row for row in judged_rows(page).all() if row.get_attribute("data-finding") not in names)
    select(page, other)
    chosen = other.get_attribute("data-finding")
    page.mouse.move(1, 1)

    sentence.hover()
    expect(row_of(page, finding)).to_have_class("finding is-lit")
    expect(shown_finding(page)).to_have_attribute("data-finding", finding)
    page.mouse.move(1, 1)
    expect(row_of(page, finding)).to_have_class("finding")
    expect(shown_finding(page)).to_have_attribute("data-finding", chosen)
    expect(other).to_have_attribute("aria-selected", "true")

    # Focus does what the pointer does.
    row_of(page, finding).focus()
    expect(sentence).to_have_class("sentence sentence-linked is-lit")
    expect(shown_finding(page)).to_have_attribute("data-finding", finding)
    expect(other).to_have_attribute("aria-selected", "true")
    page.get_by_test_id("pane").focus()
    expect(sentence).to_have_class("sentence sentence-linked")
    expect(shown_finding(page)).to_have_attribute("data-finding", chosen)


def test_a_probability_is_put_in_words(page, studies):
    def change(study):
        for finding, probability in zip(study["findings"], (0.34, 0.031, 0.0002), strict=False):
            finding.update(probability=probability, n_positive=49, n_negative=454)

    change_study(page, change)
    open_first(page, studies)
    meaning = page.get_by_test_id("finding-meaning")
    for finding, words in (
        ("Atelectasis", "Of 100 images with this value about 34 have it"),
        ("Cardiomegaly", "Of 1,000 images with this value about 31 have it"),
        ("Consolidation", "Of 1,000 images with this value fewer than 1 has it"),
    ):
        select(page, row_of(page, finding))
        expect(meaning).to_have_text(f"{words}, in the validation data, where 49 of 503 (9.7%) have it.")


def test_boxes_and_labels_of_the_data_set_are_shown_where_they_are_known(page, studies):
    change_study(page, lambda study: study.update(reference=REFERENCE))
    open_first(page, studies)
    expect(page.get_by_test_id("reference-labels")).to_have_text(
        "Labels of the data set (NIH ChestX-ray14): Effusion, Mass."
    )
    select(page, row_of(page, "Mass"))
    expect(page.get_by_test_id("finding-reference")).to_have_text("Data set: labelled with it, 1 box drawn.")
    page.get_by_test_id("heatmap-toggle").click()
    with_box = picture(page)
    page.keyboard.press("b")
    expect(page.locator('[data-command="boxes"]')).to_have_attribute("aria-pressed", "false")
    rows, columns = np.nonzero(np.abs(with_box - picture(page)).sum(axis=-1) > 100)
    height, width, _ = with_box.shape
    scale, left = height / 700, (width - height) / 2
    # The finding's name stands above the box.
    edges = [columns.min(), columns.max(), rows.max()]
    expected = [left + BOX["x"] * scale, left + (BOX["x"] + BOX["width"]) * scale, (BOX["y"] + BOX["height"]) * scale]
    assert edges == pytest.approx(expected, abs=3)
    select(page, row_of(page, "Edema"))
    expect(page.get_by_test_id("finding-reference")).to_contain_text("not labelled with it.")


def test_a_finding_has_one_name_all_over_the_page(page, studies):
    reference = REFERENCE | {"labels": ["Pleural_Thickening"], "boxes": []}
    change_study(page, lambda study: study.update(reference=reference))
    open_first(page, studies)
    expect(row_of(page, "Pleural_Thickening")).to_contain_text("Pleural thickening")
    expect(page.get_by_test_id("reference-labels")).to_contain_text("Pleural thickening")


def test_without_a_data_set_nothing_is_said_of_one(page, studies):
    open_first(page, studies)
    select(page, row_of(page, "Mass"))
    expect(page.get_by_test_id("reference-labels")).to_be_hidden()
    expect(page.get_by_test_id("finding-reference")).to_have_count(0)
    expect(page.locator('[data-command="boxes"]')).to_be_disabled()


def test_two_findings_side_by_side_move_together(page, studies):
    open_first(page, studies)
    select(page, row_of(page, "Mass"))
    page.mouse.move(1, 1)
    page.keyboard.press("c")
    expect(page.get_by_test_id("second-pane").locator("canvas[data-ready]")).to_be_visible()
    page.get_by_test_id("compare-finding").select_option("Edema")
    expect(shown_finding(page, "second-pane")).to_have_attribute("data-finding", "Edema")
    expect(shown_finding(page)).to_have_attribute("data-finding", "Mass")
    page.get_by_test_id("pane").focus()
    for key in ("+", "+", "ArrowLeft", "i"):
        page.keyboard.press(key)
    page.keyboard.press("h")
    settle(page)
    first, second = picture(page), picture(page, "second-pane")
    columns = min(first.shape[1], second.shape[1])
    assert np.abs(first[:, :columns] - second[:, :columns]).mean() < 3
    page.keyboard.press("c")
    expect(page.get_by_test_id("second-pane")).to_have_count(0)


def test_another_study_beside_this_one_has_a_window_and_place_of_its_own(page, studies):
    open_first(page, studies)
    page.get_by_test_id("compare-toggle").click()
    page.get_by_test_id("compare-study").select_option(label="second.png")
    second = page.get_by_test_id("second-pane")
    expect(second.locator("canvas[data-ready]")).to_have_attribute("aria-label", re.compile("second.png"))
    page.get_by_test_id("compare-finding").select_option("")
    before = page.get_by_test_id("pane").get_by_test_id("pane-readout").inner_text()
    second.focus()
    page.keyboard.press("+")
    page.keyboard.press("i")
    expect(second.get_by_test_id("pane-readout")).to_contain_text("inverted")
    assert page.get_by_test_id("pane").get_by_test_id("pane-readout").inner_text() == before
    page.get_by_test_id("compare-study").select_option(label="This study")
    expect(second.get_by_test_id("pane-readout")).to_have_text(before)
