"""Nothing that a person did at the canvas is lost, and nothing of anybody else is overwritten unseen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError

from app.workspace import open_workspace
from storage import annotations, categories, class_work
from tests.ui.bare_canvas import bare_server
from tests.ui.canvas_user import CanvasUser
from tests.ui.canvas_verdicts import PROPOSALS, verdicts
from tests.ui.conftest import Server, propose

pytestmark = pytest.mark.browser
BOX = (60.0, 40.0, 160.0, 140.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = bare_server(
        tmp_path_factory.mktemp("safety"), num_images=10, classes=("cell", "platelet", "passing")
    )
    made.start()
    propose(made, 9, *PROPOSALS)
    yield made
    made.stop()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900})
    yield made
    made.close()


def at_canvas(context: BrowserContext, server: Server, name: str) -> CanvasUser:
    page = context.new_page()
    page.goto(server.url)
    user = CanvasUser(page, "label")
    user.go_to(name)
    return user


def look_away(page: Page) -> None:
    """The page hears nothing of what others do until it tries to save."""
    page.route("**/watch?*", lambda route: route.fulfill(status=503, body="{}"))


def at_a_box_changed_elsewhere(
    context: BrowserContext, server: Server, image_id: int, uid: str, **changed: object
) -> CanvasUser:
    """With the box selected, and not hearing of what somebody else made of it meanwhile."""
    server.edit(image_id, {"op": "create", "uid": uid, "box": BOX, "category_id": 1})
    user = at_canvas(context, server, f"smear-{image_id - 1:02d}")
    look_away(user.page)
    user.part(f"box-{uid}").click()
    server.edit(image_id, {"op": "update", "uid": uid, **changed})
    return user


def test_changes_made_while_the_server_is_away_survive_a_reload_and_arrive_in_order(
    context: BrowserContext, server: Server
) -> None:
    user = at_canvas(context, server, "smear-00")
    user.draw(BOX, digit=1)
    user.wait_saved()
    (drawn,) = server.boxes(1)
    server.kill()
    user.press("ArrowRight", "Shift+ArrowDown", "2")
    banner = user.part("canvas-banner")
    expect(banner).to_contain_text(re.compile("server does not answer.*will be sent in order"))
    user.draw((300, 200, 340, 260), digit=1)
    with pytest.raises(PlaywrightError, match="CONNECTION_REFUSED"):
        user.page.reload()
    user.page.close()  # Chromium's page of the error loads again by itself, whenever it likes
    server.start()
    again = at_canvas(context, server, "smear-00")
    again.wait_saved()
    first, second = server.document(1)["annotations"]
    assert first["box"] == pytest.approx([drawn[0] + 1, drawn[1] + 10, drawn[2] + 1, drawn[3] + 10])
    assert [first["category_id"], second["category_id"]] == [2, 1]
    expect(again.part("canvas-banner")).to_be_hidden()


def test_verdicts_marks_and_a_comment_made_offline_arrive_in_order(
    context: BrowserContext, server: Server
) -> None:
    user = at_canvas(context, server, "smear-08")
    context.set_offline(True)
    user.press("Escape", "Tab", "Space", "x", "3", "r", "m")
    user.part("canvas-comment-text").fill("seen on the train")
    user.press("Enter")
    expect(user.part("canvas-counts")).to_have_text("2 boxes, 0 proposals")
    expect(user.part("canvas-save-state")).to_have_text("Offline: 5 changes waiting")
    assert set(verdicts(server, 9).values()) == {"pending"}
    answered: list[str] = []
    user.page.on("requestfinished", lambda request: answered.append(request.url.split("/")[-1]))
    context.set_offline(False)
    user.wait_saved()
    expect(user.part("canvas-counts")).to_have_text("2 boxes, 0 proposals")
    saved = [word for word in answered if word in {"verdicts", "marks", "note"}]
    assert list(dict.fromkeys(saved)) == ["verdicts", "marks", "note"]
    assert verdicts(server, 9) == {0.55: "accepted", 0.3: "rejected", 0.9: "corrected"}
    document = server.document(9)
    assert [box["origin"] for box in document["annotations"]] == ["accepted", "corrected"]
    assert document["image"]["is_flagged"]
    assert document["image"]["comment"] == "seen on the train"


def test_a_closed_tab_loses_no_box_that_it_could_not_save(
    context: BrowserContext, server: Server
) -> None:
    user = at_canvas(context, server, "smear-07")
    user.draw(BOX, digit=1)
    user.wait_saved()
    server.kill()
    user.draw((300, 200, 340, 260), digit=2)
    expect(user.part("canvas-save-state")).to_contain_text("Offline")
    user.page.close(run_before_unload=False)
    server.start()
    again = at_canvas(context, server, "smear-07")
    again.wait_saved()
    expect(again.part("canvas-counts")).to_contain_text("2 boxes")
    assert len(server.boxes(8)) == 2


def test_a_change_whose_answer_was_lost_is_made_once(
    context: BrowserContext, server: Server
) -> None:
    user = at_canvas(context, server, "smear-01")
    lost: list[str] = []

    def lose_first_answer(route: Route) -> None:
        answer = route.fetch()
        if lost:
            route.fulfill(response=answer)
        else:
            lost.append(route.request.url)
            route.abort()

    user.page.route("**/edits", lose_first_answer)
    user.draw(BOX, digit=1)
    user.press("Control+d", "Delete")
    user.wait_saved()
    with closing(open_workspace(server.data)) as workspace, workspace.database.read() as tx:
        actions = [event.action.value for event in annotations.events(tx, image_id=2)]
    assert lost
    assert actions == ["create", "create", "delete"]
    assert len(server.boxes(2)) == 1


def test_a_second_window_is_told_and_sees_what_the_first_one_does(
    context: BrowserContext, server: Server
) -> None:
    first = at_canvas(context, server, "smear-02")
    second = at_canvas(context, server, "smear-02")
    expect(second.part("canvas-others")).to_be_visible()
    first.page.bring_to_front()
    first.draw(BOX, digit=1)
    first.wait_saved()
    second.page.bring_to_front()
    expect(second.stage).to_have_attribute("data-num-boxes", "1")
    first.page.close()
    expect(second.part("canvas-others")).to_be_hidden()


@pytest.mark.parametrize(("answer", "expected_left"), [("mine", 61), ("theirs", 20)])
def test_a_box_changed_in_two_windows_asks_which_one_stands(
    context: BrowserContext, server: Server, answer: str, expected_left: float
) -> None:
    uid = f"asked-{answer}"
    user = at_a_box_changed_elsewhere(context, server, 4, uid, box=[20, 40, 160, 140])
    user.press("ArrowRight")
    expect(user.part("canvas-conflict")).to_contain_text("changed elsewhere too")
    user.part(f"conflict-{answer}").click()
    expect(user.part("canvas-conflict")).to_be_hidden()
    user.wait_saved()
    (stored,) = (b for b in server.document(4)["annotations"] if b["uid"] == uid)
    assert stored["box"][0] == pytest.approx(expected_left)


def test_an_answer_given_while_the_stored_version_is_still_on_its_way_counts(
    context: BrowserContext, server: Server
) -> None:
    user = at_a_box_changed_elsewhere(context, server, 10, "early", box=[20, 40, 160, 140])
    held: list[Route] = []
    user.page.route("**/images/10/document", lambda route: held.append(route), times=2)
    user.press("ArrowRight")
    user.part("conflict-mine").click()
    while len(held) < 2:
        user.page.wait_for_timeout(20)
    for route in held:
        with user.page.expect_event("requestfinished"):
            route.fulfill(response=route.fetch())
    expect(user.part("canvas-conflict")).to_be_hidden()
    user.wait_saved()
    assert server.boxes(10)[0][0] == pytest.approx(61)


def test_a_box_that_was_changed_elsewhere_is_not_deleted_unseen(
    context: BrowserContext, server: Server
) -> None:
    user = at_a_box_changed_elsewhere(context, server, 5, "kept", category_id=2)
    user.press("Delete")
    expect(user.part("canvas-conflict")).to_contain_text("it was kept")
    expect(user.stage).to_have_attribute("data-num-boxes", "1")


def test_a_box_of_a_class_that_was_removed_meanwhile_is_kept_and_asked_about(
    context: BrowserContext, server: Server
) -> None:
    user = at_canvas(context, server, "smear-05")
    with closing(open_workspace(server.data)) as workspace, workspace.database.write() as tx:
        class_work.remove(
            tx, categories.named(tx, "passing").id, author="other", at=datetime.now(UTC)
        )
    user.draw(BOX, digit=3)
    conflict = user.part("canvas-conflict")
    expect(conflict).to_contain_text("was not saved")
    user.page.reload()
    again = CanvasUser(user.page, "label")
    again.go_to("smear-05")
    again.press("2")
    again.part("conflict-mine").click()
    expect(again.part("canvas-conflict")).to_be_hidden()
    again.wait_saved()
    (stored,) = server.document(6)["annotations"]
    assert stored["category_id"] == 2


def test_undo_survives_a_restart_of_browser_and_server(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    def start_browser() -> BrowserContext:
        return browser.browser_type.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            viewport={"width": 1024, "height": 768},
        )

    with start_browser() as first:
        user = at_canvas(first, server, "smear-06")
        user.draw(BOX, digit=1)
        user.press("Shift+ArrowRight", "Delete")
        user.wait_saved()
    server.stop()
    server.start()
    with start_browser() as second:
        user = at_canvas(second, server, "smear-06")
        user.press("Control+z", "Control+z")
        expect(user.stage).to_have_attribute("data-num-boxes", "1")
        user.wait_saved()
        assert server.boxes(7)[0] == pytest.approx(BOX, abs=1)
        user.press("Control+y", "Control+y")
        expect(user.stage).to_have_attribute("data-num-boxes", "0")
        user.wait_saved()
