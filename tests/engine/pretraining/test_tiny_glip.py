"""The small trained GLIP of the tests can be made again by its script."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import torch

from sdpt_engine.backbones.glip import GlipConfig, GlipModel
from sdpt_engine.backbones.glip.loss import Losses
from sdpt_engine.pretraining.shapes import compose_shapes, shape_concepts, shape_material
from sdpt_engine.pretraining.tiny_glip import (
    VOCABULARY,
    make_batch,
    new_model,
    tiny_config,
    train,
)
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


def test_a_few_steps_give_a_frozen_folder(tmp_path: Path) -> None:
    seen: list[Losses] = []
    model = train(
        compose_shapes(4, CONCEPTS, seed=0),
        steps=3,
        batch_size=2,
        seed=0,
        on_step=lambda _, losses: seen.append(losses),
    )
    assert all(math.isfinite(losses.total.item()) for losses in seen)
    model.half().save_pretrained(tmp_path)
    loaded = GlipModel.from_pretrained(tmp_path)
    assert not any(p.requires_grad for p in loaded.parameters())
    assert loaded.vocabulary == VOCABULARY


def test_what_is_committed_is_what_the_script_makes() -> None:
    assert GlipConfig.from_folder(TINY_GLIP) == tiny_config()
    assert GlipModel.from_pretrained(TINY_GLIP).vocabulary == VOCABULARY
