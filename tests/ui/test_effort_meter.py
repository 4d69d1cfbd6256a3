"""The effort meter: what the work in the browser costs, and what tunings have brought."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Locator, Page, expect

from app.job_context import job_dir
from app.snapshot import SNAPSHOT_NAME, LabelledImage, Snapshot, write_snapshot
from app.workspace import open_workspace
from storage import bundles, jobs, measurements
from storage.measurements import MeasuredProposal
from storage.types import BundleKind, JobKind, NewPrediction
from tests.ui.bare_canvas import with_classes
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, new_server, propose

pytestmark = pytest.mark.browser
BY_HAND, HELPED, HELD_OUT = 1, 2, 3  # ids of images


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Smears that nobody has worked on."""
    made = new_server(tmp_path_factory.mktemp("meter"), num_images=4)
    with_classes(made.data, ("cell", "platelet"))
    made.start(has_worker=False)
    yield made
    made.stop()


def on_image(page: Page, place: int) -> CanvasUser:
    """In Label, as the first tab that is opened."""
    user = CanvasUser(page, "label")
    for _ in range(place - 1):
        user.press("d")
    expect(user.stage).to_have_attribute("data-image-id", str(place))
    return user


def tuned(server: Server, name: str, *, num_images: int, num_right: int, ap50: float) -> None:
    """A bundle that learnt from so many images; of ten objects it finds `num_right`, each with a good box."""
    now = datetime.now(UTC)
    found = [MeasuredProposal(HELD_OUT, 1, 0.9, 0.95)] * num_right
    learnt = tuple(LabelledImage(f"{i}.jpg", (), (), is_exhaustive=True) for i in range(num_images))
    with closing(open_workspace(server.data)) as workspace, workspace.database.write() as tx:
        job = jobs.enqueue(tx, JobKind.TUNE, {}, now)
        write_snapshot(job_dir(workspace, job.id) / SNAPSHOT_NAME, Snapshot((), learnt, ()))
        metrics = {"tuned": {"ap50": ap50}}
        bundle = bundles.create(
            tx, name=name, kind=BundleKind.TUNED, at=now, metrics=metrics, job_id=job.id
        )
        measurements.replace_for_image(
            tx, bundle_id=bundle.id, image_id=HELD_OUT, proposals=found, num_true={1: 10}
        )


def opened_meter(page: Page) -> Locator:
    page.get_by_role("tab", name="Review", exact=True).click()
    page.get_by_test_id("open-effort").click()
    return page.get_by_test_id("review-effort")


def meter_row(page: Page, name: str) -> Locator:
    """Cells of the meter: name, seconds per box, per image, boxes, images, time."""
    seconds = opened_meter(page).get_by_test_id("effort-seconds")
    return seconds.get_by_role("row", name=name).get_by_role("cell")


def test_work_by_hand_is_timed_before_review_was_ever_opened(page: Page) -> None:
    user = on_image(page, BY_HAND)
    user.draw((50, 50, 150, 150), digit=1)
    user.draw((200, 50, 300, 150), digit=1)
    user.go_on()
    cells = meter_row(page, "By hand")
    expect(cells.nth(3)).to_have_text("2")
    expect(cells.nth(4)).to_have_text("1")
    seconds = cells.nth(1).inner_text()
    assert seconds.endswith(" s")
    assert float(seconds.removesuffix(" s")) > 0


def test_an_accepted_proposal_counts_as_help(page: Page, server: Server) -> None:
    propose(server, HELPED, NewPrediction((50.0, 50.0, 150.0, 150.0), 1, 0.9))
    user = on_image(page, HELPED)
    user.press("Space", "Space")
    expect(user.stage).to_have_attribute("data-num-boxes", "1")
    cells = meter_row(page, "With proposals")
    expect(cells.nth(3)).to_have_text("1")


def test_the_curve_draws_what_each_tuning_brought_by_its_images(page: Page, server: Server) -> None:
    tuned(server, "of eight", num_images=8, num_right=10, ap50=0.81)
    tuned(server, "of two", num_images=2, num_right=5, ap50=0.42)
    meter = opened_meter(page)
    rows = meter.get_by_test_id("effort-curve").locator("tbody tr").filter(has_text="of ")
    expect(rows).to_have_text(
        [re.compile("^of two20.*42 %.*3.0 s$"), re.compile("^of eight80.*81 %.*1.0 s$")]
    )
    places = meter.locator("svg.sdpt-chart circle").evaluate_all(
        "circles => circles.map((c) => [c.cx.baseVal.value, c.cy.baseVal.value])"
    )
    (two, four_s), (eight, one_s) = places
    assert two < eight
    assert four_s < one_s  # higher on the page is dearer
