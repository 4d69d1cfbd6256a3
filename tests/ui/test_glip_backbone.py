"""Tune, pre-label and review in the browser with a GLIP folder as the backbone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.engine.glip.scenes import TINY_GLIP, write_coco, write_scenes
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, new_server

NUM_LABELLED, NUM_OTHERS = 3, 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Scenes of shapes, of which some are labelled."""
    made = new_server(tmp_path, num_images=0, backbone=str(TINY_GLIP))
    labelled = write_scenes(made.data, NUM_LABELLED, seed=7)
    write_scenes(made.data, NUM_OTHERS, seed=8)
    made.cli("import", "--coco", str(write_coco(tmp_path / "labels.json", labelled)))
    made.start()
    yield made
    made.stop()


def accept_one(page: Page) -> None:
    user = CanvasUser(page, "review")
    user.part("canvas-min-score").fill("0")
    user.press("Tab", "Space")
    user.wait_saved()


@pytest.mark.browser
def test_a_person_tunes_prelabels_and_reviews_with_glip(page: Page, server: Server) -> None:
    expect(page.locator("#project-overview")).to_contain_text("tiny_glip")
    page.get_by_role("tab", name="Tune", exact=True).click()
    expect(page.locator("#tune-labelled")).to_contain_text(f"{NUM_LABELLED} labelled images")
    page.locator("#tune-advanced").get_by_text("Advanced").click()
    page.locator("#tune-steps input").fill("10")
    page.locator("#tune-then-prelabel input").uncheck()
    page.locator("#tune-start").click()
    expect(page.locator("#tune-state")).to_contain_text(re.compile("Adopted|Kept as a choice"))
    page.locator("#prelabel-start").click()
    expect(page.locator("#prelabel-state")).to_contain_text(f"{NUM_OTHERS} images were looked at")
    expect(page.locator("#prelabel-start")).to_be_focused()  # it was disabled meanwhile
    accept_one(page)
    status = server.cli("status")
    assert status["annotations"]["accepted"] == 1
    assert status["backbone"] == str(TINY_GLIP)
    assert server.foreign_requests == []
