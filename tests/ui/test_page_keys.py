"""The page around the canvases, worked with the keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Server, new_server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = new_server(tmp_path_factory.mktemp("page_keys"), num_images=1)
    made.start(has_worker=False)
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _without_classes(server: Server) -> Iterator[None]:
    yield
    for found in server.cli("classes")["classes"]:
        server.cli("classes", "--remove", found["name"], "--yes")


@pytest.fixture(autouse=True)
def _page_that_hears_keys(page: Page) -> None:
    page.locator("body > .sdpt-canvas").wait_for(state="attached")


def test_names_typed_one_after_the_other_lose_no_letter(page: Page) -> None:
    page.locator("#class-name input").focus()
    for name in ("arduino nano", "raspberry pi", "esp32"):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    for name in ("arduino nano", "raspberry pi", "esp32"):
        row = page.locator(f"[data-testid=class-row][data-name='{name}']")
        expect(row).to_have_count(1)


def test_a_name_that_is_refused_comes_back_into_the_empty_field(page: Page) -> None:
    field = page.locator("#class-name input")
    field.fill("cell")
    field.press("Enter")
    expect(page.get_by_test_id("class-row")).to_have_count(1)
    field.fill("Cell")
    field.press("Enter")
    expect(page.get_by_test_id("panel-told")).to_contain_text("There is a class 'cell' already")
    expect(field).to_have_value("Cell")


def open_tune(page: Page) -> None:
    page.get_by_role("tab", name="Tune", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#tune-start")).to_be_focused()


def test_the_list_of_bundles_closes_when_the_keyboard_goes_on(page: Page) -> None:
    open_tune(page)
    bundle, options = page.locator("#bundle-chosen input"), page.get_by_role("option")
    bundle.focus()
    expect(options.first).to_be_visible()
    tabbed_to(page, "#prelabel-start")
    expect(options).to_have_count(0)


def tabbed_to(page: Page, target: str) -> None:
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.locator(f"{target}:focus").count():
            return
    raise AssertionError(f"Tab does not lead to {target}")


def test_on_a_slider_letters_are_commands_and_escape_leaves(page: Page) -> None:
    open_tune(page)
    slider = page.get_by_role("slider", name="Lowest score")
    page.keyboard.press("Escape")
    for field in (slider, page.locator("#tune-then-prelabel input")):
        field.focus()
        page.keyboard.press("Shift")
        expect(field).to_have_css("outline-style", "solid")
        page.keyboard.press("Escape")
        expect(page.get_by_role("tab", name="Tune", exact=True)).to_be_focused()
        field.focus()
        page.keyboard.press("?")
        expect(page.get_by_test_id("canvas-keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("canvas-keys")).to_have_count(0)
    page.keyboard.press("v")
    expect(page.get_by_role("tab", name="Review")).to_have_attribute("aria-selected", "true")


def test_a_letter_in_a_number_is_no_command(page: Page) -> None:
    open_tune(page)
    page.get_by_role("spinbutton", name="Lowest score").focus()
    page.keyboard.press("v")
    page.keyboard.press("?")
    expect(page.get_by_test_id("canvas-keys")).to_have_count(0)
    expect(page.get_by_role("tab", name="Tune")).to_have_attribute("aria-selected", "true")


def test_the_keyboard_is_at_the_first_name_and_after_a_removal_at_undo(page: Page) -> None:
    field = page.locator("#class-name input")
    expect(field).to_be_focused()
    page.keyboard.type("cell")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove…").focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("dialog-yes").focus()
    page.keyboard.press("Enter")
    undo = page.locator("#class-list").get_by_role("button", name="Undo")
    expect(undo).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("class-row")).to_have_count(1)
    expect(undo).to_be_focused()


def test_a_class_that_is_moved_or_renamed_keeps_the_keyboard(page: Page) -> None:
    expect(page.locator("#class-name input")).to_be_focused()
    for name in ("cell", "platelet", "dust"):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    rows = page.get_by_test_id("class-row")
    expect(rows).to_have_count(3)
    up = page.get_by_role("button", name="Move dust up")
    up.focus()
    page.keyboard.press("Enter")
    expect(rows.nth(1)).to_have_attribute("data-name", "dust")
    expect(up).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows.nth(0)).to_have_attribute("data-name", "dust")
    expect(page.get_by_role("button", name="Move dust down")).to_be_focused()
    rows.nth(0).get_by_test_id("class-name").fill("grain")
    page.keyboard.press("Enter")
    expect(rows.nth(0)).to_have_attribute("data-name", "grain")
    expect(rows.nth(0).get_by_test_id("class-name")).to_be_focused()


def test_a_page_that_is_loaded_again_opens_where_it_was(page: Page) -> None:
    page.get_by_role("tab", name="Tune", exact=True).click()
    page.reload()
    expect(page.get_by_role("tab", name="Tune")).to_have_attribute("aria-selected", "true")
    page.goto(f"{page.url}?image=1")
    expect(page.get_by_role("tab", name="Label")).to_have_attribute("aria-selected", "true")


def test_export_that_is_opened_by_key_is_one_key_away(page: Page) -> None:
    page.get_by_role("tab", name="Export", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#export-run")).to_be_focused()


def test_the_keys_are_told_on_every_tab(page: Page) -> None:
    for name in ("Project", "Tune", "Export"):
        page.get_by_role("tab", name=name, exact=True).click()
        page.keyboard.press("?")
        expect(page.get_by_test_id("canvas-keys")).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_test_id("canvas-keys")).to_have_count(0)
