"""The small trained GLIP of the tests can be made again by its script."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine.backbones.glip import GlipConfig, GlipModel
from sdpt_engine.backbones.glip.loss import Losses
from sdpt_engine.pretraining.composer import Scene
from sdpt_engine.pretraining.shapes import (
    compose_shapes,
    scene_maker,
    shape_concepts,
    shape_material,
)
from sdpt_engine.pretraining.tiny_glip import (
    UNTAUGHT_WORDS,
    VOCABULARY,
    make_batch,
    new_model,
    tiny_config,
    train,
)
from sdpt_engine.pretraining.tiny_glip_figures import MEANINGS
from tests.engine.glip.scenes import TINY_GLIP

CONCEPTS = shape_concepts()


def test_every_shape_is_drawn_in_its_colour() -> None:
    material = shape_material()
    assert len(material) == 20
    for concept, (drawing,) in material.items():
        solid = drawing.pixels[drawing.pixels[..., 3] > 0]
        strongest = {"red": {0}, "green": {1}, "blue": {2}, "yellow": {0, 1}}[concept.split()[0]]
        assert int(np.argmax(solid[:, :3].mean(0))) in strongest


def test_mirrored_boxes_lie_on_the_mirrored_objects() -> None:
    model, (scene,) = new_model(0), compose_shapes(1, CONCEPTS, seed=4)
    batches = [make_batch(model, model.tokenizer(), [scene], random.Random(n)) for n in range(8)]
    plain = batches[0]
    mirrored = next(b for b in batches if not torch.equal(b.pixels, plain.pixels))
    assert torch.equal(mirrored.pixels, plain.pixels.flip(-1))
    (mine,), (theirs,) = plain.labelled, mirrored.labelled
    last = scene.pixels.shape[1] - 1
    assert torch.equal(last - theirs.boxes[:, [2, 0]], mine.boxes[:, [0, 2]])
    assert torch.equal(theirs.boxes[:, [1, 3]], mine.boxes[:, [1, 3]])
    assert len(mine.boxes) > 0


def test_no_scene_is_seen_twice_and_a_few_steps_give_a_frozen_folder(tmp_path: Path) -> None:
    seen: list[int] = []
    losses: list[Losses] = []
    compose_one = scene_maker(CONCEPTS, seed=0)

    def scene(number: int) -> Scene:
        seen.append(number)
        return compose_one(number)

    model = train(
        scene, steps=3, batch_size=2, seed=0, on_step=lambda _, found: losses.append(found)
    )
    assert seen == list(range(6))
    assert all(math.isfinite(found.total.item()) for found in losses)
    model.half().save_pretrained(tmp_path)
    loaded = GlipModel.from_pretrained(tmp_path)
    assert not any(p.requires_grad for p in loaded.parameters())
    assert loaded.vocabulary == VOCABULARY


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As the command runs: with more threads sums come in another order each time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_same_seed_same_model() -> None:
    def run() -> dict[str, torch.Tensor]:
        scene = scene_maker(CONCEPTS, seed=0)
        return train(
            scene, steps=2, batch_size=1, seed=3, on_step=lambda step, losses: None
        ).state_dict()

    first, second = run(), run()
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


def test_what_is_committed_is_what_the_script_makes() -> None:
    assert GlipConfig.from_folder(TINY_GLIP) == tiny_config()
    assert GlipModel.from_pretrained(TINY_GLIP).vocabulary == VOCABULARY


def test_untaught_words_are_in_the_vocabulary_and_taught_ones_are_not_among_them() -> None:
    assert set(MEANINGS) <= set(UNTAUGHT_WORDS)
    assert set(MEANINGS.values()) <= set(CONCEPTS)
    assert not set(UNTAUGHT_WORDS) & {word for concept in CONCEPTS for word in concept.split()}
