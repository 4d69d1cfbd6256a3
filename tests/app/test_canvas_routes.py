"""What the canvas asks of the server beside boxes: flags, comments, searches, and who else looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app.review_queue import set_merging
from app.server import create_api
from app.settings import Settings
from app.showing import set_thresholds
from app.workspace import Workspace
from storage import bundles, predictions, projects
from storage.types import BundleKind, NewPrediction
from tests.app.blood_cells import blood_cells, now

BOX: dict[str, Any] = {"op": "create", "uid": "u1", "box": [5, 5, 50, 50], "category_id": 1}
HERE, THERE = (5.0, 5.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0)
WIDER = {"op": "update", "uid": "u1", "box": [5, 5, 90, 50]}


class Canvas:
    """Posts as the page does."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def post(self, path: str, body: dict[str, Any]) -> Response:
        return self.client.post(f"/sdpt/api/images/{path}", json=body, headers={"x-sdpt": "test"})

    def get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/sdpt/api/{path}").json()
        return found

    def edit(self, *edits: dict[str, Any]) -> Response:
        return self.post("2/edits", {"edits": list(edits)})


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with blood_cells(tmp_path, num_images=5, num_labelled=1) as made:
        yield made


@pytest.fixture
def canvas(workspace: Workspace) -> Canvas:
    api = create_api(workspace, Settings(data_dir=workspace.data_dir, port=7860))
    return Canvas(TestClient(api, base_url="http://127.0.0.1:7860"))


def propose(workspace: Workspace, found: dict[int, list[NewPrediction]]) -> None:
    """By image id."""
    with workspace.database.write() as tx:
        bundle = bundles.create(tx, name="b", kind=BundleKind.IMPORTED, at=now())
        for image_id, proposals in found.items():
            predictions.replace_for_image(
                tx, bundle_id=bundle.id, image_id=image_id, predictions=proposals, at=now()
            )
        projects.set_prelabel_bundle(tx, bundle.id)


def test_a_box_that_was_changed_elsewhere_is_not_deleted_unseen(canvas: Canvas) -> None:
    canvas.edit(BOX)
    canvas.edit(WIDER)
    answer = canvas.edit({"op": "delete", "uid": "u1", "expected_revision": 1})
    assert answer.status_code == 409
    assert [b["uid"] for b in canvas.get("images/2/document")["annotations"]] == ["u1"]


def test_a_deletion_that_arrives_twice_is_no_conflict(canvas: Canvas) -> None:
    canvas.edit(BOX)
    for _ in range(2):
        answer = canvas.edit({"op": "delete", "uid": "u1", "expected_revision": 1})
        assert answer.status_code == 200


def test_a_comment_written_elsewhere_is_not_overwritten_unseen(canvas: Canvas) -> None:
    first = {"text": "two cells touch", "expected": ""}
    assert canvas.post("2/note", first).json()["image"]["comment"] == "two cells touch"
    assert canvas.post("2/note", first).status_code == 200
    assert canvas.post("2/note", {"text": "blurred", "expected": ""}).status_code == 409
    answer = canvas.post("2/note", {"text": "", "expected": "two cells touch"})
    assert answer.json()["image"]["comment"] == ""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("state=flagged", [2]),
        ("state=commented", [3]),
        ("state=has_none", [3]),
        ("category_id=1&state=labelled", [2]),
        ("state=all", [1, 2, 3, 4, 5]),
        ("state=unlabelled", [1, 3, 5]),
        ("state=labelled", [2]),
        ("state=unreviewed", [1, 2, 4, 5]),
        ("state=reviewed", [3]),
        ("state=skipped", [4]),
        ("state=with_proposals", [1, 2]),
        ("score_from=0.5", [2, 3, 4]),
        ("score_from=0.5&score_to=0.6", [2, 3]),
        ("score_to=0.6&state=unreviewed&category_id=2", [1, 2]),
    ],
)
def test_images_are_found_by_what_they_hold(
    workspace: Workspace, canvas: Canvas, asked: str, expected: list[int]
) -> None:
    scores = {1: 0.4, 2: 0.5, 3: 0.6, 4: 0.7}
    propose(workspace, {id_: [NewPrediction(THERE, 2, score)] for id_, score in scores.items()})
    canvas.post("4/marks", {"is_skipped": True})
    canvas.edit(BOX)
    for box in canvas.get("images/1/document")["annotations"]:
        canvas.post("1/edits", {"edits": [{"op": "delete", "uid": box["uid"]}]})
    canvas.post("2/marks", {"is_flagged": True})
    canvas.post("3/marks", {"is_reviewed": True})
    canvas.post("3/note", {"text": "empty"})
    canvas.post("1/marks", {"is_reviewed": False})
    assert canvas.get(f"browse/ids?{asked}")["ids"] == expected


