"""Review as a person does it: thresholds, a page of crops, order, the blind audit, the effort meter."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from app.showing import set_thresholds
from app.workspace import open_workspace
from storage import categories
from tests.app.samples import ask_by_taught_words, write_labels
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import SIZES, Server, new_server, open_page, picture

NUM_LABELLED, NUM_WAITING = 6, 4
THRESHOLDS = "/review/thresholds"
CLASSES = ("red blood cell", "white blood cell", "platelet")
NUM_SLIDERS = len(CLASSES) + 1  # one for the surest of each image


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Six labelled smears, and proposals on four more."""
    made = new_server(tmp_path_factory.mktemp("review"), num_images=NUM_LABELLED + NUM_WAITING)
    made.cli("import", "--coco", str(write_labels(made.folder / "labels.json", NUM_LABELLED)))
    ask_by_taught_words(made.data)
    made.cli("prelabel", "--bundle", "zero-shot", "--backbone", "nano", "--device", "cpu")
    made.start(has_worker=False)
    yield made
    made.stop()


PLATELET_ID = 3


@pytest.fixture(scope="module")
def opened_page(context: BrowserContext, server: Server) -> Iterator[Page]:
    opened = open_page(context, server)
    yield opened
    opened.close()


@pytest.fixture
def page(opened_page: Page, server: Server) -> Page:
    """The Review tab, with every class shown from .05."""
    with closing(open_workspace(server.data)) as workspace:
        with workspace.database.read() as tx:
            ids = [category.id for category in categories.list_all(tx)]
        set_thresholds(workspace, dict.fromkeys(ids, 0.05), datetime.now(UTC))
    opened_page.reload()
    CanvasUser(opened_page, "review")
    expect(opened_page.get_by_test_id("review-advice")).not_to_be_empty()
    return opened_page


