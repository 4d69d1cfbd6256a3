"""The whole set in the real FiftyOne: opened from our page, reviewed and edited there, found again here."""

from __future__ import annotations

import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.fiftyone.places import DATABASE_NAME
from app.settings import default_author
from app.tuning import TuneRequest, enqueue_tune
from app.workspace import Workspace, open_workspace
from storage import annotations, categories, images, jobs, predictions
from storage.fiftyone_bridge.fields import label_id
from storage.types import Annotation, Box, JobStatus, StoredPrediction, Verdict
from tests.app.samples import write_labels
from tests.ui.conftest import PATIENCE_S, Server, new_server, open_page, picture
from tests.ui.fiftyone_user import FiftyOneUser, Point

NUM_IMAGES = 8
NUM_LABELLED = 4
SIZE_WH = (640, 480)
NEW_BOX = ((30.0, 30.0), (110.0, 90.0))
MOVED_BY = (24.0, 18.0)
LONG_JOB_STEPS = 5_000
TOLERANCE_PX = 2.0
OPENING_S = 600


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Four images with human boxes, proposals on all eight, and a worker."""
    made = new_server(tmp_path, num_images=NUM_IMAGES)
    for name, number, kind in (("all", NUM_IMAGES, "prediction"), ("some", NUM_LABELLED, "human")):
        path = write_labels(tmp_path / f"{name}.json", number)
        made.cli("import", "--coco", str(path), "--as", kind)
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def patience(browser: Browser) -> Iterator[None]:
    """FiftyOne's page is large: on a busy machine it takes minutes, and no test depends on a time."""
    expect.set_options(timeout=OPENING_S * 1000)
    yield
    expect.set_options(timeout=PATIENCE_S * 1000)


@pytest.fixture
def workspace(server: Server) -> Iterator[Workspace]:
    with closing(open_workspace(server.data)) as opened:
        yield opened


def status(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"{server.url}/sdpt/api/fiftyone", timeout=10) as answer:
        document: dict[str, Any] = json.loads(answer.read())
    return document


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + OPENING_S
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.3)
    return found


def start_long_tuning(workspace: Workspace) -> int:
    """A job that is certainly at work while FiftyOne opens."""
    job = enqueue_tune(workspace, TuneRequest(steps=LONG_JOB_STEPS), datetime.now(UTC))
    wait_for(lambda: job_of(workspace, job.id).status is JobStatus.RUNNING)
    return job.id


def cancel(workspace: Workspace, job_id: int) -> None:
    with workspace.database.write() as tx:
        jobs.ask_cancel(tx, job_id, datetime.now(UTC))
    wait_for(lambda: job_of(workspace, job_id).status.is_finished)


def job_of(workspace: Workspace, job_id: int) -> Any:
    with workspace.database.read() as tx:
        return jobs.get(tx, job_id)


def boxes_of(workspace: Workspace, image_id: int) -> list[Annotation]:
    with workspace.database.read() as tx:
        return annotations.for_image(tx, image_id)