@pytest.fixture
def partly_shown(workspace: Workspace, canvas: Canvas) -> Canvas:
    """Of class 1, the proposal on image 2 is shown, on 3 it is too unsure, and on 5 there is a box of it; on image 4
    one of class 2 repeats it."""
    found = {
        2: [NewPrediction(HERE, 1, 0.8)],
        3: [NewPrediction(HERE, 1, 0.3)],
        4: [NewPrediction(HERE, 1, 0.9), NewPrediction(HERE, 2, 0.7)],
        5: [NewPrediction((7, 5, 50, 50), 1, 0.9)],
    }
    propose(workspace, found)
    set_thresholds(workspace, {1: 0.5}, now())
    canvas.post("5/edits", {"edits": [BOX]})
    canvas.post(
        "2/edits", {"edits": [{**BOX, "uid": "u2", "category_id": 2}]}
    )  # hides no other class
    return canvas


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("state=with_proposals", [2, 4]),
        ("score_from=0.2", [2, 4]),
        ("score_from=0.2&score_to=0.85", [2]),
        ("category_id=1&state=unlabelled", [4]),
        ("category_id=2&state=unlabelled", []),
        ("category_id=2&score_to=1&state=with_proposals", []),
    ],
)
def test_a_search_finds_the_proposals_that_the_canvas_shows(
    partly_shown: Canvas, asked: str, expected: list[int]
) -> None:
    assert partly_shown.get(f"browse/ids?{asked}")["ids"] == expected


def test_a_filter_for_proposals_and_the_canvas_agree(partly_shown: Canvas) -> None:
    documents = {n: partly_shown.get(f"images/{n}/document") for n in range(1, 6)}
    found = partly_shown.get("browse/ids?state=with_proposals")["ids"]

    assert found == [n for n, document in documents.items() if document["proposals"]]


def test_a_search_finds_what_another_threshold_or_no_merging_shows(
    workspace: Workspace, partly_shown: Canvas
) -> None:
    set_thresholds(workspace, {1: 0.3}, now())
    set_merging(workspace, merges_duplicates=False)

    assert partly_shown.get("browse/ids?state=with_proposals")["ids"] == [2, 3, 4]
    assert partly_shown.get("browse/ids?state=unlabelled&category_id=2")["ids"] == [4]


@pytest.mark.parametrize("path", ["edits", "marks", "note"])
def test_every_change_of_an_image_shows_in_its_version(canvas: Canvas, path: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "edits": {"edits": [BOX]},
        "marks": {"is_flagged": True},
        "note": {"text": "x"},
    }
    before = canvas.get("images/2/watch?page=one")["version"]
    changed = canvas.post(f"2/{path}", bodies[path]).json()["version"]
    assert changed != before
    assert canvas.get("images/2/watch?page=one")["version"] == changed


def test_a_second_page_on_an_image_is_told_of_the_first(canvas: Canvas) -> None:
    assert canvas.get("images/2/watch?page=one")["num_others"] == 0
    assert canvas.get("images/2/watch?page=two")["num_others"] == 1
    canvas.get("images/3/watch?page=two")
    assert canvas.get("images/2/watch?page=one")["num_others"] == 0
