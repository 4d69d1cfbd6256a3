"""What a person says of proposals and of images, by keys and by the mouse alone, and how it is stored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.ui.bare_canvas import bare_server
from tests.ui.canvas_user import CanvasUser
from tests.ui.canvas_verdicts import PROPOSALS, verdicts
from tests.ui.conftest import Server, propose

pytestmark = pytest.mark.browser
CLASSES = ("cell", "platelet", "dust")
NUM_IMAGES = 9  # grey-1.png is image 1, which is open at first; each test has others


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = bare_server(tmp_path_factory.mktemp("verdicts"), num_images=0, classes=CLASSES)
    for number in range(1, NUM_IMAGES + 1):
        shade = (90, 20 * number, 120)
        Image.new("RGB", (640, 480), shade).save(made.data / f"grey-{number}.png")
    made.start()
    for image_id in (2, 3, 4, 5):
        propose(made, image_id, *PROPOSALS)
    yield made
    made.stop()


@pytest.fixture
def user(bare_page: Page) -> CanvasUser:
    return CanvasUser(bare_page, "label")


def thumb(user: CanvasUser, name: str) -> Locator:
    """The one of the filmstrip that is named so, and no longer."""
    return user.part("canvas-strip").get_by_role("button", name=name, exact=True)


def test_a_digit_corrects_the_selected_proposal(user: CanvasUser, server: Server) -> None:
    user.go_to("grey-2")
    user.press("Escape", "Tab", "3")
    expect(user.part("canvas-counts")).to_have_text("1 box, 2 proposals")
    user.wait_saved()
    (box,) = server.document(2)["annotations"]
    assert (box["origin"], box["category_id"]) == ("corrected", 3)
    assert box["box"] == list(PROPOSALS[1].box)
    assert verdicts(server, 2) == {0.9: "pending", 0.55: "corrected", 0.3: "pending"}
    user.press("Control+z")
    expect(user.part("canvas-counts")).to_have_text("0 boxes, 3 proposals")
    user.wait_saved()
    assert set(verdicts(server, 2).values()) == {"pending"}


def test_a_rejected_proposal_is_gone_until_that_is_undone(user: CanvasUser, server: Server) -> None:
    user.go_to("grey-3")
    user.press("Escape", "Tab", "x")
    expect(user.part("canvas-counts")).to_have_text("0 boxes, 2 proposals")
    user.wait_saved()
    assert verdicts(server, 3) == {0.9: "pending", 0.55: "rejected", 0.3: "pending"}
    user.press("Control+z")
    expect(user.part("canvas-counts")).to_have_text("0 boxes, 3 proposals")
    user.wait_saved()
    assert set(verdicts(server, 3).values()) == {"pending"}


def test_an_image_put_aside_is_found_again_and_leaves_review(
    user: CanvasUser, server: Server
) -> None:
    queue = "fetch('/sdpt/api/review/queue').then(a => a.json()).then(q => q.ids.includes(4))"
    assert user.page.evaluate(queue)
    user.go_to("grey-4")
    user.press("s")
    expect(user.part("canvas-filename")).to_have_text("grey-5.png")
    expect(thumb(user, "grey-4.png, skipped")).to_have_attribute("data-state", "skipped")
    user.wait_saved()
    assert not user.page.evaluate(queue)
    user.part("canvas-filter").select_option("skipped")
    expect(user.part("canvas-position")).to_have_text("1 of 1")
    expect(user.part("canvas-filename")).to_have_text("grey-4.png")
    user.part("canvas-done").click()  # done, and open again by its key: aside no longer
    expect(user.part("canvas-done")).to_have_attribute("aria-pressed", "true")
    user.press("Escape", "Shift+Enter")
    expect(thumb(user, "grey-4.png")).to_have_attribute("data-state", "")
    user.wait_saved()
    assert user.page.evaluate(queue)


def test_the_filmstrip_says_which_images_are_done_have_none_or_are_begun(user: CanvasUser) -> None:
    user.go_to("grey-7")
    user.draw((60, 40, 160, 140), digit=1)
    user.press("Enter")
    expect(user.part("canvas-filename")).to_have_text("grey-8.png")
    user.press("n")
    expect(user.part("canvas-filename")).to_have_text("grey-9.png")
    user.draw((60, 40, 160, 140), digit=1)
    user.wait_saved()
    for number, state in ((7, "done"), (8, "has none"), (9, "begun")):
        found = thumb(user, f"grey-{number}.png, {state}")
        expect(found).to_have_attribute("data-state", state)
    user.page.reload()  # now as the server says it
    again = CanvasUser(user.page, "label")
    for name in ("grey-7.png, done", "grey-8.png, has none", "grey-9.png, begun"):
        expect(thumb(again, name)).to_be_visible()


def proposal(user: CanvasUser, score: str) -> Locator:
    return user.root.locator(".sdpt-row.is-proposal", has_text=score)


def test_an_image_is_finished_with_the_mouse_alone(user: CanvasUser, server: Server) -> None:
    boxes = user.stage
    thumb(user, "grey-5.png").click()
    expect(user.part("canvas-filename")).to_have_text("grey-5.png")
    user.part("canvas-class-dust").click()
    user.drag((400, 100), (500, 200), draws=False)
    user.part("canvas-duplicate").click()
    expect(boxes).to_have_attribute("data-num-boxes", "2")
    user.part("canvas-undo").click()
    expect(boxes).to_have_attribute("data-num-boxes", "1")
    user.part("canvas-redo").click()
    expect(boxes).to_have_attribute("data-num-boxes", "2")
    user.root.get_by_test_id("box-delete").last.click()
    expect(boxes).to_have_attribute("data-num-boxes", "1")
    proposal(user, "0.90").get_by_test_id("proposal-accept").click()
    proposal(user, "0.30").get_by_test_id("proposal-reject").click()
    user.click(250, 70)
    user.drag((250, 70), (260, 80), draws=False)
    expect(user.part("canvas-counts")).to_have_text("3 boxes, 0 proposals")
    user.part("canvas-flag").click()
    user.part("canvas-done-next").click()
    expect(user.part("canvas-filename")).to_have_text("grey-6.png")
    user.wait_saved()
    assert verdicts(server, 5) == {0.9: "accepted", 0.55: "corrected", 0.3: "rejected"}
    document = server.document(5)
    found = {box["origin"]: box["category_id"] for box in document["annotations"]}
    assert found == {"drawn": 3, "accepted": 1, "corrected": 1}
    assert document["image"]["is_reviewed"]
    assert document["image"]["is_flagged"]
