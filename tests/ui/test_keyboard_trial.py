"""Twenty photographs of circuit boards, with proposals as a detector makes them, are finished by keys alone."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from storage.boxes import intersection_over_union
from storage.types import Box, NewPrediction
from tests.ports import own_port
from tests.ui.bare_canvas import BareServer, with_classes
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server, propose

pytestmark = pytest.mark.browser
SET = Path(__file__).parents[2] / "assets" / "datasets" / "microcontrollers"
NUM_IMAGES = 20
KINDS = ("right", "moved", "misnamed", "surplus", "missing")
AWAY = (20, -10)  # pixels by which a proposal is off
STEPS_PX = {"Shift+": 48, "": 8}  # of the pen, on the screen


@dataclass(frozen=True, slots=True)
class Board:
    """One photograph, the board on it, and what is wrong with what is proposed."""

    file_name: str
    image_id: int
    middle: tuple[float, float]
    box: Box
    digit: int
    kind: str

    @property
    def proposals(self) -> list[NewPrediction]:
        x1, y1, x2, y2 = self.box
        dx, dy = AWAY
        return {
            "right": [NewPrediction(self.box, self.digit, 0.8)],
            "moved": [NewPrediction((x1 + dx, y1 + dy, x2 + dx, y2 + dy), self.digit, 0.8)],
            "misnamed": [NewPrediction(self.box, self.digit % 4 + 1, 0.8)],
            "surplus": [
                NewPrediction(self.box, self.digit, 0.8),
                NewPrediction((1, 1, 40, 40), self.digit, 0.6),
            ],
            "missing": [],
        }[self.kind]


def _boards() -> list[Board]:
    document: dict[str, Any] = json.loads((SET / "train.json").read_text("utf-8"))
    owned: dict[int, list[dict[str, Any]]] = {}
    for annotation in document["annotations"]:
        owned.setdefault(annotation["image_id"], []).append(annotation)
    alone = [
        (image, _corners(owned[image["id"]][0]["bbox"]), owned[image["id"]][0]["category_id"])
        for image in sorted(document["images"], key=lambda image: image["file_name"])
        if len(owned[image["id"]]) == 1
    ]
    inside = [found for found in alone if _has_room(found[0], found[1])][:NUM_IMAGES]
    return [
        Board(
            image["file_name"],
            number,
            (image["width"] / 2, image["height"] / 2),
            box,
            digit,
            KINDS[number % len(KINDS)],
        )
        for number, (image, box, digit) in enumerate(inside, start=1)
    ]


def _has_room(image: dict[str, Any], box: Box) -> bool:
    """For a box that is a little off, and for one beside it."""
    x1, y1, x2, y2 = box
    return x1 > 45 and y1 > 45 and x2 < image["width"] - 30 and y2 < image["height"] - 30


def _corners(bbox: list[float]) -> Box:
    x, y, w, h = bbox
    return x, y, x + w, y + h


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = BareServer(tmp_path_factory.mktemp("trial"), own_port())
    made.data.mkdir()
    for board in _boards():
        shutil.copyfile(SET / "images" / board.file_name, made.data / board.file_name)
    document = json.loads((SET / "train.json").read_text("utf-8"))
    with_classes(made.data, tuple(category["name"] for category in document["categories"]))
    made.start()
    for board in _boards():
        propose(made, board.image_id, *board.proposals)
    yield made
    made.stop()


def test_twenty_images_are_finished_by_keys_alone(bare_page: Page, server: Server) -> None:
    user = CanvasUser(bare_page, "label")
    bare_page.evaluate("addEventListener('pointerdown', () => (window.wasClicked = true), true)")
    user.press("Escape")  # off the button of the tab
    for board in _boards():
        expect(user.part("canvas-filename")).to_have_text(board.file_name)
        expect(user.stage).to_have_attribute("data-image-id", str(board.image_id))
        _finish(user, board)
        user.press("Enter")
    user.wait_saved()
    assert not bare_page.evaluate("window.wasClicked")
    documents = [server.document(board.image_id) for board in _boards()]
    assert all(document["image"]["is_reviewed"] for document in documents)
    origins = Counter(found["origin"] for d in documents for found in d["annotations"])
    assert origins == {"accepted": 8, "corrected": 8, "drawn": 4}
    for board, document in zip(_boards(), documents, strict=True):
        (found,) = document["annotations"]
        assert found["category_id"] == board.digit
        assert intersection_over_union(tuple(found["box"]), board.box) > 0.75


def _finish(user: CanvasUser, board: Board) -> None:
    match board.kind:
        case "right":
            user.press("Space", "Space")
        case "moved":
            user.press("Space", "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowDown")
        case "misnamed":
            user.press("Space", str(board.digit))
        case "surplus":
            user.press("Space", "x", "Space")  # in reading order
        case _:
            user.press("Escape", str(board.digit), "b")
            _walk(user, board.middle, board.box[:2])
            _walk(user, board.box[:2], board.box[2:])
    user.wait_saved()


def _walk(user: CanvasUser, start: tuple[float, ...], end: tuple[float, ...]) -> None:
    """The pen from one point to another, far steps first, and Enter there."""
    for low, high, names in zip(start, end, (("Left", "Right"), ("Up", "Down")), strict=True):
        left_px = (high - low) * user.number("scale")
        for modifier, step in STEPS_PX.items():
            count = round(abs(left_px) / step - (0.5 if modifier else 0))
            user.press(*[f"{modifier}Arrow{names[left_px > 0]}"] * count)
            left_px -= count * step * (1 if left_px > 0 else -1)
    user.press("Enter")
