"""Keys that can be changed, and a canvas for every screen, eye and reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, new_server, open_page

pytestmark = pytest.mark.browser

# Name as a screen reader says it: aria-label, label, placeholder, or the text itself.
NAMELESS = """() => [...document.querySelectorAll('#label-canvas :is(button, input, select, summary)')]
    .filter(e => e.offsetParent && !(e.ariaLabel || e.labels?.[0]?.textContent || e.innerText.trim()))
    .map(e => e.outerHTML)"""
OUTSIDE = """() => [...document.querySelectorAll('#label-canvas :is(button, input, select, summary)')]
    .filter(e => e.offsetParent && !e.closest('.sdpt-strip'))
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)
    .map(e => e.outerHTML)"""
CONTRAST = """() => {
  const light = c => { const v = c / 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => .2126 * light(r) + .7152 * light(g) + .0722 * light(b);
  const ground = e => { for (; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c;
  } return [255, 255, 255]; };
  const words = '#label-canvas :is(.sdpt-aside, .sdpt-saved, .sdpt-name, button, summary, input)';
  return [...document.querySelectorAll(words)]
    .filter(e => e.offsetParent && e.innerText !== '' && !e.disabled)
    .map(e => [lum(rgb(getComputedStyle(e).color)), lum(ground(e)), e.outerHTML])
    .map(([a, b, html]) => [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), html])
    .filter(([ratio]) => ratio < 3.5);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = new_server(tmp_path_factory.mktemp("keys"), num_images=3)
    made.cli("classes", "--add", "cell", "--add", "platelet")
    made.start(has_worker=False)
    yield made
    made.stop()


def test_a_key_is_changed_kept_and_given_back(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.press("?")
    user.part("key-next").click()
    user.press("k")
    expect(user.part("key-next")).to_have_text("K")
    user.press("Escape", "k")
    expect(user.part("canvas-position")).to_have_text("2 of 3")
    expect(user.part("canvas-next")).to_have_attribute("title", "Next image (K)")
    page.reload()
    again = CanvasUser(page, "label")
    again.press("d")
    again.press("k")
    expect(again.part("canvas-position")).to_have_text("2 of 3")
    again.press("?")
    again.part("canvas-keys-reset").click()
    expect(again.part("key-next")).to_have_text("D, PageDown")


def test_a_key_that_is_taken_is_refused_in_words(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.press("?")
    for key, words in (("x", "means “reject it"), ("Tab", "cannot be changed")):
        user.part("key-fit").click()
        user.press(key)
        expect(user.part("canvas-keys-told")).to_contain_text(words)
    expect(user.part("key-fit")).to_have_text("F")
    user.press("?")
    expect(user.part("canvas-keys")).to_have_count(0)


# 720x450 is what a window of 1440x900 has at 200 % zoom.
@pytest.mark.parametrize("size", [(1440, 900), (1024, 768), (720, 450)])
def test_nothing_lies_outside_the_window_at_any_size(
    context: BrowserContext, server: Server, size: tuple[int, int]
) -> None:
    page = open_page(context, server, size)
    user = CanvasUser(page, "label")
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    bounds = user.stage.bounding_box()
    assert bounds is not None
    assert bounds["height"] >= 300
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_light_and_dark(
    context: BrowserContext, server: Server, scheme: Literal["light", "dark"]
) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    page.goto(server.url)
    CanvasUser(page, "label").wait_saved()
    assert page.evaluate(CONTRAST) == []
    page.close()


def test_every_control_has_a_name_and_can_be_reached_with_the_keyboard(page: Page) -> None:
    user = CanvasUser(page, "label")
    assert page.evaluate(NAMELESS) == []
    user.draw((60, 40, 160, 140), digit=1)
    user.press("F6")
    expect(user.part("canvas-prev")).to_be_focused()
    width = user.part("canvas-prev").evaluate("e => getComputedStyle(e).outlineWidth")
    assert width == "2px"
    user.press("Tab")
    expect(user.part("canvas-next")).to_be_focused()
    user.press("Escape")
    expect(user.stage).to_be_focused()
    user.press("Tab")
    spoken = user.root.locator("[aria-live=polite]")
    expect(spoken).to_contain_text("cell, drawn, 1 of 1")


def open_label_with_the_keyboard(page: Page) -> None:
    page.get_by_role("tab", name="Label", exact=True).focus()
    page.keyboard.press("Enter")


def test_a_tab_that_was_opened_with_the_keyboard_gives_it_to_the_image(page: Page) -> None:
    open_label_with_the_keyboard(page)
    user = CanvasUser(page, "label")
    expect(user.stage).to_be_focused()
    user.press("b", "Enter", "Shift+ArrowRight", "Shift+ArrowDown", "Enter")
    user.wait_saved()
    assert user.number("num-boxes") >= 1


def test_letters_typed_into_the_filter_choose_in_it_and_are_no_commands(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.go_to("00003")
    user.part("canvas-filter").focus()
    page.keyboard.type("Not done")
    expect(user.part("canvas-filter")).to_have_value("unreviewed")
    expect(user.part("canvas-filter")).to_be_focused()
    expect(user.part("canvas-filename")).to_contain_text("00003")
    user.press("Enter")
    expect(user.stage).to_be_focused()


def test_enter_keeps_a_search_and_escape_empties_it(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.press("/")
    page.keyboard.type("00003")
    user.press("Enter")
    expect(user.part("canvas-position")).to_have_text("1 of 1")
    expect(user.stage).to_be_focused()
    user.press("/", "Escape")
    expect(user.part("canvas-position")).to_have_text("3 of 3")
    expect(user.stage).to_be_focused()


def test_one_key_leads_to_tune_and_from_there_to_review(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.press("t")
    expect(page.locator("#tune-start")).to_be_focused()
    user.press("v")
    expect(page.locator("#review-canvas").get_by_test_id("canvas-stage")).to_be_visible()
    user.press("v")
    expect(user.stage).to_be_focused()


def test_an_image_that_is_done_without_a_box_is_told(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.go_to("00003")
    user.press("Enter")
    expect(user.root.locator(".sdpt-toast")).to_contain_text("00003.jpg' is done without a box")