def ask(server: Server, path: str) -> dict[str, Any]:
    """What the server has stored of review."""
    with urllib.request.urlopen(f"{server.url}/sdpt/api/review{path}", timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def stored(server: Server) -> dict[str, float]:
    return {c["name"]: c["threshold"] for c in ask(server, "/thresholds")["classes"]}


def opened(page: Page, name: str, testid: str) -> Locator:
    page.get_by_test_id(f"open-{name}").click()
    dialog = page.get_by_test_id(testid)
    expect(dialog).to_be_visible()
    return dialog


def wait_until_saved(dialog: Locator) -> None:
    expect(dialog.locator("tr[data-saving=saved]")).to_have_count(NUM_SLIDERS)


@pytest.mark.browser
def test_a_slider_says_what_to_expect_and_is_stored(page: Page, server: Server) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    wait_until_saved(dialog)
    name = CLASSES[0]
    of_all = re.compile(r"\d+ % \(\d+–\d+\)")
    expect(dialog.get_by_test_id(f"recall-{name}")).to_have_text(of_all)
    expect(dialog.get_by_test_id(f"precision-{name}")).to_have_text(of_all)
    expect(dialog.get_by_test_id(f"count-{name}")).to_have_text(re.compile(r"^[\d,]+$"))
    picture(page, "review-thresholds")
    dialog.get_by_test_id(f"threshold-{name}").fill("100")
    wait_until_saved(dialog)
    expect(dialog.get_by_test_id(f"count-{name}")).to_have_text("0")
    assert stored(server)[name] == 1.0


@pytest.mark.browser
def test_sliders_moved_at_once_are_all_kept_while_answers_are_held(
    page: Page, server: Server
) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    wait_until_saved(dialog)
    held: list[Route] = []
    page.route("**/review/thresholds", lambda route: held.append(route), times=1)
    places = dict(zip(CLASSES, (31, 42, 53), strict=True))
    with page.expect_request("**/review/thresholds"):
        for name, place in places.items():
            dialog.get_by_test_id(f"threshold-{name}").fill(str(place))
    expect(dialog.locator("tr[data-saving=saving]")).to_have_count(len(CLASSES))
    while not held:  # the browser has asked; its question is on the way to us
        page.wait_for_timeout(50)
    assert stored(server) == dict.fromkeys(CLASSES, 0.05)
    held[0].continue_()
    wait_until_saved(dialog)
    assert stored(server) == {name: place / 100 for name, place in places.items()}
    for name, place in places.items():
        expect(dialog.get_by_test_id(f"threshold-{name}")).to_have_value(str(place))
        expect(dialog.get_by_test_id(f"row-{name}").get_by_role("button")).to_be_visible()


@pytest.mark.browser
def test_a_move_that_failed_is_said_and_saved_again(page: Page, server: Server) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    wait_until_saved(dialog)
    page.route("**/review/thresholds", lambda route: route.fulfill(status=500), times=1)
    dialog.get_by_test_id("threshold-platelet").fill("64")
    expect(dialog.get_by_test_id("row-platelet")).to_contain_text("not saved")
    expect(dialog.get_by_test_id("threshold-platelet")).to_have_value("64")
    picture(page, "review-thresholds-unsaved")
    dialog.get_by_test_id("thresholds-again").click()
    wait_until_saved(dialog)
    assert stored(server)["platelet"] == 0.64


@pytest.mark.browser
def test_a_move_is_saved_when_the_server_is_back_even_if_the_dialog_is_closed(
    page: Page, server: Server
) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    wait_until_saved(dialog)
    page.route("**/sdpt/api/**", lambda route: route.abort())
    dialog.get_by_test_id("threshold-platelet").fill("75")
    expect(dialog.get_by_test_id("row-platelet")).to_contain_text("not saved")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    with page.expect_response(lambda r: r.request.method == "POST" and r.url.endswith(THRESHOLDS)):
        page.unroute("**/sdpt/api/**")
    assert stored(server)["platelet"] == 0.75


@pytest.mark.browser
@pytest.mark.parametrize("size", SIZES)
def test_no_dialog_is_cut_at_its_side(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    filled = {"thresholds": "thresholds-total", "grid": "grid-crop", "audit": "audit-start"}
    for name, content in (filled | {"effort": "effort-curve"}).items():
        dialog = opened(page, name, f"review-{name}")
        expect(dialog.get_by_test_id(content).first).to_be_visible()
        body = dialog.locator(".sdpt-sheet-body")
        assert body.evaluate("body => body.scrollWidth - body.clientWidth") == 0, name
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


@pytest.mark.browser
def test_show_what_pays_sets_every_class(page: Page, server: Server) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    wait_until_saved(dialog)
    with page.expect_response(re.compile("/thresholds/paying")) as told:
        dialog.get_by_test_id("thresholds-paying").click()
    assert told.value.ok
    now = stored(server)
    assert now != dict.fromkeys(CLASSES, 0.05)
    for name, score in now.items():
        slider = dialog.get_by_test_id(f"threshold-{name}")
        expect(slider).to_have_value(str(round(100 * score)))
    expect(dialog.get_by_test_id("thresholds-paying")).to_have_attribute("aria-pressed", "true")
    picture(page, "review-paying")
    with page.expect_response(re.compile("/thresholds/paying")):  # and again as more is known
        page.reload()
        page.get_by_role("tab", name="Review", exact=True).click()


@pytest.mark.browser
def test_the_surest_of_each_image_shows_from_a_score_of_its_own(page: Page, server: Server) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    slider = dialog.get_by_test_id("threshold-Surest of image")
    row = dialog.get_by_test_id("row-Surest of image")
    dialog.get_by_test_id("thresholds-reset").click()
    wait_until_saved(dialog)
    expect(row).to_contain_text("off")
    slider.fill("10")
    wait_until_saved(dialog)
    assert ask(server, "/thresholds")["surest"]["threshold"] == 0.1
    expect(dialog.get_by_test_id("thresholds-paying")).to_have_attribute("aria-pressed", "false")
    row.get_by_role("button").click()
    wait_until_saved(dialog)
    assert ask(server, "/thresholds")["surest"]["threshold"] is None


@pytest.mark.browser
def test_the_order_is_chosen_and_kept(page: Page, server: Server) -> None:
    order = page.get_by_test_id("review-order")
    with page.expect_response(re.compile("/review/order")):
        order.select_option("one_class")
    expect(page.get_by_test_id("review-class")).to_be_visible()
    with page.expect_response(re.compile("/review/order")):
        page.get_by_test_id("review-class").select_option(label="white blood cell")
    assert ask(server, "")["order"] == "one_class"
    page.reload()
    CanvasUser(page, "review")
    expect(order).to_have_value("one_class")
    expect(page.get_by_test_id("review-class").locator(":checked")).to_have_text("white blood cell")
    picture(page, "review-bar")
    with page.expect_response(re.compile("/review/order")):
        order.select_option("seconds_saved")
    assert ask(server, "")["order"] == "seconds_saved"


@pytest.mark.browser
def test_a_page_of_crops_is_judged_and_taken_back(page: Page, server: Server) -> None:
    dialog = opened(page, "grid", "review-grid")
    crops = dialog.get_by_test_id("grid-crop")
    expect(crops.first).to_be_focused()
    dialog.get_by_test_id("grid-class").select_option(value=str(PLATELET_ID))
    number = len(ask(server, f"/grid?category_id={PLATELET_ID}")["items"])
    expect(crops).to_have_count(number)
    waiting = dialog.get_by_test_id("grid-left").inner_text()
    before = server.cli("status")["annotations"]["accepted"]
    crops.nth(0).click()
    crops.nth(2).click()
    expect(dialog.get_by_test_id("grid-accept")).to_have_text(f"Accept {number - 2}, reject 2")
    picture(page, "review-grid")
    dialog.get_by_test_id("grid-accept").click()
    expect(dialog.get_by_text(f"{number - 2} accepted, 2 rejected")).to_be_visible()
    assert server.cli("status")["annotations"]["accepted"] == before + number - 2
    dialog.get_by_test_id("grid-undo").click()
    expect(dialog.get_by_test_id("grid-left")).to_have_text(waiting)
    assert server.cli("status")["annotations"]["accepted"] == before


@pytest.mark.browser
def test_a_blind_audit_from_lot_to_interval(page: Page) -> None:
    dialog = opened(page, "audit", "review-audit")
    dialog.get_by_test_id("audit-number").fill("1")
    dialog.get_by_test_id("audit-start").click()
    stage = dialog.get_by_test_id("audit-stage")
    expect(stage).to_have_attribute("data-num-boxes", "0")
    expect(stage.locator("image")).to_have_count(1)
    expect(stage.locator("rect")).to_have_count(0)  # no label shows before it is drawn
    _draw_box(page, stage)
    expect(dialog.get_by_test_id("audit-boxes")).to_have_text("1 drawn")
    picture(page, "review-audit-drawing")
    dialog.get_by_test_id("audit-compare").click()
    expect(dialog.get_by_test_id("audit-differences")).to_contain_text("Missed")
    picture(page, "review-audit-comparing")
    dialog.get_by_test_id("audit-next").click()
    result = dialog.get_by_test_id("audit-result")
    expect(result).to_contain_text(f"on 1 of {NUM_LABELLED} done images")
    expect(result).to_contain_text(re.compile(r"Without a right label\d+\.\d\d+\.\d – \d+\.\d"))
    picture(page, "review-audit-result")


def _draw_box(page: Page, stage: Locator) -> None:
    bounds = stage.bounding_box()
    assert bounds is not None
    x, y = bounds["x"] + bounds["width"] / 2, bounds["y"] + bounds["height"] / 2
    page.mouse.move(x - 40, y - 30)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=3)
    page.mouse.up()


def drawing_blind(page: Page, num_images: int = 1) -> Locator:
    """An audit of so many images, begun with keys alone."""
    page.get_by_test_id("open-audit").press("Enter")
    expect(page.get_by_test_id("audit-start")).to_be_visible()
    for key in ("Tab", str(num_images), "Enter"):
        page.keyboard.press(key)
    stage = page.get_by_test_id("audit-stage")
    expect(stage).to_be_focused()
    return stage


def edges(stage: Locator) -> list[float]:
    """Left, top, width and height of the only box, in pixels of the image."""
    return [float(stage.locator("rect").get_attribute(n) or "nan") for n in _EDGES]


_EDGES = ("x", "y", "width", "height")
DRAWN_BY_KEYS = (
    "b",
    *["Shift+ArrowLeft"] * 2,
    "Enter",
    "Shift+ArrowDown",
    "Shift+ArrowRight",
    "Enter",
)


@pytest.mark.browser
def test_an_audit_goes_by_keys_alone(page: Page) -> None:
    stage = drawing_blind(page)
    for key in DRAWN_BY_KEYS:
        page.keyboard.press(key)
    expect(stage).to_have_attribute("data-num-boxes", "1")
    before = edges(stage)
    for key in ("ArrowRight", "Shift+ArrowUp", "Control+ArrowRight", "Alt+ArrowUp"):
        page.keyboard.press(key)
    changes = [now - then for now, then in zip(edges(stage), before, strict=True)]
    assert changes == pytest.approx([1, -11, 1, 1], abs=0.01)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("audit-differences")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("audit-result")).to_contain_text("on 1 of")


