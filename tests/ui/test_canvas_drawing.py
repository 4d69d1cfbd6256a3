"""Every way to make and change a box, by mouse, by keyboard, and by both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from storage.boxes import intersection_over_union
from storage.types import Box
from tests.engine.second_look.scenes import discs
from tests.ui.bare_canvas import bare_server
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, picture

pytestmark = pytest.mark.browser
SIZE = (640, 480)
NUM_IMAGES = 20
DISCS: list[Box] = [(float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in discs(3)[1]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = bare_server(
        tmp_path_factory.mktemp("drawing"), num_images=0, classes=("cell", "platelet")
    )
    for index in range(NUM_IMAGES):
        Image.new("RGB", SIZE, (90, 20 * index, 120)).save(made.data / f"plain-{index:02d}.png")
    Image.fromarray(discs(3)[0]).save(made.data / "z-discs.png")
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared_page(browser: Browser, server: Server) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    opened.goto(server.url)
    CanvasUser(opened, "label")
    yield opened
    opened.close()


_places = iter(range(1, NUM_IMAGES + 1))


@pytest.fixture
def user(shared_page: Page) -> CanvasUser:
    """On an image that no test has used, the keyboard on the canvas."""
    user = CanvasUser(shared_page, "label")
    place = next(_places)
    user.go_to(f"plain-{place - 1:02d}.png")
    expect(user.stage).to_have_attribute("data-image-id", str(place))
    user.press("1", "Escape")
    return user


def only_box(user: CanvasUser, server: Server) -> list[float]:
    user.wait_saved()
    (box,) = server.boxes(int(user.stage.get_attribute("data-image-id") or 0))
    return box


def test_four_outermost_points_make_a_box(user: CanvasUser, server: Server) -> None:
    user.part("canvas-points").click()
    for x, y in ((100, 150), (300, 170), (210, 90), (190, 260)):
        user.click(x, y)
    expect(user.stage).to_have_attribute("data-num-boxes", "1")
    user.press("e")
    expect(user.part("canvas-points")).to_have_attribute("aria-pressed", "false")
    assert only_box(user, server) == pytest.approx([100, 90, 300, 260], abs=1)


def test_a_box_is_resized_by_an_edge_and_by_a_corner(user: CanvasUser, server: Server) -> None:
    user.draw((100, 100, 200, 200), digit=1)
    user.drag((200, 140), (250, 190), draws=False)
    user.drag((100, 100), (80, 70), draws=False)
    assert only_box(user, server) == pytest.approx([80, 70, 250, 200], abs=1)


def test_arrows_move_and_resize_by_whole_pixels(user: CanvasUser, server: Server) -> None:
    user.draw((100, 100, 200, 200), digit=1)
    before = only_box(user, server)
    user.press("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Control+ArrowRight")
    user.press("Control+Shift+ArrowDown", "Alt+ArrowLeft", "Alt+Shift+ArrowUp")
    changes = [now - then for now, then in zip(only_box(user, server), before, strict=True)]
    assert changes == pytest.approx([1, 0, 3, 20], abs=0.01)


def test_a_box_is_drawn_with_the_keyboard_alone(user: CanvasUser, server: Server) -> None:
    user.page.mouse.move(5, 5)
    user.press("b", "Shift+ArrowLeft", "Shift+ArrowUp", "Enter")
    user.press(*["Shift+ArrowRight"] * 2, *["ArrowDown"] * 3, "Control+ArrowRight", "Enter")
    x1, y1, x2, y2 = only_box(user, server)
    scale = user.number("scale")
    assert (x2 - x1, y2 - y1) == pytest.approx((96 / scale + 1, 24 / scale), abs=0.01)
    assert (x1, y1) == pytest.approx((320 - 48 / scale, 240 - 48 / scale), abs=0.01)


def test_a_box_is_duplicated_beside_itself(user: CanvasUser, server: Server) -> None:
    user.draw((100, 100, 200, 200), digit=2)
    user.press("Control+d")
    user.wait_saved()
    first, second = server.document(int(user.number("image-id")))["annotations"]
    assert first["category_id"] == second["category_id"] == 2
    assert second["box"][0] - first["box"][0] == pytest.approx(12 / user.number("scale"), abs=0.01)
    assert first["uid"] != second["uid"]


def test_boxes_of_the_previous_image_are_copied_once(user: CanvasUser, server: Server) -> None:
    user.draw((100, 100, 200, 200), digit=2)
    user.draw((300, 100, 400, 200), digit=1)
    first = int(user.number("image-id"))
    second = next(_places)
    user.press("Escape", "d")
    expect(user.stage).to_have_attribute("data-image-id", str(second))
    user.press("c")
    expect(user.stage).to_have_attribute("data-num-boxes", "2")
    user.press("c")
    expect(user.root.get_by_text("has no box that is not here")).to_be_visible()
    user.wait_saved()
    assert server.boxes(first) == server.boxes(second)
    user.press("Control+z")
    expect(user.stage).to_have_attribute("data-num-boxes", "0")


def test_near_the_border_a_box_snaps_to_it_unless_alt_is_held(
    user: CanvasUser, server: Server
) -> None:
    user.draw((2, 3, 100, 90), digit=1)
    assert only_box(user, server)[:2] == [0, 0]
    user.press("Delete", "Escape")
    user.page.keyboard.down("Alt")
    user.drag((2, 3), (100, 90), draws=False)
    user.page.keyboard.up("Alt")
    assert only_box(user, server)[:2] == pytest.approx([2, 3], abs=1)


def test_a_box_below_one_pixel_is_refused_in_words(user: CanvasUser) -> None:
    for _ in range(8):
        user.part("canvas-zoom-in").click()
    user.draw((320.2, 240.2, 320.6, 240.7), digit=1)
    expect(user.root.get_by_text("No box was made")).to_be_visible()
    expect(user.stage).to_have_attribute("data-num-boxes", "0")


def test_the_wheel_zooms_at_the_pointer_and_two_keys_bring_the_view_back(user: CanvasUser) -> None:
    fitted = user.number("scale")
    before = user.at(500, 120)
    user.hover(500, 120)
    user.page.mouse.wheel(0, -400)
    expect(user.stage).not_to_have_attribute("data-scale", str(fitted))
    assert user.at(500, 120) == pytest.approx(before, abs=1)
    user.press("o")
    expect(user.stage).to_have_attribute("data-scale", "1")
    left = user.number("left")
    user.press("Shift+ArrowRight")
    expect(user.stage).not_to_have_attribute("data-left", str(left))
    user.press("f")
    expect(user.stage).to_have_attribute("data-scale", str(fitted))


def test_tab_walks_first_through_what_overlaps_under_the_pointer(
    user: CanvasUser, server: Server
) -> None:
    user.draw((400, 300, 500, 400), digit=1)
    user.draw((100, 100, 300, 300), digit=1)
    user.draw((150, 150, 250, 250), digit=2)
    user.press("Escape")
    user.hover(200, 200)
    user.press("Tab")
    expect(user.root.locator(".sdpt-row.is-selected")).to_contain_text("platelet")
    user.press("Tab", "Delete")
    user.wait_saved()
    left = sorted(box[0] for box in server.boxes(int(user.number("image-id"))))
    assert left == pytest.approx([150, 400], abs=1)


def test_no_box_is_drawn_or_moved_out_of_the_image(user: CanvasUser, server: Server) -> None:
    user.draw((500, 400, SIZE[0] + 60, SIZE[1] + 60), digit=1)
    assert only_box(user, server) == pytest.approx([500, 400, *SIZE], abs=1)
    assert only_box(user, server)[2:] == list(SIZE)
    user.drag((570, 440), (470, 340), draws=False)
    moved = only_box(user, server)
    assert moved == pytest.approx([400, 300, SIZE[0] - 100, SIZE[1] - 100], abs=2)
    size = pytest.approx([moved[2] - moved[0], moved[3] - moved[1]])
    user.drag((470, 340), (720, 560), draws=False)
    x1, y1, x2, y2 = only_box(user, server)
    assert [x2, y2] == list(SIZE)
    assert [x2 - x1, y2 - y1] == size
    user.press(*["Shift+ArrowRight"] * 3, *["Shift+ArrowDown"] * 3)
    assert only_box(user, server) == [x1, y1, x2, y2]
    user.drag((570, 440), (110, 80), draws=False)
    user.press(*["Shift+ArrowUp"] * 6, *["Shift+ArrowLeft"] * 6)
    x1, y1, x2, y2 = only_box(user, server)
    assert [x1, y1] == [0, 0]
    assert [x2, y2] == size


def test_no_box_is_pulled_or_duplicated_out_of_the_image(user: CanvasUser, server: Server) -> None:
    user.draw((500, 400, 600, 450), digit=1)
    user.drag((600, 450), (SIZE[0] + 60, SIZE[1] + 60), draws=False)
    assert only_box(user, server)[2:] == list(SIZE)
    user.drag((500, 400), (-60, -60), draws=False)
    user.press(
        "Control+Shift+ArrowRight", "Control+ArrowDown", "Alt+Shift+ArrowUp", "Alt+ArrowLeft"
    )
    assert only_box(user, server) == [0, 0, *SIZE]
    user.press("Alt+Shift+ArrowRight", "Alt+Shift+ArrowDown", "Control+d")
    user.wait_saved()
    boxes = server.boxes(int(user.number("image-id")))
    beside = 10 - 12 / user.number("scale")  # to the upper left: where there is room
    moved = [beside, beside, SIZE[0] - 10 + beside, SIZE[1] - 10 + beside]
    assert boxes == [[10, 10, *SIZE], pytest.approx(moved, abs=0.01)]


def test_undo_is_for_each_image_its_own(user: CanvasUser, server: Server) -> None:
    first, second = int(user.number("image-id")), next(_places)
    user.draw((100, 100, 200, 200), digit=1)
    user.press("Escape", "d")
    expect(user.stage).to_have_attribute("data-image-id", str(second))
    user.press("Control+z")
    expect(user.root.get_by_text("Nothing to undo on this image.")).to_be_visible()
    user.wait_saved()
    assert len(server.boxes(first)) == 1
    user.press("a")
    expect(user.stage).to_have_attribute("data-image-id", str(first))
    user.press("Control+z")
    expect(user.stage).to_have_attribute("data-num-boxes", "0")
    user.wait_saved()
    assert server.boxes(first) == []


HEAR_OF_CHANGES = (
    "window.heard = []; addEventListener('sdpt:pushed', (e) => window.heard.push(...e.detail.ops))"
)


@pytest.fixture
def discs_user(shared_page: Page) -> CanvasUser:
    """The same person at a picture of discs, with the first class in hand, about to point."""
    user = CanvasUser(shared_page, "label")
    user.go_to("z-discs.png")
    user.press("Escape", "1")
    if user.part("canvas-pointing").get_attribute("aria-pressed") != "true":
        user.press("p", "Escape")  # the pen that comes out where no pointer is
    return user


def test_a_click_on_an_object_makes_its_box(discs_user: CanvasUser, server: Server) -> None:
    user, disc = discs_user, DISCS[0]
    user.page.evaluate(HEAR_OF_CHANGES)
    user.click(*middle(disc))
    picture(user.page, "pointing")
    expect(user.stage).to_have_attribute("data-num-boxes", "1", timeout=60_000)
    user.wait_saved()
    assert user.page.evaluate("window.heard.map((op) => op.is_pointed)") == [True]
    x1, y1, x2, y2 = only_box(user, server)
    assert intersection_over_union((x1, y1, x2, y2), disc) > 0.75
    asked: list[str] = []
    user.page.on("request", lambda request: asked.append(request.url))
    user.press("Escape")
    user.click(*middle(disc))  # it has its box, which is meant now
    expect(user.root.locator(".sdpt-row.is-selected")).to_have_count(1)
    user.press("Delete", "p")
    expect(user.stage).to_have_attribute("data-num-boxes", "0")
    user.wait_saved()
    assert not [url for url in asked if "boxes-at" in url]


def test_a_key_brings_the_next_guess_and_after_the_last_the_first_again(
    discs_user: CanvasUser, server: Server
) -> None:
    user, root = discs_user, discs_user.root
    guesses = [list(DISCS[0]), list(DISCS[1])]  # the server's may be a single one here
    user.page.route("**/boxes-at", lambda route: route.fulfill(json={"boxes": guesses}))
    user.click(*middle(DISCS[0]))
    expect(user.stage).to_have_attribute("data-num-boxes", "1")
    assert only_box(user, server) == pytest.approx(guesses[0])
    user.press("q")
    assert only_box(user, server) == pytest.approx(guesses[1])
    picture(user.page, "next-guess")
    root.get_by_test_id("canvas-another").click()
    expect(root.get_by_text("That was the last guess")).to_be_attached()
    assert only_box(user, server) == pytest.approx(guesses[0])
    user.page.unroute("**/boxes-at")
    user.press("Escape", "Tab", "Delete", "p")
    expect(user.stage).to_have_attribute("data-num-boxes", "0")
    expect(root.get_by_test_id("canvas-another")).to_be_hidden()
    user.wait_saved()


def test_a_double_click_makes_one_box(discs_user: CanvasUser) -> None:
    asked: list[str] = []
    discs_user.page.on("request", lambda request: asked.append(request.url))
    discs_user.page.mouse.dblclick(*discs_user.at(*middle(DISCS[1])))
    expect(discs_user.stage).to_have_attribute("data-num-boxes", "1", timeout=60_000)
    expect(discs_user.stage).to_have_attribute("data-num-waiting", "0")
    discs_user.wait_saved()
    assert len([url for url in asked if "boxes-at" in url]) == 1
    discs_user.press("Delete", "p")
    expect(discs_user.stage).to_have_attribute("data-num-boxes", "0")


def test_who_leaves_the_image_before_the_box_is_there_finishes_no_other(
    discs_user: CanvasUser, server: Server
) -> None:
    first = int(discs_user.number("image-id"))
    waiting: list[Route] = []
    discs_user.page.route("**/boxes-at", lambda route: waiting.append(route))
    with discs_user.page.expect_request("**/boxes-at"):
        discs_user.click(*middle(DISCS[2]))
    discs_user.press("Enter")
    discs_user.go_to("plain-00.png")
    waiting[0].continue_()
    expect(discs_user.root.get_by_text("Another image came up")).to_be_visible(timeout=60_000)
    discs_user.page.unroute("**/boxes-at")
    discs_user.wait_saved()
    for image_id in (first, int(discs_user.number("image-id"))):
        assert not server.document(image_id)["image"]["is_reviewed"]
    discs_user.press("p")


def test_a_click_beside_the_image_asks_for_nothing(discs_user: CanvasUser) -> None:
    asked: list[str] = []
    discs_user.page.on("request", lambda request: asked.append(request.url))
    discs_user.draw((5, 5, 25, 25), digit=1)
    discs_user.click(-8, 60)
    expect(discs_user.root.locator(".sdpt-row.is-selected")).to_have_count(0)
    assert not [url for url in asked if "boxes-at" in url]
    discs_user.press("Control+z", "p")
    discs_user.wait_saved()


def test_quick_clicks_are_all_answered_before_another_image_comes(
    discs_user: CanvasUser, server: Server
) -> None:
    image_id = int(discs_user.number("image-id"))
    for disc in DISCS[:3]:
        discs_user.click(*middle(disc))
    discs_user.press("a")
    expect(discs_user.stage).not_to_have_attribute("data-image-id", str(image_id), timeout=60_000)
    discs_user.wait_saved()
    assert len(server.boxes(image_id)) == 3
    discs_user.press("p")


def test_pointing_goes_by_keys_alone(discs_user: CanvasUser, server: Server) -> None:
    before = discs_user.number("num-boxes")
    discs_user.hover(*middle(DISCS[3]))
    discs_user.press("b", "Enter")  # the pen comes out where the pointer was
    expect(discs_user.stage).to_have_attribute(
        "data-num-boxes", f"{before + 1:.0f}", timeout=60_000
    )
    discs_user.press("p")


def test_a_drag_still_draws_while_pointing(user: CanvasUser, server: Server) -> None:
    user.press("1", "p")
    user.drag((120, 120), (180, 170), draws=False)
    assert only_box(user, server) == pytest.approx([120, 120, 180, 170], abs=1)
    user.drag((180, 150), (200, 150), draws=False)
    assert only_box(user, server) == pytest.approx([120, 120, 200, 170], abs=1)
    user.press("p")


def middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def test_an_edge_comes_to_the_pointer_by_a_key_or_a_click(user: CanvasUser, server: Server) -> None:
    user.draw((100, 100, 200, 180), digit=1)
    user.hover(260, 150)  # beyond the right edge
    user.press("w")
    assert only_box(user, server) == pytest.approx([100, 100, 260, 180], abs=1)
    user.hover(150, 120)  # within, next to the upper edge
    user.press("w")
    assert only_box(user, server) == pytest.approx([100, 120, 260, 180], abs=1)
    user.page.keyboard.down("Control")
    user.click(60, 150)
    user.page.keyboard.up("Control")
    assert only_box(user, server) == pytest.approx([60, 120, 260, 180], abs=1)
    user.press("Control+z")
    assert only_box(user, server) == pytest.approx([100, 120, 260, 180], abs=1)