def note_foreign(server: Server, url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
        server.foreign_requests.append(url)


def open_fiftyone(page: Page, server: Server) -> Page:
    """As a person does: the tab, the button, the link that opens beside the page."""
    page.get_by_role("tab", name="FiftyOne", exact=True).click()
    page.locator("#fiftyone-open").click()
    link = page.locator("#fiftyone-state .sdpt-link")
    expect(link).to_be_visible()
    picture(page, "fiftyone-tab")
    with page.expect_popup() as opened:
        link.click()
    opened.value.on("response", lambda response: note_foreign(server, response.url))
    opened.value.set_default_timeout(OPENING_S * 1000)
    opened.value.set_viewport_size({"width": 1440, "height": 900})
    return opened.value


def decide_each_way(user: FiftyOneUser, workspace: Workspace) -> None:
    """Whole images by the panel, one label by its keys; images 6, 7 and 8 are the last of the grid."""
    user.press("Reject", place=5)
    assert set(verdicts(workspace, 6)) == {Verdict.REJECTED}
    user.press("Done", place=5)
    assert is_done(workspace, 6)
    user.press("Send back", place=5)
    assert not is_done(workspace, 6)

    user.change_class("platelet", place=6)
    assert set(verdicts(workspace, 7)) == {Verdict.CORRECTED}
    assert {a.category_id for a in boxes_of(workspace, 7)} == {id_of_class(workspace, "platelet")}

    user.look_at(7)
    with workspace.database.read() as tx:
        proposal = largest(predictions.for_image(tx, 8))
    user.decide_by_key(middle(proposal.box), "Shift+R")
    assert verdicts(workspace, 8)[Verdict.REJECTED] == 1
    user.decide_by_key(middle(proposal.box), "Shift+B")
    assert set(verdicts(workspace, 8)) == {Verdict.PENDING}
    user.leave_image()


def accept_first_image(user: FiftyOneUser, workspace: Workspace) -> None:
    """By the panel, in the view of what needs review."""
    user.choose_view("needs review")
    expect(user.part("entry-counts")).to_contain_text("2 samples")  # images 5 and 8 are left
    user.press("Accept", place=0)
    assert set(verdicts(workspace, 5)) == {Verdict.ACCEPTED}


def verdicts(workspace: Workspace, image_id: int) -> Counter[Verdict]:
    with workspace.database.read() as tx:
        return Counter(p.verdict for p in predictions.for_image(tx, image_id))


def is_done(workspace: Workspace, image_id: int) -> bool:
    with workspace.database.read() as tx:
        return images.get(tx, image_id).reviewed_at is not None


def id_of_class(workspace: Workspace, name: str) -> int:
    with workspace.database.read() as tx:
        return categories.named(tx, name).id


def kill_mongod(server: Server) -> None:
    """kill -9, as the kernel does when memory runs out; another one takes its place."""
    before = status(server)["pids"]["mongod"]
    psutil.Process(before).kill()
    wait_for(lambda: status(server)["pids"]["mongod"] not in (None, before))
    killed_at = status(server)["mirror"]["at"]
    wait_for(lambda: is_whole_again(server, killed_at))


def is_whole_again(server: Server, killed_at: str) -> bool:
    mirror = status(server)["mirror"]
    return bool(mirror["at"] > killed_at and mirror["images"] == NUM_IMAGES)


def edit_first_image(
    user: FiftyOneUser, url: str, sample_id: str, before: list[Annotation]
) -> None:
    """Move the largest box, draw one, delete the first of the others."""
    user.open_sample(url, sample_id)
    user.annotate()
    moved = largest(before)
    user.move(middle(moved.box), MOVED_BY)
    user.draw(*NEW_BOX, name="platelet")
    gone = next(a for a in before if a.uid != moved.uid)
    user.delete(label_id(gone.uid))


Boxed = TypeVar("Boxed", Annotation, StoredPrediction)


def largest(boxes: list[Boxed]) -> Boxed:
    return max(boxes, key=lambda a: (a.box[2] - a.box[0]) * (a.box[3] - a.box[1]))


def middle(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def sample_of(server: Server, image_id: int) -> str:
    """The sample's id, from the memory that lies beside the dataset."""
    import pymongo

    process = psutil.Process(status(server)["pids"]["mongod"])
    words = process.cmdline()
    port = int(words[words.index("--port") + 1])
    name = status(server)["url"].rpartition("/")[2]
    with pymongo.MongoClient("127.0.0.1", port) as client:
        found = client[DATABASE_NAME][f"sdpt.{name}"].find_one({"_id": image_id})
    assert found is not None
    return str(found["sample"])


def exported(server: Server) -> dict[str, Any]:
    path = server.folder / "boxes.json"
    server.cli("export", "--format", "coco", "--output", str(path))
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


@pytest.mark.browser
@pytest.mark.timeout(1_800)
def test_what_is_decided_in_fiftyone_is_found_in_the_project_and_its_export(
    context: BrowserContext, server: Server, workspace: Workspace
) -> None:
    tuning = start_long_tuning(workspace)
    page = open_page(context, server)
    shown = open_fiftyone(page, server)
    assert job_of(workspace, tuning).status is JobStatus.RUNNING  # pushed while it learns
    cancel(workspace, tuning)
    user = FiftyOneUser(shown, SIZE_WH)
    user.arrive()
    picture(shown, "fiftyone-grid")
    decide_each_way(user, workspace)
    accept_first_image(user, workspace)
    assert len(boxes_of(workspace, 5)) > 3

    kill_mongod(server)
    before = boxes_of(workspace, 1)
    edit_first_image(user, status(server)["url"], sample_of(server, 1), before)
    picture(shown, "fiftyone-annotate")
    moved, drawn = wait_for(lambda: edits_of_first_image(workspace, before))
    x1, y1, x2, y2 = largest(before).box
    expected = (x1 + MOVED_BY[0], y1 + MOVED_BY[1], x2 + MOVED_BY[0], y2 + MOVED_BY[1])
    assert moved.box == pytest.approx(expected, abs=TOLERANCE_PX)
    assert drawn.box == pytest.approx((*NEW_BOX[0], *NEW_BOX[1]), abs=TOLERANCE_PX)
    assert {moved.author, drawn.author} == {f"{default_author()} (FiftyOne)"}

    in_export = {a["attributes"]["uid"]: a for a in exported(server)["annotations"]}
    assert {moved.uid, drawn.uid} <= set(in_export)
    assert len(in_export) == num_boxes(workspace)
    assert in_export[drawn.uid]["bbox"][:2] == [drawn.box[0], drawn.box[1]]
    assert status(server)["mirror"]["conflicts"] == 0
    page.goto(f"{server.url}/?image=2")  # the way back, as the panel has it
    expect(page.locator("#label-canvas [data-testid=canvas-position]")).to_contain_text("2 of 8")
    assert server.foreign_requests == []


def edits_of_first_image(
    workspace: Workspace, before: list[Annotation]
) -> tuple[Annotation, Annotation] | None:
    """The moved and the drawn box, once all three edits have come back."""
    now = {a.uid: a for a in boxes_of(workspace, 1)}
    known = {a.uid for a in before}
    drawn = [a for uid, a in now.items() if uid not in known]
    moved = now[largest(before).uid]
    if len(drawn) != 1 or len(known - set(now)) != 1 or moved.revision == 1:
        return None
    return moved, drawn[0]


def num_boxes(workspace: Workspace) -> int:
    return sum(len(boxes_of(workspace, i)) for i in range(1, NUM_IMAGES + 1))
