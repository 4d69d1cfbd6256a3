"""The server's own routes, and who may use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.errors import SettingsError
from app.server import create_api
from app.settings import Settings
from tests.app.blood_cells import blood_cells

OWN = {"x-sdpt": "test"}
BOX = {"op": "create", "uid": "u1", "box": [5, 5, 50, 50], "category_id": 1}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with blood_cells(tmp_path, num_images=3, num_labelled=1) as workspace:
        api = create_api(workspace, Settings(data_dir=workspace.data_dir, port=7860))
        yield TestClient(api, base_url="http://127.0.0.1:7860")


def test_an_image_is_sent_once_and_then_confirmed_by_its_tag(client: TestClient) -> None:
    first = client.get("/sdpt/images/1")
    assert first.status_code == 200
    assert first.headers["content-type"] == "image/jpeg"
    again = client.get("/sdpt/images/1", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["99", "../../etc/passwd", "1/../../secret", "%2e%2e%2fsecret"])
def test_only_registered_images_can_be_fetched(client: TestClient, path: str) -> None:
    assert client.get(f"/sdpt/images/{path}").status_code in (404, 422)


def test_an_edit_sent_twice_makes_one_box(client: TestClient) -> None:
    for _ in range(2):
        answer = client.post("/sdpt/api/images/2/edits", json={"edits": [BOX]}, headers=OWN)
        assert answer.status_code == 200
    assert [box["uid"] for box in answer.json()["annotations"]] == ["u1"]


def test_a_bad_edit_is_refused_in_words(client: TestClient) -> None:
    wrong = {**BOX, "box": [5, 5, 5, 50]}
    answer = client.post("/sdpt/api/images/2/edits", json={"edits": [wrong]}, headers=OWN)
    assert answer.status_code == 422
    assert "box" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"host": "127.0.0.1.evil.example:7860"}]
)
def test_another_host_name_gets_nothing(client: TestClient, headers: dict[str, str]) -> None:
    assert client.get("/sdpt/api/classes", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://evil.example"}, {**OWN, "sec-fetch-site": "cross-site"}]
)
def test_a_post_from_another_site_changes_nothing(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.post("/sdpt/api/images/2/edits", json={"edits": [BOX]}, headers=headers)
    assert answer.status_code == 403
    assert client.get("/sdpt/api/images/2/document").json()["annotations"] == []


def test_opening_to_other_machines_demands_a_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SDPT_PASSWORD"):
        Settings(data_dir=tmp_path, host="0.0.0.0")


def test_with_a_password_nothing_is_shown_before_it_is_given(tmp_path: Path) -> None:
    with blood_cells(tmp_path, num_images=2, num_labelled=1) as workspace:
        settings = Settings(data_dir=workspace.data_dir, host="0.0.0.0", password="a long one")
        outside = TestClient(create_api(workspace, settings), base_url="http://127.0.0.1:7860")
        assert outside.get("/sdpt/api/classes").status_code == 401
