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


def test_names_typed_one_after_the_other_lose_no_letter(page: Page) -> None:
    page.locator("#class-name").locator("input, textarea").focus()
    for name in ("arduino nano", "raspberry pi", "esp32"):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
    for name in ("arduino nano", "raspberry pi", "esp32"):
        row = page.locator(f"[data-testid=class-row][data-name='{name}']")
        expect(row).to_have_count(1)


def test_a_name_that_is_refused_comes_back_into_the_empty_field(page: Page) -> None:
    field = page.locator("#class-name").locator("input, textarea")
    field.fill("cell")
    field.press("Enter")
    expect(page.get_by_test_id("class-row")).to_have_count(1)
    field.fill("Cell")
    field.press("Enter")
    expect(page.get_by_test_id("panel-told")).to_contain_text("There is a class 'cell' already")
    expect(field).to_have_value("Cell")
