"""What is seen: boxes and proposals, the crosshair, the grid of pixels, and the part of the image that is in sight."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.ui.bare_canvas import bare_server
from tests.ui.canvas_user import Box, CanvasUser
from tests.ui.canvas_verdicts import PROPOSALS, verdicts
from tests.ui.conftest import Server, propose

pytestmark = pytest.mark.browser
DRAWN: Box = (400, 250, 560, 400)
FRAMES = "new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))"
ALPHAS = """(layer, [x, y, width]) => {
  const { data } = layer.getContext("2d").getImageData(x, y, width, 1);
  return [...data].filter((_, index) => index % 4 === 3);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = bare_server(tmp_path_factory.mktemp("looks"), num_images=0, classes=("cell", "platelet"))
    for number, shade in ((1, 100), (2, 128)):
        Image.new("RGB", (640, 480), (shade,) * 3).save(made.data / f"grey-{number}.png")
    made.start()
    propose(made, 2, *PROPOSALS)
    made.edit(2, {"op": "create", "uid": "drawn", "box": DRAWN, "category_id": 1})
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared_page(context: BrowserContext, server: Server) -> Iterator[Page]:
    opened = context.new_page()
    opened.set_viewport_size({"width": 1440, "height": 900})
    opened.goto(server.url)
    CanvasUser(opened, "label")
    yield opened
    opened.close()


@pytest.fixture
def user(shared_page: Page) -> CanvasUser:
    """At an image with one box and three proposals, the whole of it in sight and nothing selected."""
    user = CanvasUser(shared_page, "label")
    if user.file_name != "grey-2.png":
        user.go_to("grey-2")
    user.press("f", "Escape")
    user.page.mouse.move(5, 5)
    user.page.evaluate(FRAMES)
    return user


def alphas(user: CanvasUser, start: tuple[float, float], end_x: float) -> list[int]:
    """How much of the layer with the boxes covers the picture, pixel by pixel along a line of the screen."""
    user.page.evaluate(FRAMES)
    scale, left, top = (user.number(name) for name in ("scale", "left", "top"))
    x, y = round(start[0] * scale + left), round(start[1] * scale + top)
    width = round(end_x * scale + left) - x
    layer = user.root.locator("canvas.sdpt-layer")
    found: list[int] = layer.evaluate(ALPHAS, [x, y, width])
    return found


def num_gaps(user: CanvasUser, box: Box) -> int:
    """Along the lower edge, where no name of a class is; its corners left out."""
    seen = [alpha > 128 for alpha in alphas(user, (box[0] + 5, box[3]), box[2] - 5)]
    return sum(before and not now for before, now in pairwise(seen))


def test_what_a_person_drew_is_solid_and_what_is_proposed_is_dashed(user: CanvasUser) -> None:
    assert num_gaps(user, DRAWN) == 0
    assert all(num_gaps(user, proposal.box) >= 5 for proposal in PROPOSALS)
    chosen = user.root.locator(".sdpt-row.is-selected")
    user.press("Tab")
    expect(chosen).to_contain_text("0.55")
    assert num_gaps(user, PROPOSALS[1].box) >= 5
    user.press("Shift+Tab")
    expect(chosen).to_contain_text("drawn")


def test_the_borders_of_pixels_are_seen_from_close_by(user: CanvasUser) -> None:
    free = ((305.0, 240.5), 335.0)  # between the boxes; through the middle of a row of pixels
    assert not any(alphas(user, *free))
    for _ in range(8):
        user.part("canvas-zoom-in").click()
    user.page.evaluate(FRAMES)
    scale = user.number("scale")
    assert scale >= 12
    lines = middles(alphas(user, *free))
    assert len(lines) >= 29
    assert [b - a for a, b in pairwise(lines)] == pytest.approx([scale] * (len(lines) - 1), abs=0.5)


def middles(seen: list[int]) -> list[float]:
    """Where the lines are that cross a row of the screen; one may cover parts of two of its pixels."""
    lines: list[list[int]] = []
    for x in (x for x, alpha in enumerate(seen) if alpha):
        if lines and lines[-1][-1] == x - 1:
            lines[-1].append(x)
        else:
            lines.append([x])
    return [sum(x * seen[x] for x in line) / sum(seen[x] for x in line) for line in lines]


def test_a_crosshair_follows_the_pointer_and_goes_when_it_leaves(user: CanvasUser) -> None:
    lines = [user.root.locator(f".sdpt-line.is-{axis}") for axis in ("x", "y")]
    for point in ((320.0, 240.0), (200.0, 100.0)):
        user.hover(*point)
        bounds = [line.bounding_box() for line in lines]
        assert bounds[0]
        assert bounds[1]
        assert (bounds[0]["x"], bounds[1]["y"]) == pytest.approx(user.at(*point), abs=1.5)
    user.page.mouse.move(5, 5)
    for line in lines:
        expect(line).to_be_hidden()


BUTTONS: dict[str, Literal["left", "middle", "right"]] = {
    "space": "left",
    "middle": "middle",
    "right": "right",
}


@pytest.mark.parametrize("how", BUTTONS)
def test_the_view_is_dragged_by_space_middle_and_right_button(
    user: CanvasUser, server: Server, how: str
) -> None:
    for _ in range(2):
        user.part("canvas-zoom-in").click()
    user.press("Tab")
    user.page.evaluate(FRAMES)
    before = user.number("left"), user.number("top")
    drag_view(user, how, (70, -40))
    user.page.evaluate(FRAMES)
    after = user.number("left"), user.number("top")
    assert after == pytest.approx((before[0] + 70, before[1] - 40), abs=0.01)
    expect(user.root.locator(".sdpt-row.is-selected")).to_contain_text("0.55")
    user.wait_saved()
    assert set(verdicts(server, 2).values()) == {"pending"}
    assert server.boxes(2) == [list(DRAWN)]


def drag_view(user: CanvasUser, how: str, by: tuple[float, float]) -> None:
    keyboard, mouse = user.page.keyboard, user.page.mouse
    button = BUTTONS[how]
    x, y = user.at(250, 70)  # in the selected proposal
    mouse.move(x, y)
    if how == "space":
        keyboard.down("Space")
    mouse.down(button=button)
    mouse.move(x + by[0], y + by[1])
    mouse.up(button=button)
    if how == "space":
        keyboard.up("Space")
