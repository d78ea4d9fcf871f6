"""The viewer's pixels, pointer, keys and touch in a real browser."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from stage import (
    MARK_X,
    MARK_Y,
    PAIR_X,
    PAIR_Y,
    centre_of,
    change_study,
    heatmap_of_the_mark,
    is_coloured,
    is_white,
    marked_chest,
    picture,
    png,
    settle,
    upload,
)
from steps import NARROW, assert_no_sideways_scrolling, expect, judged_rows, open_finished, open_study, select, tab_to


@pytest.fixture(scope="module")
def marked_study(live_server):
    return upload(live_server, png(marked_chest()))


@pytest.fixture
def viewer(page, marked_study):
    """The page with the marked chest and an exactly known heatmap of the effusion."""
    heatmap_of_the_mark(page, "Effusion")
    open_finished(page, marked_study)
    select(page, row_of(page, "Effusion"))
    # A row that is pointed at shows its own heatmap.
    page.mouse.move(1, 1)
    return page


def row_of(page, finding):
    return page.locator(f'[data-testid=finding-row][data-finding="{finding}"]')


def readout(page, pane="pane"):
    """Zoom in percent, centre and width of the window in percent."""
    settle(page)
    text = page.get_by_test_id(pane).get_by_test_id("pane-readout").inner_text()
    return tuple(map(int, re.match(r"Zoom (\d+)% · centre (\d+), width (\d+)", text).groups()))


def middle(page, pane="pane"):
    box = page.get_by_test_id(pane).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, dx, dy, button="left"):
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up(button=button)


def mark_and_heatmap(page):
    """Where the white square and the strongest attention are on the screen."""
    page.get_by_test_id("opacity-slider").fill("100")
    coloured = is_coloured(picture(page))
    page.get_by_test_id("heatmap-toggle").click()
    white = is_white(picture(page))
    page.get_by_test_id("heatmap-toggle").click()
    return centre_of(white), centre_of(coloured)


def test_image_and_heatmap_lie_where_they_should_in_every_window(viewer):
    for viewport in ({"width": 1920, "height": 1080}, {"width": 1280, "height": 800}, NARROW):
        viewer.set_viewport_size(viewport)
        mark, heatmap = mark_and_heatmap(viewer)
        pane = viewer.get_by_test_id("pane").bounding_box()
        side = min(pane["width"], pane["height"])
        corner = np.array([pane["width"] - side, pane["height"] - side]) / 2
        assert mark == pytest.approx(corner + np.array([MARK_X, MARK_Y]) * side, abs=1)
        assert heatmap == pytest.approx(mark, abs=1)


def test_heatmap_stays_on_its_place_under_zoom_and_pan(viewer):
    at_first, _ = mark_and_heatmap(viewer)
    viewer.keyboard.press("1")
    drag(viewer, 60, -40, button="middle")
    x, y = middle(viewer)
    viewer.mouse.move(x - 100, y + 30)
    viewer.mouse.wheel(0, -300)
    zoom, *_ = readout(viewer)
    assert zoom > 110
    mark, heatmap = mark_and_heatmap(viewer)
    assert np.abs(mark - at_first).max() > 20
    assert heatmap == pytest.approx(mark, abs=1.5)


def test_wheel_zooms_at_the_pointer(viewer):
    pane = viewer.get_by_test_id("pane").bounding_box()
    corner, size = np.array([pane["x"], pane["y"]]), np.array([pane["width"], pane["height"]])
    place = size / 2 + (np.array([MARK_X, MARK_Y]) - 0.5) * size.min()
    # Wheel events carry whole pixels.
    pointer = np.floor(corner + place) - corner
    viewer.mouse.move(*(corner + pointer))
    before, *_ = readout(viewer)
    for _ in range(5):
        viewer.mouse.wheel(0, -200)
    ratio = readout(viewer)[0] / before
    assert ratio > 3
    mark, _ = mark_and_heatmap(viewer)
    assert mark == pytest.approx(pointer + (place - pointer) * ratio, abs=1.5)


def test_the_window_shows_what_eight_bits_would_merge(viewer):
    viewer.get_by_test_id("heatmap-toggle").click()

    def contrast():
        shown = picture(viewer).mean(axis=-1)
        height, width = shown.shape
        side = min(height, width)
        x = (width - side) / 2 + PAIR_X * side
        y = (height - side) / 2 + PAIR_Y * side
        rows = slice(round(y - 10), round(y + 10))
        return shown[rows, round(x + 5) : round(x + 15)].mean() - shown[rows, round(x - 15) : round(x - 5)].mean()

    assert abs(contrast()) <= 1
    for _ in range(36):
        viewer.keyboard.press("[")
    assert readout(viewer)[2] <= 3
    assert contrast() > 8


def test_dragging_sets_the_window_and_a_new_finding_keeps_it(viewer):
    assert readout(viewer)[1:] == (50, 100)
    drag(viewer, -120, 60)
    zoom, centre, width = readout(viewer)
    assert width < 80
    assert centre > 60
    expect(viewer.get_by_test_id("window-preset")).to_have_value("custom")
    viewer.keyboard.press("+")
    kept = readout(viewer)
    assert kept[0] > zoom
    select(viewer, row_of(viewer, "Mass"))
    assert readout(viewer) == kept
    viewer.keyboard.press("r")
    assert readout(viewer) == (zoom, 50, 100)


def test_presets_and_inversion(viewer):
    viewer.get_by_test_id("heatmap-toggle").click()
    plain = picture(viewer)
    seen = set()
    for preset in ("lung", "soft", "bone", "contrast"):
        viewer.get_by_test_id("window-preset").select_option(preset)
        seen.add(readout(viewer)[1:])
    assert len(seen) == 4
    viewer.get_by_test_id("window-preset").select_option("default")
    assert (picture(viewer) == plain).all()
    viewer.keyboard.press("i")
    height, width, _ = plain.shape
    inside = slice(None), slice((width - height) // 2 + 2, (width + height) // 2 - 2)
    assert np.abs(picture(viewer)[inside] + plain[inside] - 255).max() <= 3


def test_heatmap_looks_as_the_server_draws_it(page, marked_study):
    open_finished(page, marked_study)
    row = judged_rows(page).first
    select(page, row)
    page.mouse.move(1, 1)
    page.get_by_test_id("opacity-slider").fill("100")
    shown = picture(page)
    side = shown.shape[0]
    left = (shown.shape[1] - side) // 2
    base = f"/api/studies/{marked_study}"
    layers = [
        Image.open(io.BytesIO(page.request.get(base + path).body())).convert("RGBA").resize((side, side))
        for path in ("/image.png", f"/heatmaps/{row.get_attribute('data-finding')}.png")
    ]
    layers[0].alpha_composite(layers[1])
    expected = np.asarray(layers[0].convert("RGB")).astype(float)
    difference = np.abs(shown[:, left : left + side] - expected)
    assert is_coloured(expected).mean() > 0.02
    assert difference.mean() < 2
    assert np.percentile(difference, 99) < 20


def test_opacity_and_threshold_change_the_picture(viewer):
    slider = viewer.get_by_test_id("opacity-slider")
    slider.fill("100")
    strong = is_coloured(picture(viewer)).sum()
    viewer.get_by_test_id("threshold-slider").fill("80")
    assert 0 < is_coloured(picture(viewer)).sum() < 0.7 * strong
    slider.fill("0")
    without = picture(viewer)
    viewer.keyboard.press("h")
    expect(viewer.get_by_test_id("heatmap-overlay")).to_be_hidden()
    assert (picture(viewer) == without).all()


def test_magnifier_enlarges_what_is_under_the_pointer(viewer):
    viewer.get_by_test_id("heatmap-toggle").click()
    before = is_white(picture(viewer)).sum()
    pane = viewer.get_by_test_id("pane").bounding_box()
    x, y = centre_of(is_white(picture(viewer)))
    viewer.mouse.move(pane["x"] + x, pane["y"] + y)
    viewer.keyboard.press("m")
    assert is_white(picture(viewer)).sum() > 4 * before


@pytest.fixture
def fingers(viewer):
    touch = viewer.context.new_cdp_session(viewer)

    def fingers(kind, *points):
        places = [{"x": px, "y": py, "id": number} for number, (px, py) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    return fingers


def test_a_finger_drags_the_magnifier_and_leaves_it_where_it_was_lifted(viewer, fingers):
    viewer.get_by_test_id("heatmap-toggle").click()
    before, window = is_white(picture(viewer)), readout(viewer)
    x, y = middle(viewer)
    pane = viewer.get_by_test_id("pane").bounding_box()
    mark = np.add(centre_of(before), (pane["x"], pane["y"]))
    viewer.locator('[data-command="lens"]').click()
    fingers("touchStart", (x, y - 150))
    fingers("touchMove", (x, y - 50))
    fingers("touchMove", tuple(map(float, mark)))
    assert is_white(picture(viewer)).sum() > 4 * before.sum()
    fingers("touchEnd")
    assert is_white(picture(viewer)).sum() > 4 * before.sum()
    assert readout(viewer) == window


def test_two_fingers_zoom(viewer, fingers):
    x, y = middle(viewer)
    before = readout(viewer)
    fingers("touchStart", (x - 40, y))
    fingers("touchStart", (x - 40, y), (x + 40, y))
    for apart in (50, 65, 80):
        fingers("touchMove", (x - apart, y), (x + apart, y))
    fingers("touchEnd")
    zoom, centre, width = readout(viewer)
    assert zoom == pytest.approx(2 * before[0], rel=0.1)
    assert (centre, width) == before[1:]


def test_the_viewer_is_run_by_keys_alone(page, marked_study):
    viewer = page
    open_finished(viewer, marked_study)
    tab_to(viewer, "pane")
    if viewer.get_by_test_id("heatmap-overlay").is_hidden():
        viewer.keyboard.press("n")
    expect(viewer.get_by_test_id("heatmap-overlay")).to_be_visible()
    viewer.keyboard.press("h")
    fitted, *_ = readout(viewer)
    at_first = centre_of(is_white(picture(viewer)))
    for _ in range(4):
        viewer.keyboard.press("+")
    assert readout(viewer)[0] > 2 * fitted
    before = centre_of(is_white(picture(viewer)))
    viewer.keyboard.press("ArrowLeft")
    viewer.keyboard.press("ArrowDown")
    after = centre_of(is_white(picture(viewer)))
    assert after[0] > before[0] + 20
    assert after[1] < before[1] - 20
    viewer.keyboard.press("0")
    assert centre_of(is_white(picture(viewer))) == pytest.approx(at_first, abs=0.5)
    viewer.keyboard.press("h")
    viewer.keyboard.press("1")
    assert readout(viewer)[0] == 100
    viewer.keyboard.press("]")
    viewer.keyboard.press(".")
    assert readout(viewer)[1:] == (39, 110)
    viewer.keyboard.press("w")
    expect(viewer.get_by_test_id("window-preset")).to_have_value("default")
    shown = viewer.get_by_test_id("heatmap-overlay")
    chosen = shown.get_attribute("data-finding")
    viewer.keyboard.press("n")
    expect(shown).not_to_have_attribute("data-finding", chosen)
    viewer.keyboard.press("p")
    expect(shown).to_have_attribute("data-finding", chosen)
    viewer.keyboard.press("?")
    expect(viewer.get_by_test_id("viewer-help")).to_contain_text("Magnifier")
    viewer.keyboard.press("i")
    viewer.keyboard.press("Escape")
    expect(viewer.get_by_test_id("viewer-help")).to_be_hidden()
    expect(viewer.locator('[data-command="invert"]')).to_have_attribute("aria-pressed", "false")


def test_letters_that_are_typed_are_no_commands(viewer):
    viewer.evaluate("document.querySelector('.panel').prepend(document.createElement('textarea'))")
    viewer.locator(".panel > textarea").press_sequentially("chi+")
    expect(viewer.get_by_test_id("second-pane")).to_have_count(0)
    expect(viewer.get_by_test_id("heatmap-overlay")).to_be_visible()
    assert readout(viewer)[1:] == (50, 100)


def test_scale_bar_tells_lengths_where_the_file_does(viewer, chest_dicom):
    expect(viewer.get_by_test_id("scale-bar")).to_have_text("No scale")
    open_study(viewer, chest_dicom)
    bar = viewer.get_by_test_id("scale-bar")
    for key in ("0", "1"):
        viewer.keyboard.press(key)
        scale = readout(viewer)[0] / 100
        number, unit = bar.inner_text().split()
        millimetres = int(number) * (10 if unit == "cm" else 1)
        width = bar.locator("[data-part=line]").bounding_box()["width"]
        assert width == pytest.approx(millimetres / 0.7 * scale, rel=0.02)


def test_a_study_of_an_earlier_version_is_shown_from_its_picture(page, marked_study):
    change_study(page, lambda study: study["image"].update(pixels=None))
    page.route("**/pixels", lambda route: pytest.fail("there is no such file"))
    open_finished(page, marked_study)
    page.keyboard.press("h")
    shown = picture(page)
    assert centre_of(is_white(shown))[1] == pytest.approx(MARK_Y * shown.shape[0], abs=1)


def test_pixels_that_do_not_come_are_not_passed_over_in_silence(page, marked_study, expected_console):
    expected_console.append("net::ERR_FAILED")
    page.route("**/pixels", lambda route: route.abort())
    page.goto(f"/studies/{marked_study}")
    expect(page.get_by_text("The radiograph could not be loaded.")).to_be_visible()
    expect(page.get_by_test_id("finding-row")).to_have_count(14)


def test_narrow_window_holds_all_tools(viewer):
    viewer.set_viewport_size(NARROW)
    viewer.get_by_test_id("compare-toggle").click()
    expect(viewer.get_by_test_id("second-pane")).to_be_visible()
    assert_no_sideways_scrolling(viewer)
    for tool in viewer.get_by_test_id("tools").locator("button").all():
        box = tool.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= NARROW["width"]
        assert min(box["width"], box["height"]) >= 40
