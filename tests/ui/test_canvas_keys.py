"""Keys: changed, given back, and a canvas that is worked with them alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, new_server

pytestmark = pytest.mark.browser


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


def test_controls_can_be_reached_with_the_keyboard(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.draw((60, 40, 160, 140), digit=1)
    user.press("F6")
    expect(user.part("canvas-prev")).to_be_focused()
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
