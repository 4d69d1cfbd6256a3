"""Objects of other images are laid onto an image: where nothing lies, with their labels, and never those of a judge."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdpt_engine.asking import ask
from sdpt_engine.backbones.base import Detector
from sdpt_engine.boxes import overlaps
from sdpt_engine.data import ViewCache
from sdpt_engine.pasting import Cutting, cuttings_of, pasted
from sdpt_engine.types import Boxes, Example, ObjectClass, Pixels
from sdpt_engine.views import ViewKind, view_pool

RED = np.array([220, 20, 20], np.uint8)
THINGS = (ObjectClass(0, "grey", "grey"), ObjectClass(1, "red", "red"))
PASTED = ViewKind(seed=3, has_pasted=True)


def with_square(label: int = 1, *, at: tuple[int, int] = (40, 30), side: int = 24) -> Pixels:
    pixels = np.full((120, 160, 3), 60 + 40 * label, np.uint8)
    pixels[at[1] : at[1] + side, at[0] : at[0] + side] = RED
    return pixels


def boxed(*boxes: tuple[int, int, int, int], label: int = 1, path: Path = Path("a.png")) -> Example:
    return Example(path, np.array(boxes, np.float32), np.full(len(boxes), label, np.int64))


def one_cutting(*, at: tuple[int, int] = (40, 30)) -> Cutting:
    x, y = at
    (cutting,) = cuttings_of(with_square(at=at), boxed((x, y, x + 24, y + 24)))
    return cutting


def found_red(pixels: Pixels) -> Boxes:
    rows, columns = np.nonzero((np.abs(pixels.astype(int) - RED) < 60).all(-1))
    return np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("at", [(40, 30), (0, 96)], ids=["inside", "in a corner"])
def test_the_new_box_lies_where_the_object_was_laid(at: tuple[int, int], seed: int) -> None:
    empty = Example(Path("b.png"), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    blank = np.full((90, 200, 3), 200, np.uint8)
    seen, example = pasted(blank, empty, [one_cutting(at=at)], np.random.default_rng(seed))
    assert example.labels.tolist() == [1]
    assert np.abs(found_red(seen) - example.boxes).max() <= 1.0
    assert (blank == 200).all()


def test_a_box_over_the_border_is_cut_as_far_as_it_is_seen() -> None:
    outside, half, little = (-50, 10, -10, 40), (-12, 30, 20, 60), (150, 0, 200, 40)
    (cutting,) = cuttings_of(with_square(), boxed(outside, half, little))
    assert cutting.boxes.tolist() == [[0, 2, 20, 32]]


def test_a_neighbour_comes_along_with_the_part_of_its_box_that_is_seen() -> None:
    near, over, corner, apart = (
        (40, 30, 64, 54),
        (50, 40, 70, 60),
        (64, 0, 90, 31),
        (100, 90, 124, 114),
    )
    cuttings = cuttings_of(with_square(), boxed(near, over, corner, apart))
    assert [len(cutting.boxes) for cutting in cuttings] == [2, 2, 1, 1]
    assert cuttings[0].boxes.tolist() == [[2, 2, 26, 26], [12, 12, 28, 28]]
    blank = np.full((200, 200, 3), 200, np.uint8)
    empty = Example(Path("b.png"), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    _, example = pasted(blank, empty, cuttings[:1], np.random.default_rng(0))
    assert len(example.boxes) == len(example.labels) == 2


def test_nothing_that_is_labelled_or_turned_down_is_covered() -> None:
    pixels = with_square(0)
    example = Example(
        Path("a.png"),
        np.array([[40, 30, 64, 54]], np.float32),
        np.zeros(1, np.int64),
        negatives=np.array([[100, 60, 150, 110]], np.float32),
        negative_labels=np.zeros(1, np.int64),
    )
    _, more = pasted(pixels, example, [one_cutting()] * 5, np.random.default_rng(1))
    assert len(more.boxes) > 2
    assert overlaps(more.boxes[1:], np.concatenate((example.boxes, example.negatives))).max() < 0.1


def test_what_finds_no_room_is_left_out() -> None:
    full = boxed((0, 0, 160, 120))
    seen, example = pasted(with_square(), full, [one_cutting()], np.random.default_rng(0))
    assert len(example.boxes) == 1
    assert np.array_equal(seen, with_square())


def test_objects_of_a_large_image_are_kept_small() -> None:
    large = np.zeros((2000, 4000, 3), np.uint8)
    example = boxed((1000, 500, 3000, 1500))
    (cutting,) = cuttings_of(large, example)
    assert max(cutting.pixels.shape) < 800
    assert cutting.image_wh == (1333, 666)
    (box,) = cutting.boxes
    assert np.allclose(box[2:] - box[:2], [2000 / 3, 1000 / 3], atol=2)
    seen, _ = pasted(large, example, [], np.random.default_rng(0))
    assert seen.shape == (666, 1333, 3)


def test_who_learns_is_never_shown_objects_of_who_judges_or_is_unfinished(
    nano: Detector, tmp_path: Path
) -> None:
    examples = []
    for label in (0, 1):
        path = tmp_path / f"{label}.png"
        Image.fromarray(with_square(label)).save(path)
        examples.append(boxed((40, 30, 64, 54), label=label, path=path))
    both = ViewCache(nano, examples, ask(nano, THINGS))
    kinds = [kind for kind in view_pool(0, 12, seed=0) if kind.has_pasted]
    shown = [both.view(0, kind).example.labels.tolist() for kind in kinds]
    assert [0, 1] in shown
    learner = both.subset([0])
    assert all(set(learner.view(0, kind).example.labels) == {0} for kind in kinds)
    unfinished = dataclasses.replace(examples[0], is_exhaustive=False)
    mixed = ViewCache(nano, [unfinished, examples[1]], ask(nano, THINGS))
    assert all(set(mixed.view(1, kind).example.labels) == {1} for kind in kinds)
    both.adopt(learner, [0])
    assert [both.view(0, kind).example.labels.tolist() for kind in kinds] == shown
