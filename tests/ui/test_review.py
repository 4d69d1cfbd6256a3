"""Review as a person does it: thresholds, order, the page of one class, the blind audit, the effort meter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.showing import set_thresholds
from app.workspace import open_workspace
from storage import categories
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import SAMPLES, Server, new_server, open_page, picture

NUM_LABELLED = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Six labelled smears, and proposals on eight more at every score."""
    made = new_server(tmp_path_factory.mktemp("review"), num_images=14)
    labels = labels_of_first(made)
    made.cli("import", "--coco", str(labels))
    made.cli("prelabel", "--bundle", "zero-shot", "--backbone", "nano", "--device", "cpu")
    made.start(has_worker=False)
    yield made
    made.stop()


CLASSES = ("red blood cell", "white blood cell", "platelet")


def labels_of_first(server: Server) -> Path:
    names = sorted(path.name for path in server.data.iterdir() if path.is_file())[:NUM_LABELLED]
    document = json.loads((SAMPLES / "train.json").read_text("utf-8"))
    document["images"] = [i for i in document["images"] if i["file_name"] in names]
    ids = {image["id"] for image in document["images"]}
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in ids]
    target = server.folder / "labels.json"
    target.write_text(json.dumps(document))
    return target


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    show_all(server)
    opened = open_page(browser, server)
    opened.get_by_role("tab", name="Review", exact=True).click()
    expect(opened.get_by_test_id("review-advice")).not_to_be_empty()
    yield opened
    opened.close()


def opened(page: Page, name: str, testid: str) -> Locator:
    page.get_by_test_id(f"open-{name}").click()
    dialog = page.get_by_test_id(testid)
    expect(dialog).to_be_visible()
    return dialog


def show_all(server: Server) -> None:
    """Every class from a score of .05."""
    with closing(open_workspace(server.data)) as workspace:
        with workspace.database.read() as tx:
            ids = [category.id for category in categories.list_all(tx)]
        set_thresholds(workspace, dict.fromkeys(ids, 0.05), datetime.now(UTC))


def proposals(user: CanvasUser) -> Locator:
    """Their lines in the list beside the canvas."""
    return user.root.locator(".sdpt-row.is-proposal")


def num_proposals(user: CanvasUser) -> int:
    expect(proposals(user).first).to_be_visible()
    return proposals(user).count()


def count_of(dialog: Locator, name: str) -> Locator:
    """How many proposals of a class are shown."""
    return dialog.get_by_test_id(f"count-{name}")


def number_in(text: str | None) -> int:
    found = re.search(r"\d[\d,]*", text or "")
    assert found is not None, text
    return int(found.group().replace(",", ""))


@pytest.mark.browser
def test_a_slider_filters_every_image_and_says_what_to_expect(page: Page) -> None:
    user = CanvasUser(page, "review")
    before = num_proposals(user)
    dialog = opened(page, "thresholds", "review-thresholds")
    most = max(CLASSES, key=lambda name: number_in(count_of(dialog, name).text_content()))
    number = count_of(dialog, most)
    assert number_in(number.text_content()) > 0
    expect(dialog.get_by_test_id(f"recall-{most}")).to_have_text(re.compile(r"\d+ % \(\d+–\d+\)"))
    picture(page, "review-thresholds")
    dialog.get_by_test_id(f"threshold-{most}").fill("90")
    expect(dialog.get_by_test_id("thresholds-state")).to_have_text("Saved")
    expect(number).to_have_text("0")
    page.keyboard.press("Escape")
    expect(proposals(user)).not_to_have_count(before)


@pytest.mark.browser
def test_sliders_that_are_moved_at_once_are_all_kept(page: Page) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    for place, name in enumerate(CLASSES, start=40):
        dialog.get_by_test_id(f"threshold-{name}").fill(str(place))
    expect(dialog.get_by_test_id("thresholds-state")).to_have_text("Saved")
    page.keyboard.press("Escape")
    dialog = opened(page, "thresholds", "review-thresholds")
    for place, name in enumerate(CLASSES, start=40):
        expect(dialog.get_by_test_id(f"threshold-{name}")).to_have_value(str(place))
        expect(dialog.get_by_test_id(f"origin-{name}").get_by_role("button")).to_be_visible()


@pytest.mark.browser
def test_a_threshold_that_the_server_did_not_get_is_named_and_goes_out_with_the_next(
    page: Page,
) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    first, second, _ = CLASSES
    page.route("**/review/thresholds", lambda route: route.abort())
    dialog.get_by_test_id(f"threshold-{first}").fill("61")
    expect(dialog.get_by_test_id("thresholds-state")).to_have_text("Not saved")
    page.unroute("**/review/thresholds")
    dialog.get_by_test_id(f"threshold-{second}").fill("62")
    expect(dialog.get_by_test_id("thresholds-state")).to_have_text("Saved")
    expect(dialog.get_by_test_id(f"origin-{first}").get_by_role("button")).to_be_visible()
    expect(dialog.get_by_test_id(f"threshold-{first}")).to_have_value("61")


