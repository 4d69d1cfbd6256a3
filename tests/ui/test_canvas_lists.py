"""Classes, proposals, what is shown, and finding images again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from storage.types import NewPrediction
from tests.ui.bare_canvas import bare_server
from tests.ui.canvas_user import CanvasUser
from tests.ui.canvas_verdicts import PROPOSALS
from tests.ui.conftest import Server, propose

pytestmark = pytest.mark.browser
GREEK = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota")
CLASSES = (*(f"cell {word}" for word in GREEK), "red blood cell")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = bare_server(tmp_path_factory.mktemp("lists"), num_images=8, classes=CLASSES)
    made.start()
    for image_id in (2, 3, 4):
        propose(made, image_id, *PROPOSALS)
    yield made
    made.stop()


@pytest.fixture
def user(bare_page: Page) -> CanvasUser:
    return CanvasUser(bare_page, "label")


def test_a_class_is_chosen_by_some_letters_of_its_name_and_sticks(
    user: CanvasUser, server: Server
) -> None:
    user.press("l")
    user.part("canvas-class-picker-text").fill("rbc")
    user.press("Enter")
    chosen = user.part("canvas-class-red blood cell")
    expect(chosen).to_have_attribute("aria-pressed", "true")
    user.drag((60, 40), (160, 140), draws=True)
    user.press("l")
    user.page.keyboard.type("new kind")
    user.press("Enter")
    expect(user.part("canvas-class-new kind")).to_have_attribute("aria-pressed", "true")
    user.wait_saved()
    (box,) = server.document(1)["annotations"]
    assert box["category_id"] == len(CLASSES) + 1
    user.page.reload()
    again = CanvasUser(user.page, "label")
    expect(again.part("canvas-class-new kind")).to_have_attribute("aria-pressed", "true")


def test_classes_that_share_a_colour_differ_by_their_frame(user: CanvasUser) -> None:
    looks = user.root.locator(".sdpt-chip-button").evaluate_all(
        "chips => chips.map(c => getComputedStyle(c).getPropertyValue('--class-color')"
        " + getComputedStyle(c).borderLeftStyle)"
    )
    assert len(set(looks)) == len(looks) >= len(CLASSES)


def test_one_key_accepts_all_from_a_threshold_on(user: CanvasUser) -> None:
    user.go_to("smear-01")
    user.part("canvas-min-score").fill("50")
    expect(user.part("canvas-counts")).to_have_text("0 boxes, 2 proposals")
    user.press("Shift+Space")
    expect(user.part("canvas-counts")).to_have_text("2 boxes, 0 proposals")
    user.press("Control+z", *["["] * 10)
    expect(user.part("canvas-counts")).to_have_text("0 boxes, 3 proposals")
    user.wait_saved()


def test_space_goes_on_to_what_waits_after_a_proposal_was_moved(
    user: CanvasUser, server: Server
) -> None:
    user.go_to("smear-03")
    user.press("Escape", "Space", "ArrowRight", "Space")
    expect(user.part("canvas-counts")).to_have_text("1 box, 2 proposals")
    user.press("Space", "Space")
    expect(user.part("canvas-counts")).to_have_text("3 boxes, 0 proposals")
    user.wait_saved()
    origins = [box["origin"] for box in server.document(4)["annotations"]]
    assert sorted(origins) == ["accepted", "accepted", "corrected"]
    user.press(*["Control+z"] * 3)
    expect(user.part("canvas-counts")).to_have_text("0 boxes, 3 proposals")
    user.wait_saved()


def test_boxes_are_hidden_by_class_and_by_source(user: CanvasUser) -> None:
    user.go_to("smear-02")
    user.draw((320, 200, 420, 300), digit=2)
    counts = user.part("canvas-counts")
    user.part("canvas-shown").click()
    user.part("canvas-show-class-cell beta").click()
    expect(counts).to_have_text("0 boxes, 2 proposals")
    expect(user.part("canvas-shown")).to_contain_text("2 hidden")
    user.part("canvas-show-proposal").click()
    expect(counts).to_have_text("0 boxes, 0 proposals")
    user.part("canvas-show-all").click()
    expect(counts).to_have_text("1 box, 3 proposals")
    user.press("Escape", "j")
    expect(counts).to_have_text("0 boxes, 0 proposals")


def test_a_flag_and_a_comment_are_found_again(user: CanvasUser, server: Server) -> None:
    user.go_to("smear-05")
    user.press("r", "m")
    user.part("canvas-comment-text").fill("two cells touch")
    user.press("Enter")
    expect(user.part("canvas-comment-shown")).to_have_text("two cells touch")
    user.wait_saved()
    for state in ("flagged", "commented"):
        user.part("canvas-filter").select_option(state)
        expect(user.part("canvas-position")).to_have_text("1 of 1")
    assert user.file_name == "smear-05.jpg"
    thumb = user.part("canvas-strip").get_by_role("button", name="flagged, two cells touch")
    expect(thumb).to_be_visible()


def test_an_image_with_none_is_done_and_found_again(user: CanvasUser, server: Server) -> None:
    user.go_to("smear-03")
    user.press("n")
    expect(user.part("canvas-filename")).to_have_text("smear-04.jpg")
    user.wait_saved()
    assert server.document(4)["proposals"] == []
    user.part("canvas-filter").select_option("has_none")
    expect(user.part("canvas-filename")).to_have_text("smear-03.jpg")
    expect(user.part("canvas-position")).to_have_text("1 of 1")


def test_images_are_filtered_by_class_and_score_and_name(user: CanvasUser, server: Server) -> None:
    server.edit(7, {"op": "create", "uid": "z", "box": [9, 9, 90, 90], "category_id": 6})
    position = user.part("canvas-position")
    user.part("canvas-filter-more").click()
    user.part("canvas-filter-class").select_option(label="cell zeta")
    expect(position).to_have_text("1 of 1")
    expect(user.part("canvas-filename")).to_have_text("smear-06.jpg")
    user.part("canvas-filter-clear").click()
    expect(position).to_contain_text("of 8")
    propose(server, 6, NewPrediction((20, 20, 120, 120), 1, 0.41))
    user.part("canvas-filter-from").fill("0.4")
    user.part("canvas-filter-to").fill("0.45")
    user.part("canvas-filter-to").blur()
    expect(position).to_have_text("1 of 1")
    expect(user.part("canvas-filename")).to_have_text("smear-05.jpg")
    user.part("canvas-filter-clear").click()
    user.press("Escape")
    user.part("canvas-search").fill("smear-07")
    expect(position).to_have_text("1 of 1")


def test_a_late_answer_of_an_earlier_filter_is_not_taken(user: CanvasUser) -> None:
    late: list[Route] = []
    user.page.route("**/browse/ids?*query=smear-0", lambda route: late.append(route))
    search, position = user.part("canvas-search"), user.part("canvas-position")
    search.fill("smear-0")
    search.press("Enter")
    search.fill("smear-02")
    search.press("Enter")
    expect(position).to_have_text("1 of 1")
    with user.page.expect_response("**/browse/ids?*query=smear-0"):
        late[0].continue_()
    user.page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(position).to_have_text("1 of 1")


def test_the_filmstrip_goes_to_any_image_of_the_list(user: CanvasUser) -> None:
    user.part("canvas-strip").get_by_role("button", name="smear-07").click()
    expect(user.part("canvas-position")).to_have_text("8 of 8")
    user.part("canvas-next").click()
    expect(user.root.get_by_text("This is the last image of the list.")).to_be_attached()
    user.press("Escape", "Enter")
    said = "'smear-07.jpg' is done without a box: it counts as having none. This is the last image"
    expect(user.root.get_by_text(said)).to_be_attached()
    user.press("Shift+Enter")
    expect(user.part("canvas-done")).to_have_attribute("aria-pressed", "false")


def test_three_quick_keys_go_three_images_on(user: CanvasUser) -> None:
    user.press("d", "d", "d")
    expect(user.part("canvas-position")).to_have_text("4 of 8")
