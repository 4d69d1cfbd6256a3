"""What a hurried hand does at the keys, and what must not come of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from storage.types import NewPrediction
from tests.ui.bare_canvas import bare_server
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, propose

pytestmark = pytest.mark.browser
CLASSES = ("cell", "platelet", "grain")
WRONG = [NewPrediction((20.0 + 110 * i, 20, 120.0 + 110 * i, 120), 1, 0.5) for i in range(3)]
DRAWN, JUDGED = 1, 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = bare_server(tmp_path_factory.mktemp("slips"), num_images=2, classes=CLASSES)
    made.start()
    propose(made, JUDGED, *WRONG)
    yield made
    made.stop()


@pytest.fixture
def user(bare_page: Page) -> CanvasUser:
    """Whose mouse was never on the image."""
    made = CanvasUser(bare_page, "label")
    made.press("Escape")
    return made


def test_a_class_chosen_while_the_pen_is_out_is_that_of_the_next_box_alone(
    user: CanvasUser, server: Server
) -> None:
    user.press("1", "b", "Enter", *["Shift+ArrowRight", "Shift+ArrowDown"] * 2, "Enter")
    expect(user.root.locator(".sdpt-row.is-selected")).to_have_count(1)
    user.press("b", "2", "l")
    user.page.keyboard.type("grain")
    user.press("Enter")
    expect(user.part("canvas-class-grain")).to_have_attribute("aria-pressed", "true")
    user.press("Shift+ArrowLeft", "Enter", *["Shift+ArrowUp", "Shift+ArrowLeft"] * 2, "Enter")
    expect(user.stage).to_have_attribute("data-num-boxes", "2")
    user.wait_saved()
    assert [found["category_id"] for found in server.document(DRAWN)["annotations"]] == [1, 3]


def test_who_points_by_a_key_and_has_no_pointer_there_gets_one(user: CanvasUser) -> None:
    line = user.root.locator(".sdpt-line").first
    expect(line).to_be_hidden()
    user.press("p")
    expect(user.root.get_by_text("Enter has the box found around it")).to_be_attached()
    expect(line).to_be_visible()
    user.press("Escape", "p")
    expect(line).to_be_hidden()


def test_escape_from_a_button_comes_back_to_the_image_and_its_box(user: CanvasUser) -> None:
    user.go_to("smear-01")
    user.press("Escape", "Tab")
    selected = user.root.locator(".sdpt-row.is-selected")
    expect(selected).to_have_count(1)
    user.press("F6")
    expect(user.stage).not_to_be_focused()
    user.press("Escape")
    expect(user.stage).to_be_focused()
    expect(selected).to_have_count(1)
    user.press("Escape")
    expect(selected).to_have_count(0)


def test_all_that_is_left_is_rejected_by_one_key_and_comes_back(
    user: CanvasUser, server: Server
) -> None:
    user.go_to("smear-01")
    user.press("Escape", "Space", "Space", "Shift+X")
    expect(user.part("canvas-counts")).to_have_text("1 box, 0 proposals")
    user.wait_saved()
    assert server.document(JUDGED)["proposals"] == []
    user.press("Control+z")
    expect(user.part("canvas-counts")).to_have_text("1 box, 2 proposals")
    user.wait_saved()
