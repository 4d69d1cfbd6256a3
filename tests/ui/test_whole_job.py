"""The whole job as a person does it: from a folder of images to a COCO file, in the browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page, expect
from pycocotools.coco import COCO

from app.workspace import open_workspace
from storage import predictions, projects
from tests.app.samples import TAUGHT_PROMPTS
from tests.ui.canvas_user import Box, CanvasUser
from tests.ui.conftest import SAMPLES, Server, new_server, picture

CLASSES = ("white blood cell", "red blood cell", "platelet")
NUM_IMAGES, NUM_LABELLED = 12, 5
TOLERANCE_PX, SNAPS_WITHIN_PX = 1.0, 7.0

Drawn = dict[str, list[tuple[Box, str]]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = new_server(tmp_path, num_images=NUM_IMAGES)
    made.start()
    yield made
    made.stop()


def published_boxes(file_name: str) -> list[tuple[Box, str]]:
    """What the data set's makers drew on a smear: boxes and class names."""
    document: dict[str, Any] = json.loads((SAMPLES / "train.json").read_text("utf-8"))
    names = {c["id"]: c["name"] for c in document["categories"]}
    (image,) = (i for i in document["images"] if i["file_name"] == file_name)
    mine = [a for a in document["annotations"] if a["image_id"] == image["id"]]
    return [
        ((x, y, min(x + w, image["width"]), min(y + h, image["height"])), names[a["category_id"]])
        for a in mine
        for x, y, w, h in [a["bbox"]]
    ]


def add_classes(page: Page) -> None:
    for name in CLASSES:
        page.locator("#class-name").locator("input, textarea").first.fill(name)
        page.locator("#class-prompt").locator("input, textarea").first.fill(TAUGHT_PROMPTS[name])
        page.locator("#class-add").click()
        expect(page.locator("#class-list")).to_contain_text(name)


def draw_on_first_images(page: Page) -> Drawn:
    user = CanvasUser(page, "label")
    drawn: Drawn = {}
    for _ in range(NUM_LABELLED):
        boxes = published_boxes(user.file_name)
        for box, name in boxes:
            user.draw(box, digit=CLASSES.index(name) + 1)
        expect(user.stage).to_have_attribute("data-num-boxes", str(len(boxes)))
        drawn[user.file_name] = boxes
        if len(drawn) == 1:
            picture(page, "label")
        user.go_on()
    user.wait_saved()
    return drawn


def tune_and_prelabel(page: Page) -> None:
    page.get_by_role("tab", name="Tune", exact=True).click()
    expect(page.locator("#tune-labelled")).to_contain_text(f"Ready: {NUM_LABELLED} labelled images")
    page.locator("#tune-advanced").get_by_text("Advanced").click()
    page.locator("#tune-steps input").fill("10")
    page.locator("#tune-start").click()
    expect(page.locator("#tune-state")).to_contain_text(re.compile(r"Tuning(, part \d of \d)?: "))
    page.reload()  # progress must survive it
    page.get_by_role("tab", name="Tune", exact=True).click()
    expect(page.locator("#tune-state")).to_contain_text("Adopted")
    line = page.locator("#tune-score g.mark-line path").first
    expect(line).to_have_attribute("d", re.compile("L"))  # from one point to the next
    expect(page.locator("#prelabel-state")).to_contain_text(  # by itself
        f"{NUM_IMAGES - NUM_LABELLED} images were looked at"
    )
    picture(page, "tune")


def review_three(page: Page) -> None:
    """Accept one proposal, correct one, reject one."""
    user = CanvasUser(page, "review")
    picture(page, "review")
    user.part("canvas-min-score").fill("0")
    for keys in (("Tab", "Space"), ("Shift+ArrowRight",), ("Escape", "Tab", "x")):
        user.press(*keys)
        user.wait_saved()
    page.wait_for_timeout(300)
    user.wait_saved()


def num_rejected(server: Server) -> int:
    with closing(open_workspace(server.data)) as workspace, workspace.database.read() as tx:
        bundle_id = projects.get(tx).prelabel_bundle_id
        assert bundle_id is not None
        return predictions.counts(tx, bundle_id).rejected


def export_coco(page: Page, server: Server) -> COCO:
    page.get_by_role("tab", name="Export", exact=True).click()
    page.locator("#export-run").click()
    expect(page.locator("#export-result")).to_contain_text("Wrote")
    picture(page, "export")
    return COCO(server.data / ".sdpt" / "exports" / "boxes.json")


def is_where_drawn(found: float, edge: float, side: int) -> bool:
    """An edge that is drawn near the border of the image snaps to it."""
    border = 0.0 if edge < side / 2 else float(side)
    is_docked = found == border and abs(edge - border) <= SNAPS_WITHIN_PX
    return is_docked or abs(found - edge) <= TOLERANCE_PX


def assert_holds_what_was_drawn(coco: COCO, drawn: Drawn) -> None:
    names = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
    for image in coco.loadImgs(coco.getImgIds()):
        if image["file_name"] not in drawn:
            continue
        found = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        expected = drawn[image["file_name"]]
        assert [names[a["category_id"]] for a in found] == [name for _, name in expected]
        for annotation, (box, _) in zip(found, expected, strict=True):
            x, y, w, h = annotation["bbox"]
            sides = (image["width"], image["height"]) * 2
            for found_edge, edge, side in zip((x, y, x + w, y + h), box, sides, strict=True):
                assert is_where_drawn(found_edge, edge, side), (annotation, box)


def foreign_connections(server: Server) -> list[str]:
    """Addresses outside this machine that the server or its worker talk to."""
    assert server.process is not None
    root = psutil.Process(server.process.pid)
    found = [c for p in [root, *root.children(recursive=True)] for c in p.net_connections()]
    return [c.raddr.ip for c in found if c.raddr and not ip_address(c.raddr.ip).is_loopback]


@pytest.mark.browser
def test_a_person_labels_tunes_reviews_and_exports(page: Page, server: Server) -> None:
    add_classes(page)
    drawn = draw_on_first_images(page)
    num_drawn = sum(len(boxes) for boxes in drawn.values())
    tune_and_prelabel(page)
    assert foreign_connections(server) == []
    review_three(page)
    counts = server.cli("status")["annotations"]
    assert counts == {"human": num_drawn + 1, "accepted": 1, "imported": 0}
    assert num_rejected(server) == 1
    coco = export_coco(page, server)
    assert len(coco.anns) == num_drawn + 2
    assert_holds_what_was_drawn(coco, drawn)
    assert server.foreign_requests == []
