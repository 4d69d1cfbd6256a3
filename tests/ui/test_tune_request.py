"""What the Tune tab asks for: as usual for the detector unless it was changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.tuning import TuneRequest
from app.workspace import open_workspace
from storage import jobs
from storage.types import JobKind
from tests.app.samples import write_labels
from tests.ui.conftest import Server, new_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Labelled blood smears, and nobody who works off what is asked."""
    made = new_server(tmp_path, num_images=6)
    made.cli("import", "--coco", str(write_labels(tmp_path / "labels.json", 6)))
    made.start(has_worker=False)
    yield made
    made.stop()


def asked_for(server: Server) -> list[TuneRequest]:
    with closing(open_workspace(server.data)) as workspace, workspace.database.read() as tx:
        return [TuneRequest(**job.spec) for job in jobs.recent(tx, kind=JobKind.TUNE)]


@pytest.mark.browser
def test_who_changes_nothing_asks_for_what_is_usual(page: Page, server: Server) -> None:
    page.get_by_role("tab", name="Tune", exact=True).click()
    page.locator("#tune-start").click()
    expect(page.locator("#tune-state")).to_contain_text("Waiting for the worker")
    (request,) = asked_for(server)
    assert request == TuneRequest(prelabels=True)


@pytest.mark.browser
def test_an_emptied_number_is_as_usual_and_a_new_one_counts(page: Page, server: Server) -> None:
    page.get_by_role("tab", name="Tune", exact=True).click()
    page.locator("#tune-advanced").get_by_text("Advanced").click()
    for label in ("Tokens", "Held out"):
        page.get_by_label(label).fill("")
    page.locator("#tune-steps input").fill("12")
    page.locator("#tune-start").click()
    expect(page.locator("#tune-state")).to_contain_text("Waiting for the worker")
    (request,) = asked_for(server)
    assert request == TuneRequest(steps=12, prelabels=True)
