"""A second look at a found box says which of the person's classes it shows, if any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine.errors import TuneInterrupted
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.second_look.names.lesson import learn_to_name, naming_lesson_from, num_turns
from sdpt_engine.second_look.names.namer import NUM_FEATURES, Namer
from sdpt_engine.types import Boxes, ObjectClass, Pixels
from tests.engine.second_look.scenes import discs_and_tiles, example, example_of_two

CPU = torch.device("cpu")
CLASSES = (ObjectClass(7, "disc", "disc"), ObjectClass(3, "tile", "tile"))
GROUND = np.array([[130, 100, 165, 120]], np.float32)  # between the four


def _ground(_pixels: Pixels) -> Boxes:
    return GROUND


def _namer(folder: Path) -> Namer:
    encoder = load_encoder(CPU)
    labelled = [example_of_two(folder, seed) for seed in range(4)]
    lesson = naming_lesson_from(encoder, labelled, num_classes=2, find=_ground, seed=0)
    return Namer(learn_to_name(lesson, CLASSES), encoder)


def test_it_tells_discs_from_tiles_on_a_new_picture(tmp_path: Path) -> None:
    pixels, boxes, labels = discs_and_tiles(50)
    chances = _namer(tmp_path).chances(pixels, boxes)
    np.testing.assert_array_equal(chances[:, :2].argmax(axis=1), labels)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, rtol=1e-5)


def test_what_stands_on_its_head_has_the_same_chances(tmp_path: Path) -> None:
    pixels, boxes, _ = discs_and_tiles(50)
    height, width = pixels.shape[:2]
    turned = np.array([width, height] * 2, np.float32) - boxes[:, [2, 3, 0, 1]]
    namer = _namer(tmp_path)
    on_head = namer.chances(np.ascontiguousarray(pixels[::-1, ::-1]), turned)
    np.testing.assert_allclose(on_head, namer.chances(pixels, boxes), atol=0.02)


def test_what_the_detector_found_beside_every_box_is_none_of_them(tmp_path: Path) -> None:
    pixels, _, _ = discs_and_tiles(51)
    assert _namer(tmp_path).chances(pixels, GROUND).argmax() == 2


def test_nothing_is_learnt_of_the_ground_of_an_image_that_is_not_complete(tmp_path: Path) -> None:
    partly = [example_of_two(tmp_path, 0)]
    partly = [type(e)(e.image_path, e.boxes, e.labels, is_exhaustive=False) for e in partly]
    lesson = naming_lesson_from(load_encoder(CPU), partly, num_classes=2, find=_ground, seed=0)
    assert set(lesson.labels.tolist()) == {0, 1}


def test_it_knows_the_classes_that_it_saw_and_no_other(tmp_path: Path) -> None:
    encoder = load_encoder(CPU)
    only_discs = [example(tmp_path, 0)]
    lesson = naming_lesson_from(encoder, only_discs, num_classes=2, find=_ground, seed=0)
    namer = Namer(learn_to_name(lesson, CLASSES), encoder)
    assert namer.class_ids == [7]


def test_an_image_without_a_box_teaches_the_ground(tmp_path: Path) -> None:
    empty = example(tmp_path, 0)
    empty = type(empty)(empty.image_path, empty.boxes[:0], empty.labels[:0])
    lesson = naming_lesson_from(load_encoder(CPU), [empty], num_classes=2, find=_ground, seed=0)
    assert set(lesson.labels.tolist()) == {2}


def test_few_boxes_are_learnt_from_four_sides_and_many_as_they_lie(tmp_path: Path) -> None:
    few = [example_of_two(tmp_path, 0)]
    assert (num_turns(few), num_turns(few * 100), num_turns(few * 400)) == (4, 3, 1)
    views = 4 * 3 * len(few[0].boxes) + len(GROUND)
    encoder = load_encoder(CPU)
    lesson = naming_lesson_from(encoder, few, num_classes=2, find=_ground, turns=4, seed=0)
    assert lesson.features.shape == (views, NUM_FEATURES)
    assert len(lesson.and_also(lesson).labels) == 2 * views


def test_no_box_has_no_chances(tmp_path: Path) -> None:
    pixels, boxes, _ = discs_and_tiles(52)
    assert _namer(tmp_path).chances(pixels, boxes[:0]).shape == (0, 3)


def test_a_lesson_ends_when_it_is_told_to(tmp_path: Path) -> None:
    labelled = [example_of_two(tmp_path, 0)]
    with pytest.raises(TuneInterrupted):
        naming_lesson_from(
            load_encoder(CPU),
            labelled,
            num_classes=2,
            find=_ground,
            seed=0,
            should_stop=lambda: True,
        )


def test_tensors_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        Namer({"weight": torch.zeros(3, 5)}, load_encoder(CPU))
