"""Light and dark: the system's by default, or what is chosen in the header."""

import pytest
from stage import upload
from steps import IMAGE_SHOWN, expect, tab_to

# Notes the theme at the moment at which the body comes to be, before anything of it can be drawn.
WATCH = """new MutationObserver((_, watch) => {
  if (!document.body) return;
  window.themeAtStart = document.documentElement.dataset.theme ?? null;
  watch.disconnect();
}).observe(document, { childList: true, subtree: true });"""
LIGHTEST_DARK, DARKEST_LIGHT = 40, 215


def brightness(page, selector="body"):
    """Mean of red, green and blue of a background, 0 to 255."""
    colour = page.locator(selector).first.evaluate("node => getComputedStyle(node).backgroundColor.match(/[\\d.]+/g)")
    return sum(map(float, colour[:3])) / 3


def theme_colour(page):
    """The colour that the browser's own frame is asked to take."""
    return page.evaluate(
        "[...document.querySelectorAll('meta[name=theme-color]')].find(m => matchMedia(m.media).matches).content"
    )


def test_the_system_decides_until_a_theme_is_chosen(page):
    page.emulate_media(color_scheme="light")
    page.goto("/")
    expect(page.get_by_test_id("theme")).to_have_value("system")
    assert brightness(page) > DARKEST_LIGHT
    light = theme_colour(page)
    page.emulate_media(color_scheme="dark")
    assert brightness(page) < LIGHTEST_DARK
    assert theme_colour(page) != light


@pytest.mark.parametrize(("theme", "other"), [("light", "dark"), ("dark", "light")])
def test_a_chosen_theme_is_remembered_and_there_from_the_start(page, theme, other):
    page.add_init_script(WATCH)
    page.emulate_media(color_scheme=other)
    page.goto("/")
    by_system = theme_colour(page)
    # By keys alone.
    tab_to(page, "theme")
    page.keyboard.press(theme[0])
    expect(page.get_by_test_id("theme")).to_have_value(theme)
    for address in ("/", "/samples"):
        page.goto(address)
        assert page.evaluate("window.themeAtStart") == theme
        expect(page.get_by_test_id("theme")).to_have_value(theme)
        assert (brightness(page) > DARKEST_LIGHT) == (theme == "light")
        assert theme_colour(page) != by_system
    page.get_by_test_id("theme").select_option("system")
    assert (brightness(page) > DARKEST_LIGHT) == (other == "light")
    page.reload()
    assert page.evaluate("window.themeAtStart") is None
    page.close()  # with the script, which would run in the next test as well


def test_other_tabs_follow(page):
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_test_id("theme").select_option("light")
    expect(page.get_by_test_id("theme")).to_have_value("light")
    assert brightness(page) > DARKEST_LIGHT


def test_the_stage_is_dark_and_paper_light_in_both_themes(page, live_server, phantom_png_bytes):
    study = upload(live_server, phantom_png_bytes)
    page.goto(f"/studies/{study}")
    page.wait_for_function(IMAGE_SHOWN)
    page.get_by_test_id("compare-toggle").click()
    for theme in ("light", "dark"):
        page.get_by_test_id("theme").select_option(theme)
        assert brightness(page, ".stage") < LIGHTEST_DARK
        assert brightness(page, "[data-testid=compare-study]") < LIGHTEST_DARK, "fields on the stage are dark as well"
        page.emulate_media(media="print")
        assert brightness(page) == 255
        page.emulate_media(media="screen")
