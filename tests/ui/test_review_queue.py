"""The queue of review in the browser: its orders, what a threshold takes out of it, a page of one class."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from app.queueing import Order
from app.review_queue import choose_order
from app.showing import Surest, set_thresholds
from app.workspace import open_workspace
from storage.types import NewPrediction
from tests.ui.bare_canvas import with_classes
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, new_server, open_page, propose

pytestmark = pytest.mark.browser
CELL, PLATELET, GRAIN = 1, 2, 3
WAITING = {  # by image: the classes and scores of its proposals
    1: [(CELL, 0.97), (CELL, 0.95)],
    2: [(CELL, 0.25)] * 4,
    3: [(PLATELET, 0.52)],
    4: [(PLATELET, 0.9), (CELL, 0.28), (CELL, 0.28)],
}
GRAINS, NUM_GRAINS = 5, 60  # on an image of their own, and hidden but for the test that judges them
SEED = 0.25  # what the page draws by lot


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = new_server(tmp_path_factory.mktemp("queue"), num_images=5)
    with_classes(made.data, ("cell", "platelet", "grain"))
    made.start(has_worker=False)
    for image_id, found in WAITING.items():
        boxes = [(20.0 + 100 * i, 20.0, 80.0 + 100 * i, 80.0) for i in range(len(found))]
        propose(made, image_id, *(NewPrediction(b, *f) for b, f in zip(boxes, found, strict=True)))
    places = [(5.0 + 60 * (i % 10), 5.0 + 70 * (i // 10)) for i in range(NUM_GRAINS)]
    grains = [NewPrediction((x, y, x + 50, y + 50), GRAIN, 0.8) for x, y in places]
    propose(made, GRAINS, *grains)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def opened_page(context: BrowserContext, server: Server) -> Iterator[Page]:
    opened = open_page(context, server)
    yield opened
    opened.close()


def show_from(server: Server, thresholds: dict[int | Surest, float | None]) -> None:
    with closing(open_workspace(server.data)) as workspace:
        set_thresholds(workspace, thresholds, datetime.now(UTC))


@pytest.fixture
def user(opened_page: Page, server: Server) -> CanvasUser:
    """In Review in its usual order, where every class but the grains is shown."""
    show_from(server, {CELL: 0.05, PLATELET: 0.05, GRAIN: 1.0})
    with closing(open_workspace(server.data)) as workspace:
        choose_order(workspace, Order.SECONDS_SAVED)
    opened_page.reload()
    return CanvasUser(opened_page, "review")


def name_of(server: Server, image_id: int) -> str:
    return str(server.document(image_id)["image"]["relative_path"])


def by_lot() -> list[int]:
    ids = sorted(WAITING)
    random.Random(int(SEED * 1e6)).shuffle(ids)
    return ids


@pytest.mark.parametrize(
    ("order", "first", "second", "number"),
    [
        ("seconds_saved", 1, 4, 4),
        ("least_certain", 3, 4, 4),
        ("most_objects", 2, 4, 4),
        ("one_class", 4, 3, 2),
        ("random", *by_lot()[:2], 4),
    ],
)
def test_each_order_brings_its_image_first(
    user: CanvasUser, server: Server, order: str, first: int, second: int, number: int
) -> None:
    user.page.evaluate(f"Math.random = () => {SEED}")
    user.press("d")  # whatever image is open
    expect(user.part("canvas-position")).to_have_text("2 of 4")
    user.page.get_by_test_id("review-order").select_option(order)
    if order == "one_class":
        expect(user.part("canvas-position")).to_have_text("1 of 3")  # those of the first class
        user.page.get_by_test_id("review-class").select_option(label="platelet")
    expect(user.part("canvas-filename")).to_have_text(name_of(server, first))
    expect(user.part("canvas-position")).to_have_text(f"1 of {number}")
    user.press("d")
    expect(user.part("canvas-filename")).to_have_text(name_of(server, second))


def drag_slider(user: CanvasUser, name: str, score: float) -> None:
    """Take the threshold by its handle, and close the dialog again."""
    page = user.page
    page.get_by_test_id("open-thresholds").click()
    slider = page.get_by_test_id(f"threshold-{name}")
    expect(slider).not_to_have_value("50")  # as it stands before the stored score is there
    bounds = slider.bounding_box()
    assert bounds is not None
    room, y = bounds["width"] - 16, bounds["y"] + bounds["height"] / 2  # the handle is 16 wide
    page.mouse.move(bounds["x"] + 8 + room * int(slider.input_value()) / 100, y)
    page.mouse.down()
    with page.expect_response(lambda r: r.request.method == "POST" and "thresholds" in r.url):
        page.mouse.move(bounds["x"] + 8 + room * score, y, steps=3)
        page.mouse.up()
    page.keyboard.press("Escape")


def test_a_slider_dragged_by_mouse_takes_images_out_of_the_queue(user: CanvasUser) -> None:
    user.press("d")  # to the one with a platelet and two cells
    place, counts = user.part("canvas-position"), user.part("canvas-counts")
    expect(place).to_have_text("2 of 4")
    expect(counts).to_have_text("0 boxes, 3 proposals")
    drag_slider(user, "platelet", 0.95)
    expect(place).to_have_text(re.compile("of 3$"))
    expect(counts).to_have_text("0 boxes, 2 proposals")
    drag_slider(user, "platelet", 0.05)
    expect(place).to_have_text("2 of 4")
    expect(counts).to_have_text("0 boxes, 3 proposals")


@pytest.fixture
def crops(user: CanvasUser, server: Server) -> Locator:
    """The crops of the grains, the first of two pages."""
    show_from(server, {GRAIN: 0.05})
    user.page.get_by_test_id("open-grid").click()
    found = user.page.get_by_test_id("grid-crop")
    expect(found.first).to_be_focused()
    user.page.get_by_test_id("grid-class").select_option(label="grain")
    expect(found).to_have_count(50)
    expect(found.first).to_be_focused()
    return found


def test_a_page_of_fifty_is_judged_by_keys(user: CanvasUser, crops: Locator) -> None:
    left, accept = (user.page.get_by_test_id(f"grid-{name}") for name in ("left", "accept"))
    user.press("x", "ArrowRight", "ArrowRight", "ArrowLeft", "x")
    expect(accept).to_have_text("Accept 48, reject 2")
    user.press("a")
    expect(accept).to_have_text("Accept 2, reject 48")
    user.press("a", "Enter")
    expect(crops).to_have_count(10)
    expect(left).to_have_text("10 waiting")
    user.press("Control+z")
    expect(crops).to_have_count(50)
    expect(left).to_have_text("60 waiting")


def test_arrows_walk_over_the_crops_by_row(user: CanvasUser, crops: Locator) -> None:
    user.press("ArrowRight", "ArrowDown")
    (x, y), (first_x, first_y) = (
        place_of(crop) for crop in (user.page.locator(":focus"), crops.nth(1))
    )
    assert x == first_x
    assert y > first_y
    user.press("ArrowUp")
    expect(crops.nth(1)).to_be_focused()


def place_of(element: Locator) -> tuple[float, float]:
    bounds = element.bounding_box()
    assert bounds is not None
    return bounds["x"], bounds["y"]
