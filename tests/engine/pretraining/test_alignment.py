"""Objects are told apart from many names at once, by the features that the caption's own scores come from."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
import torch

from sdpt_engine.backbones import nano_folder
from sdpt_engine.bench.nano import without_fusion
from sdpt_engine.pretraining.alignment import Alignment, NameTable, name_features, watched
from sdpt_engine.pretraining.feature_pool import COMPOSED, LabelledFeatures
from sdpt_engine.pretraining.nano_model import NanoInTraining

NAMES = ("hammer", "ball of yarn", "red apple", "taxi")


@pytest.fixture(scope="module")
def nano() -> NanoInTraining:
    return NanoInTraining(nano_folder())


@pytest.fixture
def scene() -> LabelledFeatures:
    maps = np.random.default_rng(0).standard_normal((592, 8, 8)).astype(np.float16)
    boxes = np.array([[0.3, 0.3, 0.4, 0.4], [0.7, 0.7, 0.5, 0.4]], np.float32)
    return LabelledFeatures(maps[:272], maps[272:, :4, :4], boxes, NAMES[:2], COMPOSED)


def loss_of(nano: NanoInTraining, scene: LabelledFeatures, alignment: Alignment) -> torch.Tensor:
    with watched(nano) as seen:
        output = nano.detector.detect(nano.images([scene]), nano.text(("thing",)))
    # Every query is taken to lie on the second box, whatever it proposes.
    there = torch.from_numpy(scene.boxes[1]).expand_as(output.boxes)
    output = replace(output, boxes=there, auxiliary=tuple((a, there) for a, _ in output.auxiliary))
    return alignment.loss(nano, [scene], output, seen, random.Random(0))


def test_a_name_alone_has_the_words_that_the_caption_gives_it_without_fusion(
    nano: NanoInTraining, scene: LabelledFeatures
) -> None:
    text = nano.text(NAMES)
    with torch.no_grad(), without_fusion(nano.detector), watched(nano) as seen:
        output = nano.detector.detect(nano.images([scene]), text)
        alone = seen.layers[-1] @ name_features(nano, NAMES).T / nano.detector.width**0.5
    bias = nano.model.class_embed[-1].bias
    for number, span in enumerate(text.caption.token_spans):
        torch.testing.assert_close(
            alone[..., number] + bias, output.logits[..., list(span)].mean(-1), atol=1e-4, rtol=1e-4
        )


def test_naming_is_learnt_from_names_that_no_caption_holds(scene: LabelledFeatures) -> None:
    nano = NanoInTraining(nano_folder())
    alignment = Alignment(NameTable(nano, NAMES))
    optimizer = torch.optim.AdamW(nano.parameters().values(), lr=1e-3)
    losses = []
    for _ in range(8):
        loss = loss_of(nano, scene, alignment)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_photographs_name_nothing(nano: NanoInTraining, scene: LabelledFeatures) -> None:
    photograph = replace(scene, family="bolts")
    alignment = Alignment(NameTable(nano, NAMES))
    assert float(loss_of(nano, photograph, alignment).detach()) == 0.0


def test_the_table_begins_as_the_words_and_the_words_follow_it() -> None:
    nano = NanoInTraining(nano_folder())
    table = NameTable(nano, NAMES)
    assert float(table.copied(name_features(nano, NAMES), NAMES).detach()) < 1e-6
    with torch.no_grad():
        table.vectors.copy_(table.vectors.roll(1, 0))  # each name is now called by another's words
    optimizer = torch.optim.AdamW(nano.parameters().values(), lr=1e-3)
    lacking = []
    for _ in range(30):
        loss = table.copied(name_features(nano, NAMES[:3]), NAMES[:3])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        lacking.append(float(loss.detach()))
    assert table.vectors.grad is None
    assert lacking[-1] < 0.2 * lacking[0]


def test_regions_move_the_vectors_of_all_names(
    nano: NanoInTraining, scene: LabelledFeatures
) -> None:
    table = NameTable(nano, NAMES)
    torch.autograd.backward(loss_of(nano, scene, Alignment(table, num_names=1)))
    assert table.vectors.grad is not None
    assert (table.vectors.grad.abs().sum(1) > 0).all()
