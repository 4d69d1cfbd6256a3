"""Class work and going back in time, as a person does it in the browser."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from app.settings import default_author
from app.workspace import open_workspace
from storage import bundles, categories, predictions
from storage.types import BundleKind, NewPrediction
from tests.app.blood_cells import now
from tests.app.samples import write_labels
from tests.ui.canvas_user import Box, CanvasUser
from tests.ui.conftest import Server, new_server, open_page, picture

pytestmark = pytest.mark.browser
RBC, WBC = "red blood cell", "white blood cell"
NUM_IMAGES = 6


@dataclass(frozen=True, slots=True)
class Project:
    """A server with labelled smears and proposals, and the moment when nobody had touched them."""

    server: Server
    untouched: str

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.server.url}/sdpt/api/{path}", timeout=60) as answer:
            return json.loads(answer.read())

    def restore(self) -> None:
        """Each test begins with the untouched project: what it tests itself makes that cheap."""
        request = urllib.request.Request(
            f"{self.server.url}/sdpt/api/history/restore",
            data=json.dumps({"point": self.untouched}).encode(),
            headers={"content-type": "application/json", "x-sdpt": "test"},
        )
        urllib.request.urlopen(request, timeout=60).close()

    def boxes(self) -> list[tuple[int, int, str, list[float]]]:
        """Image, id, class name and corners of every box of a person."""
        names = {c["id"]: c["name"] for c in self.classes().values()}
        documents = [self.get(f"images/{i}/document") for i in self.get("browse/ids")["ids"]]
        return [
            (document["image"]["id"], a["id"], names[a["category_id"]], a["box"])
            for document in documents
            for a in document["annotations"]
        ]

    def classes(self) -> dict[str, dict[str, Any]]:
        return {c["name"]: c for c in self.get("class-work")["categories"]}

    def waiting(self) -> dict[str, int]:
        """Of each bundle, how many proposals wait."""
        return {b["name"]: b["pending"] for b in self.get("history/machine")["bundles"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("history")
    server = new_server(folder, num_images=NUM_IMAGES)
    server.cli("import", "--coco", str(write_labels(folder / "labels.json", NUM_IMAGES - 1)))
    proposals = write_labels(folder / "proposals.json", NUM_IMAGES)
    server.cli("import", "--coco", str(proposals), "--as", "prediction")
    add_tuned_bundle(server)
    server.start(has_worker=False)
    yield Project(server, Project(server, "").get("history")["now"])
    server.stop()


@pytest.fixture
def page(context: BrowserContext, project: Project) -> Iterator[Page]:
    project.restore()
    opened = open_page(context, project.server)
    yield opened
    opened.close()


def row(page: Page, name: str) -> Locator:
    return page.locator(f'[data-testid=class-row][data-name="{name}"]')


def num_boxes(page: Page, name: str) -> int:
    return int(row(page, name).get_by_test_id("class-boxes").inner_text().replace(",", ""))


def open_history(page: Page) -> Locator:
    page.get_by_role("tab", name="History", exact=True).click()
    lines = page.get_by_test_id("history-line")
    lines.first.wait_for()
    return lines


def keep_moment(page: Page, name: str) -> None:
    lines = open_history(page)
    page.get_by_test_id("point-name").fill(name)
    page.get_by_test_id("point-save").click()
    expect(lines.first).to_contain_text(name)


def show_image(page: Page, name: str) -> None:
    open_history(page)
    page.get_by_test_id("history-find").fill(name)
    page.get_by_test_id("history-find").press("Enter")
    page.get_by_role("button", name=name).click()
    page.get_by_test_id("image-line").first.wait_for()


def draw_boxes(user: CanvasUser, *boxes: Box) -> None:
    user.page.get_by_role("tab", name="Label", exact=True).click()
    for box in boxes:
        user.draw(box, digit=1)
    user.wait_saved()


def test_a_class_is_renamed_recoloured_and_moved(page: Page, project: Project) -> None:
    name = row(page, WBC).get_by_test_id("class-name")
    name.fill("leukocyte")
    name.press("Enter")
    told = page.locator("#class-list").get_by_test_id("panel-told")
    expect(told).to_contain_text(f"Renamed '{WBC}' to 'leukocyte'")
    row(page, "leukocyte").get_by_test_id("class-color").fill("#112233")
    expect(told).to_contain_text("Recoloured")
    row(page, "leukocyte").get_by_role("button", name="down").click()
    expect(told).to_contain_text("another order")
    expect(page.get_by_test_id("class-row").nth(1)).to_have_attribute("data-name", "leukocyte")
    picture(page, "classes")
    found = project.classes()["leukocyte"]
    assert (found["color"], found["prompt_text"]) == ("#112233", WBC)
    user = CanvasUser(page, "label")
    expect(user.root).to_contain_text("leukocyte")


def test_a_removed_class_says_what_goes_and_comes_back(page: Page, project: Project) -> None:
    before, number = (project.boxes(), project.waiting()), num_boxes(page, RBC)
    row(page, RBC).get_by_role("button", name="Remove…").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"{number} boxes on 5 images")
    picture(page, "remove-class")
    page.get_by_test_id("dialog-yes").click()
    expect(row(page, RBC)).to_have_count(0)
    page.locator("#class-list").get_by_role("button", name="Undo").click()
    expect(row(page, RBC)).to_have_count(1)
    assert (project.boxes(), project.waiting()) == before


def test_a_class_is_split_by_looking_at_its_boxes(page: Page, project: Project) -> None:
    number = num_boxes(page, RBC)
    row(page, RBC).get_by_role("button", name="Split…").click()
    tiles = page.get_by_test_id("split-grid").locator("button")
    expect(tiles.first.locator("img")).to_be_visible()
    page.get_by_test_id("dialog-yes").click()
    expect(page.get_by_role("dialog")).to_contain_text("Click the boxes that shall move.")
    for index in (0, 2, 3, 3):
        tiles.nth(index).click()
    expect(page.get_by_test_id("split-number")).to_have_text("2 chosen")
    page.get_by_test_id("split-into").fill("echinocyte")
    picture(page, "split")
    page.get_by_test_id("dialog-yes").click()
    expect(row(page, "echinocyte").get_by_test_id("class-boxes")).to_have_text("2")
    assert num_boxes(page, RBC) == number - 2


def test_the_project_goes_back_to_a_moment_with_a_name(page: Page, project: Project) -> None:
    before = project.boxes()
    lines = open_history(page)
    page.get_by_test_id("point-name").fill("all is well")
    page.get_by_test_id("point-save").click()
    expect(lines.first).to_contain_text("all is well")
    page.get_by_role("tab", name="Project", exact=True).click()
    number = num_boxes(page, WBC)
    row(page, WBC).get_by_role("button", name="Merge…").click()
    page.get_by_test_id("merge-into").select_option(label=RBC)
    page.get_by_test_id("dialog-yes").click()
    expect(row(page, WBC)).to_have_count(0)
    open_history(page)
    expect(lines.first).to_contain_text(f"Merged '{WBC}' into '{RBC}'")
    lines.nth(1).get_by_role("button", name="Compare").click()
    expect(page.get_by_test_id("difference-total")).to_contain_text(f"0 moved, {number} reclassed")
    picture(page, "history")
    page.get_by_test_id("restore-project").click()
    page.get_by_test_id("dialog-yes").click()
    expect(lines.first).to_contain_text("Restored the project")
    assert project.boxes() == before
    lines.first.get_by_role("button", name="Undo").click()
    expect(lines.first).to_contain_text("Undid: Restored")
    assert WBC not in project.classes()


def test_two_moments_are_compared_and_what_came_later_does_not_count(page: Page) -> None:
    user = CanvasUser(page, "label")
    keep_moment(page, "point one")
    draw_boxes(user, (60, 40, 160, 140))
    keep_moment(page, "point two")
    draw_boxes(user, (200, 40, 300, 140), (340, 40, 440, 140))
    lines = open_history(page)
    lines.filter(has_text="point one").get_by_role("button", name="Compare").click()
    total = page.get_by_test_id("difference-total")
    expect(total).to_contain_text("3 boxes added")
    later = page.get_by_test_id("difference-to")
    later.focus()
    page.keyboard.type("point two")
    expect(total).to_contain_text("1 box added, 0 removed, 0 moved, 0 reclassed on 1 image.")
    picture(page, "difference")
    page.get_by_test_id("restore-project").click()
    expect(page.get_by_role("dialog")).to_contain_text("3 boxes added")  # all since point one goes
    page.get_by_role("button", name="Cancel").click()


def test_one_image_goes_back_and_the_others_stay(page: Page, project: Project) -> None:
    before = project.boxes()
    user = CanvasUser(page, "label")
    name, number = user.file_name, int(user.stage.get_attribute("data-num-boxes") or 0)
    user.draw((60, 40, 160, 140), digit=1)
    user.wait_saved()
    show_image(page, name)
    moments = page.get_by_test_id("image-line")
    expect(moments.first).to_contain_text("drew")
    boxes = page.get_by_test_id("image-then").locator("rect")
    expect(boxes).to_have_count(number + 1)
    moments.nth(1).get_by_role("button").click()
    expect(boxes).to_have_count(number)
    boxes.last.click()
    expect(page.get_by_test_id("box-life")).to_contain_text("imported")
    picture(page, "image-history")
    page.get_by_test_id("restore-image").click()
    page.get_by_test_id("dialog-yes").click()
    expect(moments.first).to_contain_text("deleted")
    assert project.boxes() == before
    page.get_by_role("tab", name="Label", exact=True).click()
    expect(user.stage).to_have_attribute("data-num-boxes", str(number))


def test_a_box_tells_who_drew_moved_and_reclassed_it(page: Page, project: Project) -> None:
    first, second, *_ = project.classes()
    user = CanvasUser(page, "label")
    user.draw((60, 40, 160, 140), digit=1)
    user.wait_saved()
    for key in ("ArrowRight", "2"):
        user.press(key)
        user.wait_saved()
    show_image(page, user.file_name)
    page.get_by_test_id("image-then").locator("rect").last.click()
    told = page.get_by_test_id("box-life").locator("li")
    author = re.escape(default_author())
    verbs = (f"drew {first}", f"moved {first}", f"made {first} into {second}")
    expect(told).to_have_text([re.compile(rf"^{verb}.* \d.*, {author}$") for verb in verbs])


def test_machine_boxes_of_one_bundle_go_and_all_others_stay(page: Page, project: Project) -> None:
    before, waiting = project.boxes(), project.waiting()
    tuned, imported = sorted(waiting, key=lambda name: waiting[name])
    assert waiting[tuned] > 0
    open_history(page)
    machine = page.get_by_test_id("machine")
    machine.get_by_text("Machine boxes of a bundle").click()
    line = machine.get_by_role("row", name=imported)
    line.get_by_role("button", name="Delete waiting…").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"{waiting[imported]} waiting proposals")
    picture(page, "machine")
    page.get_by_test_id("dialog-yes").click()
    told = page.locator("#history-panel").get_by_test_id("panel-told")
    expect(told).to_contain_text(f"Deleted {waiting[imported]} waiting proposals")
    expect(line.get_by_role("cell").nth(1)).to_have_text("0")
    assert (project.waiting(), project.boxes()) == ({**waiting, imported: 0}, before)
    told.get_by_role("button", name="Undo").click()
    expect(told).to_contain_text("Undone")
    assert project.waiting() == waiting


def test_a_new_prompt_text_says_which_bundle_is_stale(page: Page) -> None:
    words = row(page, RBC).get_by_test_id("class-prompt_text")
    words.fill("pale pink disc")
    words.press("Enter")
    stale = page.get_by_test_id("stale-bundles")
    expect(stale).to_contain_text("Bundle 'tuned-1' (in use) is stale")
    picture(page, "stale")
    page.get_by_role("tab", name="Tune", exact=True).click()
    expect(page.locator("#bundle-table")).to_contain_text("stale")
    page.get_by_role("tab", name="Project", exact=True).click()
    page.locator("#class-list").get_by_role("button", name="Undo").click()
    expect(stale).to_be_hidden()


def add_tuned_bundle(server: Server) -> None:
    """A bundle in use that was tuned with the prompt texts of now, stale once one of them changes, and that has
    proposed a box."""
    folder = server.data / ".sdpt" / "bundles" / "tuned-1"
    folder.mkdir(parents=True)
    with open_workspace(server.data) as workspace, workspace.database.write() as tx:
        found = categories.named(tx, RBC)
        made = bundles.create(
            tx, name="tuned-1", kind=BundleKind.TUNED, folder="bundles/tuned-1", at=now()
        )
        bundles.adopt(tx, made.id, now())
        proposals = [NewPrediction((300, 200, 360, 260), found.id, 0.9)]
        predictions.replace_for_image(
            tx, bundle_id=made.id, image_id=1, predictions=proposals, at=now()
        )
    tuned = {"id": found.id, "name": found.name, "prompt_text": found.prompt_text}
    (folder / "bundle.json").write_text(json.dumps({"categories": [tuned]}))
