"""Radiographs whose pixels are not square, in a real browser."""

import numpy as np
import pytest
from stage import (
    MARK_X,
    MARK_Y,
    SIDE,
    centre_of,
    change_study,
    heatmap_of_the_mark,
    is_coloured,
    is_white,
    marked_chest,
    picture,
    png,
    upload,
)
from steps import expect, open_finished, select

BOX_SIDE = 140


@pytest.fixture(scope="module")
def marked_study(live_server):
    return upload(live_server, png(marked_chest()))


@pytest.mark.parametrize("spacing", [[0.4, 0.2], [0.15, 0.3]], ids=["high", "wide"])
def test_image_heatmap_boxes_and_scale_take_the_proportions_of_the_body(page, marked_study, spacing):
    corner = {"x": MARK_X * SIDE - BOX_SIDE / 2, "y": MARK_Y * SIDE - BOX_SIDE / 2}
    box = {"finding": "Effusion", "width": BOX_SIDE, "height": BOX_SIDE, **corner}

    def change(study):
        study["image"]["pixel_spacing_mm"] = spacing
        study["reference"] = {"labels": ["Effusion"], "boxes": [box], "report": None, "source": "NIH ChestX-ray14"}

    change_study(page, change)
    heatmap_of_the_mark(page, "Effusion")
    open_finished(page, marked_study)
    select(page, page.locator('[data-testid=finding-row][data-finding="Effusion"]'))
    page.mouse.move(1, 1)
    page.keyboard.press("b")
    page.get_by_test_id("opacity-slider").fill("100")
    for keys in ("", "++"):
        for key in keys:
            page.keyboard.press(key)
        heatmap = centre_of(is_coloured(picture(page)))
        page.keyboard.press("h")
        mark = is_white(picture(page))
        page.keyboard.press("h")
        assert heatmap == pytest.approx(centre_of(mark), abs=3)
    rows, columns = np.nonzero(mark)
    assert np.ptp(rows) / np.ptp(columns) == pytest.approx(spacing[0] / spacing[1], rel=0.15)

    page.keyboard.press("h")
    page.keyboard.press("b")
    shown = picture(page)
    rows, columns = np.nonzero((shown[..., 0] > 180) & (shown[..., 2] < 0.8 * shown[..., 0]))
    # The finding's name stands above the box.
    x, y = centre_of(mark)
    right, below = columns.max() - x, rows.max() - y
    assert below / right == pytest.approx(spacing[0] / spacing[1], rel=0.15)

    bar = page.get_by_test_id("scale-bar")
    number, unit = bar.inner_text().split()
    millimetres = int(number) * (10 if unit == "cm" else 1)
    length = bar.locator("[data-part=line]").bounding_box()["width"]
    # The box, a known number of pixels wide, is as long as the bar says.
    assert right / length == pytest.approx(BOX_SIDE / 2 * spacing[1] / millimetres, rel=0.1)
    expect(bar).not_to_have_text("No scale")