@pytest.mark.browser
def test_a_blind_box_is_moved_and_resized_by_the_mouse(page: Page) -> None:
    stage = drawing_blind(page)
    _draw_box(page, stage)
    left, top, width, height = edges(stage)
    bounds = stage.bounding_box()
    assert bounds is not None
    x, y = bounds["x"] + bounds["width"] / 2, bounds["y"] + bounds["height"] / 2
    for start, end in (((x, y), (x + 40, y)), ((x + 80, y + 30), (x + 80, y + 60))):
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=3)
        page.mouse.up()
    expect(stage).to_have_attribute("data-num-boxes", "1")
    assert edges(stage) == pytest.approx([left + width / 2, top, width, height * 1.5], abs=1)
    page.keyboard.press("Enter")
    page.get_by_test_id("audit-next").click()
    expect(page.get_by_test_id("audit-result")).to_be_visible()


@pytest.mark.browser
def test_who_finds_the_label_right_takes_it_off_the_error(page: Page, server: Server) -> None:
    waiting = ask(server, "/queue")["ids"]
    # Of fewer images the interval is too wide to show one label.
    drawing_blind(page, num_images=NUM_LABELLED)
    differences = page.get_by_test_id("audit-differences").locator("li")
    for place in range(1, NUM_LABELLED + 1):
        expect(page.get_by_test_id("audit-place")).to_have_text(f"{place} of {NUM_LABELLED}")
        for key in (*DRAWN_BY_KEYS, "Enter"):
            page.keyboard.press(key)
        expect(differences.first).to_be_visible()
        if place < NUM_LABELLED:
            page.keyboard.press("Enter")
    before = ask(server, "/audit")["audit"]["result"]["surplus"]
    with page.expect_response(re.compile("/settled")):
        differences.filter(has_text="an object is here").get_by_role("checkbox").first.check()
    page.keyboard.press("Enter")
    result = page.get_by_test_id("audit-result").get_by_role("row", name="Labels without")
    expect(result).not_to_contain_text(f"{before['low']:.1f} – {before['high']:.1f}")
    assert ask(server, "/audit")["audit"]["result"]["surplus"]["high"] < before["high"]
    assert ask(server, "/queue")["ids"] == waiting  # no key reached the image behind the dialog


