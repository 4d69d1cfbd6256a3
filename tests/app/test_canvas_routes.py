"""What the canvas asks of the server beside boxes: flags, comments, searches, and who else looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from app.server import create_api
from app.settings import Settings
from tests.app.blood_cells import blood_cells

BOX = {"op": "create", "uid": "u1", "box": [5, 5, 50, 50], "category_id": 1}
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
def canvas(tmp_path: Path) -> Iterator[Canvas]:
    with blood_cells(tmp_path, num_images=3, num_labelled=1) as workspace:
        api = create_api(workspace, Settings(data_dir=workspace.data_dir, port=7860))
        yield Canvas(TestClient(api, base_url="http://127.0.0.1:7860"))


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
        ("score_from=0.5", []),
    ],
)
def test_images_are_found_by_what_they_hold(
    canvas: Canvas, asked: str, expected: list[int]
) -> None:
    canvas.edit(BOX)
    for box in canvas.get("images/1/document")["annotations"]:
        canvas.post("1/edits", {"edits": [{"op": "delete", "uid": box["uid"]}]})
    canvas.post("2/marks", {"is_flagged": True})
    canvas.post("3/marks", {"is_reviewed": True})
    canvas.post("3/note", {"text": "empty"})
    canvas.post("1/marks", {"is_reviewed": False})
    assert canvas.get(f"browse/ids?{asked}")["ids"] == expected


@pytest.mark.parametrize("path", ["edits", "marks", "note"])
def test_every_change_of_an_image_shows_in_its_version(canvas: Canvas, path: str) -> None:
    bodies = {"edits": {"edits": [BOX]}, "marks": {"is_flagged": True}, "note": {"text": "x"}}
    before = canvas.get("images/2/watch?page=one")["version"]
    changed = canvas.post(f"2/{path}", bodies[path]).json()["version"]
    assert changed != before
    assert canvas.get("images/2/watch?page=one")["version"] == changed


def test_a_second_page_on_an_image_is_told_of_the_first(canvas: Canvas) -> None:
    assert canvas.get("images/2/watch?page=one")["num_others"] == 0
    assert canvas.get("images/2/watch?page=two")["num_others"] == 1
    canvas.get("images/3/watch?page=two")
    assert canvas.get("images/2/watch?page=one")["num_others"] == 0
