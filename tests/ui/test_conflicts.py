"""Boxes that were changed in two places: the page shows both versions, and keeps the one that is not taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from app.workspace import Workspace, open_workspace
from storage import annotations, conflicts
from storage.types import Annotation
from tests.app.samples import write_labels
from tests.ui.conftest import Server, new_server, picture

THERE = [40.0, 50.0, 140.0, 130.0]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two images with human boxes; a test leaves no conflict behind."""
    made = new_server(tmp_path_factory.mktemp("conflicts"), num_images=2)
    labels = write_labels(made.folder / "labels.json", 2)
    made.cli("import", "--coco", str(labels), "--as", "human")
    made.start(has_worker=False)
    yield made
    made.stop()


@pytest.fixture
def workspace(server: Server) -> Iterator[Workspace]:
    with closing(open_workspace(server.data)) as opened:
        yield opened


def boxes(workspace: Workspace) -> dict[str, Annotation]:
    with workspace.database.read() as tx:
        return {a.uid: a for a in annotations.for_image(tx, 1)}


def change_there(workspace: Workspace, box: Annotation, *, is_deleted: bool = False) -> None:
    """As a pull notes what it cannot decide."""
    theirs = None if is_deleted else {"box": THERE, "category_id": box.category_id}
    with workspace.database.write() as tx:
        conflicts.note(
            tx,
            source="FiftyOne",
            image_id=box.image_id,
            annotation_uid=box.uid,
            theirs=theirs,
            at=datetime.now(UTC),
        )


def versions(workspace: Workspace, uid: str) -> list[tuple[str, list[float] | None]]:
    """(author, box) after each change of a box, None where it was deleted."""
    with workspace.database.read() as tx:
        events = annotations.history_of(tx, uid)
    return [(e.author, e.after["box"] if e.after else None) for e in events]


@pytest.mark.browser
def test_the_version_that_is_not_taken_stays_in_the_history(
    page: Page, workspace: Workspace
) -> None:
    kept, taken, gone, doubled = list(boxes(workspace).values())[:4]
    for box in (kept, taken, gone, doubled):
        change_there(workspace, box, is_deleted=box is gone)
    page.get_by_role("tab", name="FiftyOne", exact=True).click()
    card = page.locator("#conflict-card")

    expect(card).to_contain_text("1 of 4")
    expect(card.locator("svg[role=img] image")).to_have_count(1)
    picture(page, "conflict")
    page.get_by_role("button", name="Keep sdpt-app's").click()
    expect(card).to_contain_text("1 of 3")
    page.get_by_role("button", name="Take FiftyOne's").click()
    expect(card).to_contain_text("1 of 2")
    picture(page, "conflict-deleted")
    page.get_by_role("button", name="Delete it here too").click()
    expect(card).to_contain_text("A box was changed")
    page.get_by_role("button", name="Keep both").click()
    expect(card).to_be_hidden()

    now = boxes(workspace)
    assert now[kept.uid].box == kept.box
    assert [box for author, box in versions(workspace, kept.uid) if "FiftyOne" in author] == [THERE]
    assert list(now[taken.uid].box) == THERE
    assert versions(workspace, taken.uid)[0][1] == list(taken.box)
    assert gone.uid not in now
    assert versions(workspace, gone.uid)[0][1] == list(gone.box)
    assert now[doubled.uid].box == doubled.box
    assert [list(a.box) for a in now.values()].count(THERE) == 2


@pytest.mark.browser
def test_a_decision_can_wait(page: Page, workspace: Workspace) -> None:
    first, second = list(boxes(workspace).values())[:2]
    change_there(workspace, first)
    change_there(workspace, second)
    page.get_by_role("tab", name="FiftyOne", exact=True).click()
    expect(page.locator("#conflict-card")).to_contain_text("1 of 2")
    page.get_by_role("button", name="Decide later").click()
    expect(page.locator("#conflict-card")).to_contain_text("2 of 2")
    page.get_by_role("button", name="Take FiftyOne's").click()
    expect(page.locator("#conflict-card")).to_contain_text("A box was changed")
    assert boxes(workspace)[first.uid].box == first.box
    assert list(boxes(workspace)[second.uid].box) == THERE
    page.get_by_role("button", name="Keep sdpt-app's").click()
    expect(page.locator("#conflict-card")).to_be_hidden()
    assert boxes(workspace)[first.uid].box == first.box
