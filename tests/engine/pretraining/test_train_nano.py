"""Training feeds the shipped detector from stored scenes, and goes on where it was killed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine.backbones import load_detector, nano_folder
from sdpt_engine.checkpoint import CHECKPOINT_NAME, load_checkpoint
from sdpt_engine.pretraining.beginning import grown, write_random
from sdpt_engine.pretraining.feature_pool import COMPOSED, LabelledFeatures, ShardKey, write_shard
from sdpt_engine.pretraining.nano_model import NanoInTraining
from sdpt_engine.pretraining.produce import encode_scenes
from sdpt_engine.pretraining.scenes import compose_for_training
from sdpt_engine.pretraining.train_nano import (
    BatchSource,
    Training,
    TrainSettings,
    make_target,
    run_digest,
    train,
)
from sdpt_engine.pretraining.wording import Vocabulary, Wording
from tests.engine.pretraining.drawings import drawn_material

NAMES = ("ball", "box", "plate")
SETTINGS = TrainSettings(steps=4, batch=2)


@pytest.fixture(scope="module")
def scenes() -> list[LabelledFeatures]:
    material = drawn_material()
    composed = [
        compose_for_training(material, NAMES * 2, seed=0, index=i, size_wh=(96, 64))
        for i in range(4)
    ]
    encoder = load_detector("nano", device="cpu").model.model.backbone.conv_encoder  # type: ignore[union-attr]
    return encode_scenes(encoder, composed, longest_px=96, family=COMPOSED)


@pytest.fixture
def pool(scenes: Sequence[LabelledFeatures], tmp_path: Path) -> Path:
    write_shard(tmp_path / "pool", ShardKey(0, (96, 64)), scenes)
    return tmp_path / "pool"


def source(pool: Path, nano: NanoInTraining, seed: int = 0) -> BatchSource:
    return BatchSource(pool, Vocabulary.of(NAMES), nano, seed)


def test_stored_scenes_and_phrases_give_what_the_detector_gives() -> None:
    nano, detector = NanoInTraining(nano_folder()), load_detector("nano", device="cpu")
    material = drawn_material()
    scene = compose_for_training(material, NAMES * 2, seed=3, index=0, size_wh=(320, 256))
    encoder = nano.model.model.backbone.conv_encoder
    stored = encode_scenes(encoder, [scene], longest_px=320, family=COMPOSED)
    with torch.no_grad():
        text = nano.text(NAMES)
        ours = nano.detector.detect(nano.images(stored), text)
        again = detector.encode_text(text.caption)
        theirs = detector.detect(detector.encode_images([scene.pixels]), again)
    torch.testing.assert_close(text.features, again.features, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        ours.proposal_logits, theirs.proposal_logits, atol=0.05, rtol=0
    )  # half precision


def test_a_killed_run_goes_on_from_its_checkpoint(pool: Path, tmp_path: Path) -> None:
    nano = NanoInTraining(nano_folder())
    train(Training(nano, SETTINGS, NAMES), source(pool, nano), tmp_path, stop_at=-1.0)
    first = Training(nano, SETTINGS, NAMES)
    first.learn(source(pool, nano).next(2))
    train(first, source(pool, nano), tmp_path, stop_at=-1.0)
    again = Training(NanoInTraining(nano_folder()), SETTINGS, NAMES)
    saved = load_checkpoint(tmp_path / CHECKPOINT_NAME, run_digest(SETTINGS))
    assert saved is not None
    again.restore(saved)
    assert again.step == 1
    for name, parameter in first.parameters.items():
        assert torch.equal(parameter, again.parameters[name])
        assert torch.equal(first.average[name], again.average[name])
    assert (tmp_path / "trained.safetensors").is_file()


def test_training_learns_the_scenes_it_sees(pool: Path, tmp_path: Path) -> None:
    nano = NanoInTraining(nano_folder())
    training = Training(nano, TrainSettings(steps=30, batch=4), NAMES)
    batch = source(pool, nano).next(4)
    first = training.learn(batch)
    for _ in range(12):
        last = training.learn(batch)
    # Alignment is left out: its table only begins to move.
    before, after = (sum(v for k, v in p.items() if k != "alignment") for p in (first, last))
    assert after < 0.8 * before
    frozen = [p for n, p in nano.model.named_parameters() if "backbone" in n]
    assert all(p.grad is None for p in frozen)


def test_a_grown_detector_says_what_the_small_one_said(tmp_path: Path) -> None:
    small = load_detector("nano", device="cpu").model.state_dict()
    trained = {n: t for n, t in small.items() if "backbone" not in n}
    large = grown(trained, decoder_layers=5, num_queries=120, gate=0.5)
    gate = "model.encoder.layers.0.fusion_layer.vision_param"
    projection = "model.encoder.layers.0.fusion_layer.attn.out_vision_proj.weight"
    torch.testing.assert_close(
        large[gate][:, None] * large[projection], small[gate][:, None] * small[projection]
    )
    assert large["model.query_position_embeddings.weight"].shape[0] == 120
    assert "model.decoder.layers.4.fc1.weight" in large


def test_a_random_detector_starts_with_open_gates_and_low_scores(tmp_path: Path) -> None:
    write_random(nano_folder(), tmp_path, seed=1, gate=0.25)
    nano = NanoInTraining(tmp_path)
    layer = nano.model.model.encoder.layers[0].fusion_layer
    assert layer.vision_param.unique().tolist() == [0.25]
    text = nano.text(NAMES)
    image = np.zeros((64, 96, 3), np.uint8)
    with torch.no_grad():
        output = nano.detector.detect(nano.detector.encode_images([image]), text)
    assert output.logits.sigmoid().mean() < 0.05


@pytest.mark.parametrize(("asked", "is_exhaustive"), [("bolt", False), ("plate", True)])
def test_a_photograph_is_not_punished_for_what_only_others_label(
    asked: str, is_exhaustive: bool
) -> None:
    maps = np.zeros((1, 2, 2), np.float16)
    boxes = np.array([[0.5, 0.5, 0.2, 0.2]], np.float32)
    scene = LabelledFeatures(maps, maps, boxes, ("nut",), "fasteners")
    wording = Wording(("nut", asked), {"nut": 0, asked: 1}, is_anything=False)
    target = make_target(scene, wording, elsewhere=frozenset({"bolt"}))
    assert target.is_exhaustive is is_exhaustive
    assert target.classes.tolist() == [0]
