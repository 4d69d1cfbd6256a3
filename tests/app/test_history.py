"""Class work and the history, by command line and over HTTP, on real blood smears."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.classes import Who, change_class, find_class
from app.server import create_api
from app.settings import Settings
from app.staleness import stale_sentences
from app.workspace import Workspace
from storage import bundles
from storage.types import BundleKind
from tests.app.blood_cells import blood_cells, human_boxes, now
from tests.app.samples import copy_images, run, run_json, write_labels

OWN = {"x-sdpt": "test"}
RBC = "red blood cell"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with blood_cells(tmp_path, num_images=3, num_labelled=2) as made:
        yield made


@pytest.fixture
def client(workspace: Workspace) -> TestClient:
    api = create_api(workspace, Settings(data_dir=workspace.data_dir, port=7860))
    return TestClient(api, base_url="http://127.0.0.1:7860", headers=OWN)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = copy_images(tmp_path / "images", 3)
    labels = write_labels(tmp_path / "labels.json", 2)
    run_json("import", "--data", folder, "--coco", labels)
    return folder


def add_tuned_bundle(workspace: Workspace) -> None:
    """A bundle that was tuned with the prompt texts of now."""
    folder = workspace.state_dir / "bundles" / "tuned-1"
    folder.mkdir(parents=True)
    with workspace.database.write() as tx:
        bundle = bundles.create(
            tx, name="tuned-1", kind=BundleKind.TUNED, folder="bundles/tuned-1", at=now()
        )
        bundles.adopt(tx, bundle.id, now())
    found = find_class(workspace, RBC)
    classes = [{"id": found.id, "name": found.name, "prompt_text": found.prompt_text}]
    (folder / "bundle.json").write_text(json.dumps({"categories": classes}))


def test_another_prompt_text_makes_a_bundle_stale_and_the_old_one_fresh(
    workspace: Workspace,
) -> None:
    add_tuned_bundle(workspace)
    found = find_class(workspace, RBC)
    assert stale_sentences(workspace) == []
    change_class(workspace, found.id, prompt_text="disc", who=Who.now())
    (sentence,) = stale_sentences(workspace)
    assert "'tuned-1' (in use) is stale" in sentence
    assert f"was tuned as '{found.prompt_text}' and is 'disc' now. Tune again." in sentence
    change_class(workspace, found.id, prompt_text=found.prompt_text, who=Who.now())
    assert stale_sentences(workspace) == []


def test_the_command_line_says_that_a_bundle_is_stale(workspace: Workspace) -> None:
    add_tuned_bundle(workspace)
    data = workspace.data_dir
    listed = run("classes", "--data", data, "--prompt", f"{RBC}=disc")
    assert "is stale" in listed.stdout
    assert "STALE" in run("status", "--data", data).stdout
    (bundle,) = run_json("status", "--data", data)["bundles"]
    assert "'disc' now" in bundle["stale"]


def test_a_class_is_removed_only_after_asking_and_comes_back(data: Path) -> None:
    before = run_json("classes", "--data", data)["classes"]
    refused = run("classes", "--data", data, "--remove", RBC)
    assert refused.exit_code == 1
    assert "boxes on 2 images" in refused.stderr
    left = run_json("classes", "--data", data, "--remove", RBC, "--yes")["classes"]
    assert RBC not in {c["name"] for c in left}
    (deed, *_) = run_json("history", "--data", data)["lines"]
    run_json("restore", "--data", data, "--undo", deed["change_id"])
    assert run_json("classes", "--data", data)["classes"] == before


def test_classes_are_recoloured_and_put_in_order(data: Path) -> None:
    done = run_json("classes", "--data", data, "--order", RBC, "--color", f"{RBC}=#112233")
    assert (done["classes"][0]["name"], done["classes"][0]["color"]) == (RBC, "#112233")


def test_the_project_goes_back_to_a_named_point(data: Path) -> None:
    run_json("history", "--data", data, "--name", "labels are in")
    run_json("classes", "--data", data, "--merge", f"white blood cell={RBC}")
    told = run("history", "--data", data, "--diff", "labels are in").stdout
    assert "0 added, 0 removed, 0 moved," in told
    dry = run_json("restore", "--data", data, "--to", "labels are in", "--dry-run")
    assert dry["total"]["reclassed"] > 0
    run_json("restore", "--data", data, "--to", "labels are in")
    names = {c["name"] for c in run_json("classes", "--data", data)["classes"]}
    assert "white blood cell" in names
    after = run_json("history", "--data", data, "--diff", "labels are in")
    assert set(after["total"].values()) == {0}


def test_two_points_are_compared_and_what_came_later_does_not_count(data: Path) -> None:
    run_json("history", "--data", data, "--name", "one")
    run_json("classes", "--data", data, "--merge", f"white blood cell={RBC}")
    run_json("history", "--data", data, "--name", "two")
    run_json("classes", "--data", data, "--remove", RBC, "--yes")
    up_to_two, up_to_now = (
        run_json("history", "--data", data, "--diff", "one", "--to", end)["total"]
        for end in ("two", "now")
    )
    assert (up_to_two["removed"], up_to_now["reclassed"]) == (0, 0)
    assert up_to_two["reclassed"] > 0
    assert up_to_now["removed"] > up_to_two["reclassed"]


def test_the_history_reads_like_a_diary(data: Path) -> None:
    run_json("classes", "--data", data, "--rename", f"{RBC}=erythrocyte")
    told = run("history", "--data", data).stdout.splitlines()
    assert f"Renamed '{RBC}' to 'erythrocyte'" in told[0]
    assert "of 'labels.json'" in told[1]


def test_an_unknown_point_is_told_in_words(data: Path) -> None:
    result = run("restore", "--data", data, "--to", "yesterday")
    assert result.exit_code == 1
    assert "is no point in the history" in result.stderr


def test_proposals_of_a_bundle_are_cleaned_away_and_come_back(data: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path / "more.json", 3)
    imported = run_json("import", "--data", data, "--coco", labels, "--as", "prediction")
    boxes = run_json("status", "--data", data)["annotations"]
    gone = run_json("clean", "--data", data, "--bundle", imported["bundle"], "--yes")
    assert gone["proposals"] == imported["annotations"]
    assert run_json("status", "--data", data)["predictions"]["pending"] == 0
    run_json("restore", "--data", data, "--undo", gone["change_id"])
    status = run_json("status", "--data", data)
    assert status["predictions"]["pending"] == imported["annotations"]
    assert status["annotations"] == boxes


def test_a_split_over_http_moves_the_chosen_crops(client: TestClient, workspace: Workspace) -> None:
    category_id = find_class(workspace, RBC).id
    page = client.get(f"/sdpt/api/class-work/{category_id}/boxes?limit=5").json()
    assert len(page["boxes"]) == 5
    crop = client.get(page["boxes"][0]["crop"])
    assert crop.headers["content-type"] == "image/jpeg"
    uids = [box["uid"] for box in page["boxes"][:2]]
    body = {"uids": uids, "into": "large cell"}
    done = client.post(f"/sdpt/api/class-work/{category_id}/split", json=body).json()
    numbers = {c["name"]: c["num_boxes"] for c in done["categories"]}
    assert numbers["large cell"] == 2
    before = human_boxes(workspace)
    again = client.post(f"/sdpt/api/class-work/{category_id}/split", json=body)
    assert (again.status_code, human_boxes(workspace)) == (409, before)


def test_an_image_is_restored_over_http_and_that_is_undone(
    client: TestClient, workspace: Workspace
) -> None:
    history = client.get("/sdpt/api/history/images/1").json()
    start = history["lines"][-1]["point_before"]
    assert client.get(f"/sdpt/api/history/images/1/boxes?point={start}").json()["boxes"] == []
    before = human_boxes(workspace)
    body = {"point": start, "image_id": 1}
    done = client.post("/sdpt/api/history/restore", json=body).json()
    assert (done["removed"], done["images"]) == (len(history["lines"][-1]["events"]), 1)
    left = human_boxes(workspace)
    assert 0 < len(left) < len(before)
    client.post("/sdpt/api/history/undo", json={"change_id": done["change_id"]})
    assert [row[:6] for row in human_boxes(workspace)] == [row[:6] for row in before]


def test_a_page_of_another_site_cannot_restore(client: TestClient) -> None:
    answer = client.post(
        "/sdpt/api/history/restore",
        json={"point": "start"},
        headers={"origin": "http://evil.example"},
    )
    assert answer.status_code == 403


def test_each_box_tells_its_life(client: TestClient, workspace: Workspace) -> None:
    (event, *_) = client.get("/sdpt/api/history/images/1").json()["lines"][0]["events"]
    change_class(workspace, 1, name="renamed", who=Who.now())
    life = client.get(f"/sdpt/api/history/boxes/{event['uid']}").json()["events"]
    assert [(e["author"], e["text"].split()[0]) for e in life] == [("tester", "imported")]
