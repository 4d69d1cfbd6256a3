"""What a person can do on the canvas, with a real mouse and keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, new_server

pytestmark = pytest.mark.browser
BOX = (60.25, 40.5, 160.75, 140.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = new_server(tmp_path_factory.mktemp("canvas"), num_images=3)
    Image.new("RGB", (4000, 3000), "navy").save(made.data / "A-large-one.png")
    made.cli("classes", "--add", "cell", "--add", "platelet")
    made.start(has_worker=False)
    yield made
    made.stop()


def stored(server: Server, tmp_path: Path) -> dict[str, list[list[float]]]:
    """Exported boxes x, y, w, h by file name."""
    server.cli("export", "--format", "coco", "--output", str(tmp_path / "boxes.json"))
    document = json.loads((tmp_path / "boxes.json").read_text())
    names = {image["id"]: image["file_name"] for image in document["images"]}
    found: dict[str, list[list[float]]] = {}
    for entry in document["annotations"]:
        found.setdefault(names[entry["image_id"]], []).append(entry["bbox"])
    return found


def test_a_box_is_drawn_moved_resized_deleted_and_brought_back(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.press("d")
    expect(user.part("canvas-position")).to_have_text("2 of 4")
    user.draw(BOX, digit=1)
    expect(user.stage).to_have_attribute("data-num-boxes", "1")
    user.drag((110, 90), (130, 110), draws=False)  # inside the selected box: move
    user.drag((180.75, 160.0), (200, 180), draws=False)  # its lower right corner: resize
    user.press("Delete")
    expect(user.stage).to_have_attribute("data-num-boxes", "0")
    user.press("Control+z")
    expect(user.stage).to_have_attribute("data-num-boxes", "1")
    user.press("Control+z", "Control+z", "Control+z")
    expect(user.stage).to_have_attribute("data-num-boxes", "0")
    user.wait_saved()


def test_an_image_that_is_asked_for_again_keeps_what_is_selected_on_it(page: Page) -> None:
    user = CanvasUser(page, "label")
    user.press("d")
    expect(user.part("canvas-position")).to_have_text("2 of 4")
    user.draw(BOX, digit=1)
    user.wait_saved()
    with page.expect_response("**/document*"):
        user.part("canvas-strip").get_by_role("button", name=user.file_name).click()
    user.press("Delete")
    expect(user.stage).to_have_attribute("data-num-boxes", "0")
    user.wait_saved()


def test_a_zoomed_and_panned_view_keeps_fractions_of_a_pixel(
    page: Page, server: Server, tmp_path: Path
) -> None:
    user = CanvasUser(page, "label")
    user.press("d", "d")
    expect(user.part("canvas-position")).to_have_text("3 of 4")
    for _ in range(3):
        user.part("canvas-zoom-in").click()
    user.page.mouse.move(*user.at(320, 240))
    user.page.mouse.wheel(0, -200)
    user.draw((300.25, 220.5, 340.75, 250.125), digit=2)
    user.wait_saved()
    (box,) = stored(server, tmp_path)[user.file_name]
    assert box == pytest.approx([300.25, 220.5, 40.5, 29.625], abs=0.5)
    assert box != [round(value) for value in box]


def test_a_large_image_takes_a_small_box(page: Page, server: Server, tmp_path: Path) -> None:
    user = CanvasUser(page, "label")
    assert user.file_name == "A-large-one.png"
    user.draw((3000, 2000, 3100, 2080), digit=1)
    user.wait_saved()
    (box,) = stored(server, tmp_path)["A-large-one.png"]
    assert box == pytest.approx([3000, 2000, 100, 80], abs=8)


def test_a_killed_server_loses_no_box_that_was_drawn_meanwhile(
    page: Page, server: Server, tmp_path: Path
) -> None:
    user = CanvasUser(page, "label")
    user.press("d", "d", "d")
    expect(user.part("canvas-position")).to_have_text("4 of 4")
    server.kill()
    user.draw(BOX, digit=1)
    expect(user.part("canvas-save-state")).to_contain_text("Offline")
    server.start(has_worker=False)
    user.wait_saved()
    (box,) = stored(server, tmp_path)[user.file_name]
    assert box == pytest.approx([60.25, 40.5, 100.5, 99.5], abs=1)


def test_the_page_asks_nobody_else(page: Page, server: Server) -> None:
    CanvasUser(page, "label")
    assert server.foreign_requests == []
