"""What the review page asks of the server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image as Pillow

from app.box_crops import SIDE_PX
from app.server import create_api
from app.settings import Settings
from app.workspace import Workspace
from storage import bundles, images, predictions, projects
from storage.types import BundleKind, ImageFilter, NewPrediction
from tests.app.blood_cells import blood_cells, now

OWN = {"x-sdpt": "test"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with blood_cells(tmp_path, num_images=5, num_labelled=2) as workspace:
        propose(workspace)
        api = create_api(workspace, Settings(data_dir=workspace.data_dir, port=7860))
        yield TestClient(api, base_url="http://127.0.0.1:7860")


def propose(workspace: Workspace) -> None:
    """Ten proposals of the first class, two of the second, on each of three open images."""
    with workspace.database.write() as tx:
        bundle = bundles.create(tx, name="b", kind=BundleKind.IMPORTED, at=now())
        for image_id in images.list_ids(tx, state=ImageFilter.UNREVIEWED):
            found = [
                NewPrediction((50.0 * n, 10.0, 50.0 * n + 40, 60.0), 1 + (n > 9), 0.05 + n / 20)
                for n in range(12)
            ]
            predictions.replace_for_image(
                tx, bundle_id=bundle.id, image_id=image_id, predictions=found, at=now()
            )
        projects.set_prelabel_bundle(tx, bundle.id)


def post(client: TestClient, path: str, **body: object) -> Any:
    answer = client.post(f"/sdpt/api/review/{path}", json=body, headers=OWN)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(client: TestClient, path: str) -> Any:
    answer = client.get(f"/sdpt/api/review/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_slider_knows_what_each_of_its_places_would_show(client: TestClient) -> None:
    (first, *_) = get(client, "thresholds")["classes"]
    assert first["at_least"][0] == first["num_shown"] == 30
    after = post(client, "thresholds", scores={"1": 0.4})

    assert after["classes"][0]["num_shown"] == first["at_least"][40]
    assert after["classes"][0]["is_own"] is True
    assert post(client, "thresholds", scores={"1": None})["classes"][0]["num_shown"] == 30


def test_the_surest_of_each_image_has_a_slider_too(client: TestClient) -> None:
    post(client, "thresholds", scores={"1": 1.0, "2": 1.0})
    before = get(client, "thresholds")["surest"]
    after = post(client, "thresholds", scores={"surest": 0.5})

    assert (before["threshold"], before["num_shown"], before["at_least"][50]) == (None, 0, 3)
    assert (after["surest"]["threshold"], after["num_shown"]) == (0.5, 3)
    assert get(client, "queue")["seconds_saved"] != 0.0
    assert post(client, "thresholds", scores={"surest": None})["num_shown"] == 0


def test_who_keeps_to_what_pays_does_so_until_a_slider_is_moved(client: TestClient) -> None:
    assert post(client, "thresholds/paying")["keeps_to_what_pays"] is True
    state = client.get("/sdpt/api/review").json()
    assert state["keeps_to_what_pays"] is True
    assert state["shown_from"].keys() == {"1", "2", "3", "surest"}
    assert post(client, "thresholds", scores={"1": 0.4})["keeps_to_what_pays"] is False


def test_a_strange_threshold_is_refused_in_words(client: TestClient) -> None:
    for scores in ({"1": 7.0}, {"99": 0.5}):
        answer = client.post("/sdpt/api/review/thresholds", json={"scores": scores}, headers=OWN)
        assert answer.status_code == 422
        assert answer.json()["error"]["message"]


def test_the_order_outlives_the_page(client: TestClient) -> None:
    post(client, "order", order="random", seed=3)
    first = get(client, "queue")["ids"]

    assert client.get("/sdpt/api/review").json()["order"] == "random"
    assert get(client, "queue")["ids"] == first
    assert len(first) == 3


def test_a_page_of_one_class_is_judged_and_undone(client: TestClient) -> None:
    page = get(client, "grid?category_id=2&limit=4")
    assert (len(page["items"]), page["num_left"]) == (4, 6)
    verdicts = [
        {"prediction_id": item["id"], "is_right": n > 0, "uid": f"u{n}"}
        for n, item in enumerate(page["items"])
    ]
    for _ in range(2):  # sent twice
        assert post(client, "grid", verdicts=verdicts) == {"accepted": 3, "rejected": 1, "late": 0}
    assert get(client, "grid?category_id=2")["num_left"] == 2
    ids = [item["id"] for item in page["items"]]
    assert post(client, "grid/undo", prediction_ids=ids) == {"waiting": 4}
    assert get(client, "grid?category_id=2")["num_left"] == 6


def test_late_verdicts_are_counted_and_harm_nothing(client: TestClient) -> None:
    (item,) = get(client, "grid?category_id=2&limit=1")["items"]
    wrong = [{"prediction_id": item["id"], "is_right": False}]
    right = [{"prediction_id": item["id"], "is_right": True, "uid": "u"}]
    post(client, "grid", verdicts=wrong)

    assert post(client, "grid", verdicts=right)["late"] == 1
    assert post(client, "grid", verdicts=[{"prediction_id": 9_999, "is_right": False}])["late"] == 1


def test_a_crop_is_a_small_square_picture(client: TestClient) -> None:
    (item,) = get(client, "grid?category_id=1&limit=1")["items"]
    answer = client.get(f"/sdpt/crops/{item['id']}")
    again = client.get(
        f"/sdpt/crops/{item['id']}", headers={"if-none-match": answer.headers["etag"]}
    )

    assert Pillow.open(io.BytesIO(answer.content)).size == (SIDE_PX, SIDE_PX)
    assert again.status_code == 304
    assert client.get("/sdpt/crops/9999").status_code == 404


def test_an_audited_image_shows_no_label_before_it_was_drawn(client: TestClient) -> None:
    begun = post(client, "audit", num_images=1, seed=1)["audit"]
    path = f"audit/{begun['id']}/images/{begun['image_ids'][0]}"
    assert set(get(client, path)) == {"image", "is_drawn"}
    drawn = post(client, path, boxes=[{"box": [1, 1, 20, 20], "category_id": 1}])

    assert drawn["is_drawn"] is True
    assert drawn["audit"]["result"]["missed"]["value"] == 100.0
    assert {d["kind"] for d in drawn["differences"]} == {"missed", "surplus"}
    settled = post(
        client, f"{path}/settled", label_is_right=[d["index"] for d in drawn["differences"]]
    )
    assert settled["audit"]["result"]["any_error"]["value"] == 0.0


def test_the_meter_takes_and_gives_seconds(client: TestClient) -> None:
    timed = [{"uid": "a", "image_id": 1, "action": "drawn", "seconds": 5.0}]
    post(client, "effort", timed=timed)
    found = get(client, "effort")

    assert found["by_hand"]["seconds_per_box"] == 5.0
    assert found["advice"]["reason"]


def test_an_empty_queue_says_how_many_images_are_still_open(client: TestClient) -> None:
    assert get(client, "queue")["message"] is None
    post(client, "thresholds", scores={1: 1.0, 2: 1.0})

    assert "3 images are not done" in get(client, "queue")["message"]