@pytest.mark.browser
def test_the_hint_leads_to_the_meter_which_has_its_whole_reason(page: Page, server: Server) -> None:
    page.get_by_test_id("review-advice").click()
    reason = ask(server, "/effort")["advice"]["reason"]
    expect(page.get_by_test_id("effort-advice")).to_contain_text(reason)
    page.keyboard.press("Escape")


@pytest.mark.browser
def test_the_meter_tells_what_is_stored_and_gives_a_reason(page: Page, server: Server) -> None:
    advice = ask(server, "/effort")["advice"]
    dialog = opened(page, "effort", "review-effort")
    expect(dialog.get_by_test_id("effort-advice")).to_contain_text(advice["reason"])
    expect(page.get_by_test_id("review-advice")).to_have_attribute("data-step", advice["step"])
    expect(dialog.get_by_test_id("effort-seconds")).to_contain_text("With proposals")
    expect(dialog.get_by_test_id("effort-curve")).to_contain_text("zero-shot")
    picture(page, "review-effort")


@pytest.mark.browser
def test_duplicates_are_merged_and_come_back(page: Page) -> None:
    rows = page.locator("#review-canvas .sdpt-row.is-proposal")
    expect(rows.first).to_be_visible()
    merged = rows.count()
    page.get_by_test_id("review-merging").uncheck()
    expect(rows).not_to_have_count(merged)
    page.get_by_test_id("review-merging").check()
    expect(rows).to_have_count(merged)