@pytest.mark.browser
def test_what_pays_is_shown_at_one_press(page: Page) -> None:
    dialog = opened(page, "thresholds", "review-thresholds")
    dialog.get_by_test_id("thresholds-paying").click()
    expect(dialog.get_by_test_id("thresholds-state")).to_have_text("Saved")
    picture(page, "review-what-pays")
    dialog.get_by_test_id("thresholds-reset").click()
    expect(dialog.get_by_test_id(f"origin-{CLASSES[0]}").get_by_role("button")).to_have_count(0)


@pytest.mark.browser
def test_the_order_is_chosen_and_kept(page: Page, server: Server) -> None:
    user = CanvasUser(page, "review")
    page.get_by_test_id("review-order").select_option("most_objects")
    expect(user.part("canvas-position")).to_have_text(re.compile("of 8"))
    page.get_by_test_id("review-order").select_option("one_class")
    page.get_by_test_id("review-class").select_option(label="white blood cell")
    expect(page.get_by_test_id("review-class")).to_be_visible()
    page.reload()
    page.get_by_role("tab", name="Review", exact=True).click()
    expect(page.get_by_test_id("review-order")).to_have_value("one_class")
    page.get_by_test_id("review-order").select_option("seconds_saved")
    picture(page, "review-bar")


@pytest.mark.browser
def test_duplicates_are_merged_and_come_back(page: Page) -> None:
    user = CanvasUser(page, "review")
    merged = num_proposals(user)
    page.get_by_test_id("review-merging").uncheck()
    expect(proposals(user)).not_to_have_count(merged)
    page.get_by_test_id("review-merging").check()
    expect(proposals(user)).to_have_count(merged)


@pytest.mark.browser
def test_a_page_of_one_class_by_keyboard_and_mouse(page: Page, server: Server) -> None:
    before = server.cli("status")["annotations"]["accepted"]
    dialog = opened(page, "grid", "review-grid")
    crops = dialog.get_by_test_id("grid-crop")
    expect(crops.first).to_be_focused()
    number = crops.count()
    waiting = dialog.get_by_test_id("grid-left").text_content()
    crops.nth(1).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(dialog.get_by_test_id("grid-accept")).to_have_text(f"Accept {number - 2}, reject 2")
    picture(page, "review-grid")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text(f"{number - 2} accepted, 2 rejected")).to_be_visible()
    assert server.cli("status")["annotations"]["accepted"] == before + number - 2
    page.keyboard.press("Control+z")
    expect(dialog.get_by_test_id("grid-left")).to_have_text(waiting or "")
    assert server.cli("status")["annotations"]["accepted"] == before


@pytest.mark.browser
def test_a_blind_audit_from_lot_to_interval(page: Page) -> None:
    dialog = opened(page, "audit", "review-audit")
    dialog.get_by_test_id("audit-number").fill("2")
    page.keyboard.press("Enter")
    for _ in range(2):
        stage = dialog.get_by_test_id("audit-stage")
        expect(stage).to_have_attribute("data-num-boxes", "0")
        expect(stage.locator("rect")).to_have_count(0)  # no label shows before it is drawn
        draw_box(page, stage)
        page.keyboard.press("2")
        draw_box(page, stage)
        expect(stage).to_have_attribute("data-num-boxes", "2")
        page.keyboard.press("Delete")
        expect(dialog.get_by_test_id("audit-boxes")).to_have_text("1 drawn")
        picture(page, "review-audit-drawing")
        page.keyboard.press("Enter")
        expect(dialog.get_by_test_id("audit-differences")).to_contain_text("No object there")
        dialog.get_by_test_id("audit-label-right").first.check()
        picture(page, "review-audit-comparing")
        dialog.get_by_test_id("audit-next").click()
    result = dialog.get_by_test_id("audit-result")
    expect(result).to_contain_text("on 2 of 6 done images")
    expect(result).to_contain_text(re.compile(r"Without a right label\d+\.\d"))
    picture(page, "review-audit-result")


def draw_box(page: Page, stage: Locator) -> None:
    bounds = stage.bounding_box()
    assert bounds is not None
    x, y = bounds["x"] + bounds["width"] / 2, bounds["y"] + bounds["height"] / 2
    page.mouse.move(x - 40, y - 30)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=3)
    page.mouse.up()


@pytest.mark.browser
def test_the_meter_counts_work_and_gives_a_reason(page: Page) -> None:
    user = CanvasUser(page, "review")
    with page.expect_response(re.compile("/review/effort")) as told:
        user.press("Tab", "Space")
        user.wait_saved()
    assert told.value.ok
    dialog = opened(page, "effort", "review-effort")
    expect(dialog.get_by_test_id("effort-seconds")).to_contain_text("With proposals")
    expect(dialog.get_by_test_id("effort-advice")).to_contain_text(re.compile(r"images|objects"))
    expect(dialog.get_by_test_id("effort-curve")).to_contain_text("zero-shot")
    picture(page, "review-effort")
