"""Every tab for every screen, eye and reader: sizes, names, contrast, and where the keyboard is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Page, TimeoutError, expect

from app.ui.canvas.component import STATIC_URL
from app.workspace import open_workspace
from storage import categories
from storage.palette import COLORS
from storage.types import NewPrediction
from tests.app.samples import write_labels
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, new_server, open_page, propose

PATIENCE_S = 10
pytestmark = pytest.mark.browser

# What shows that a tab is there with all that it loads.
TABS = {
    "Project": "#class-list [data-testid=class-row]",
    "Label": "#label-canvas [data-testid=canvas-stage] img",
    "Tune": "#tune-start",
    "Review": "#review-canvas [data-testid=canvas-stage] img",
    "History": "#history-panel [data-testid=history-line]",
    "Export": "#export-form",
}
OWN = (  # what we drew ourselves, and Gradio's buttons and hints in our colours
    ":is(.sdpt-canvas, .sdpt-panel, .sdpt-review, .sdpt-job, .sdpt-facts, .sdpt-table, .sdpt-numbers) *,"
    " button, .info-text, textarea"
)
CONTROLS = (
    "[...document.querySelectorAll(':is(button, input, select, summary, textarea, a[href])')]"
    ".filter(e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }))"
)
# Name as a screen reader says it: aria-label, label, title, or the text itself.
NAMELESS = f"""() => {CONTROLS}
    .filter(e => !(e.ariaLabel || e.labels?.[0]?.textContent.trim() || e.innerText.trim() || e.title))
    .map(e => e.outerHTML)"""
OUTSIDE = f"""() => {CONTROLS}
    .filter(e => !e.closest('.sdpt-strip'))
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)
    .map(e => e.outerHTML)"""
COLOURS = """
  const paint = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = color => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
  const ground = e => e ? over(rgba(getComputedStyle(e).backgroundColor), ground(e.parentElement)) : [255, 255, 255];
  const light = c => { const v = c / 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const lum = ([r, g, b]) => .2126 * light(r) + .7152 * light(g) + .0722 * light(b);
"""
GROUND = f"() => {{ {COLOURS} return lum(ground(document.querySelector('#sdpt-tabs'))); }}"
# Words and placeholders of our own parts with less than 4.5 : 1, which WCAG 2.2 AA asks of text.
CONTRAST = f"""() => {{ {COLOURS}
  const opacity = e => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
  const hasWords = e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim());
  const ratio = (e, part) => {{
    const [r, g, b, a] = rgba(getComputedStyle(e, part).color), below = ground(e);
    const [x, y] = [lum(over([r, g, b, a * opacity(e)], below)), lum(below)];
    return (Math.max(x, y) + .05) / (Math.min(x, y) + .05);
  }};
  const seen = [...document.querySelectorAll('{OWN}')]
    .filter(e => e.checkVisibility({{ visibilityProperty: true }}))
    .filter(e => !e.closest(':disabled, .sdpt-spoken, .sdpt-heard'));
  return [
    ...seen.filter(hasWords).map(e => [ratio(e), e.outerHTML]),
    ...seen.filter(e => e.placeholder && !e.value).map(e => [ratio(e, '::placeholder'), e.outerHTML]),
  ].filter(([found]) => found < 4.5);
}}"""

FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const isOutlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return { name: e.outerHTML, is_seen: isOutlined || style.boxShadow !== 'none' };
}"""
LOOK = """all => all.map(e => getComputedStyle(e))
    .map(style => [style.getPropertyValue('--class-color'), style.borderLeftStyle])"""
INKS = f"""async colours => {{ {COLOURS}
  const {{ inkOn }} = await import('{STATIC_URL}/dom.js');
  const contrast = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  return Object.fromEntries(colours.map(c => [c, contrast(lum(rgba(c)), lum(rgba(inkOn(c))))]));
}}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = new_server(tmp_path_factory.mktemp("accessible"), num_images=3)
    labels = write_labels(made.folder / "labels.json", 1)
    made.cli("import", "--coco", str(labels))
    propose(made, 2, NewPrediction((60, 40, 160, 140), 1, 0.9))
    made.start(has_worker=False)
    yield made
    made.stop()


def too_pale(page: Page) -> list[tuple[float, str]]:
    """Words that cannot be read once nothing fades in any more."""
    with suppress(TimeoutError):
        page.wait_for_function(f"() => ({CONTRAST})().length === 0", timeout=PATIENCE_S * 1000)
    found: list[tuple[float, str]] = page.evaluate(CONTRAST)
    return found


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    page.locator(TABS[name]).first.wait_for()


# 720x450 is what a window of 1440x900 has at 200 % zoom.
@pytest.mark.parametrize("size", [(1440, 900), (1024, 768), (720, 450)])
def test_on_every_tab_nothing_lies_outside_the_window(
    context: BrowserContext, server: Server, size: tuple[int, int]
) -> None:
    page = open_page(context, server, size)
    for name in TABS:
        open_tab(page, name)
        assert (name, page.evaluate(OUTSIDE)) == (name, [])
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], name
        if stage := page.locator("[data-testid=canvas-stage]:visible").all():
            assert (stage[0].bounding_box() or {"height": 0})["height"] >= 300, name
    page.close()


def test_on_every_tab_each_control_has_a_name(page: Page) -> None:
    for name in TABS:
        open_tab(page, name)
        assert (name, page.evaluate(NAMELESS)) == (name, [])


@pytest.mark.parametrize(("scheme", "darkest", "lightest"), [("light", 0.8, 1), ("dark", 0, 0.2)])
def test_on_every_tab_words_can_be_read_in_light_and_dark(
    context: BrowserContext,
    server: Server,
    scheme: Literal["light", "dark"],
    darkest: float,
    lightest: float,
) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(server.url)
    for name in TABS:
        open_tab(page, name)
        assert darkest <= page.evaluate(GROUND) <= lightest, name
        assert (name, too_pale(page)) == (name, [])
    page.close()


def test_the_keyboard_is_seen_wherever_it_goes_on_label(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.go_to("00001")  # has a proposal: its buttons are there too
    user.press("F6")
    walked: list[str] = []
    while (here := page.evaluate(FOCUSED))["name"] not in walked:
        assert here["is_seen"], here
        walked.append(here["name"])
        user.press("Tab")
    assert len(walked) > 20, walked


def test_36_classes_look_different(page: Page, server: Server) -> None:
    with closing(open_workspace(server.data)) as workspace, workspace.database.write() as tx:
        for number in range(4, 37):
            categories.add(tx, f"class {number}")
    user = CanvasUser(page, "label")
    chips = user.root.locator(".sdpt-chip-button")
    expect(chips).to_have_count(36)
    assert len({tuple(look) for look in chips.evaluate_all(LOOK)}) == 36


def test_the_name_of_a_class_can_be_read_on_each_colour(page: Page) -> None:
    colours = [*COLORS, *(f"#{grey:02x}{grey:02x}{grey:02x}" for grey in range(100, 140))]
    inks = page.evaluate(INKS, colours)
    assert min(inks.values()) >= 4.5, inks
