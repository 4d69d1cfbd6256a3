"""Nothing is tied to the sizes of one model: configuration, checkpoint, folder, detector and tuning of drawn ones."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sdpt_engine import ObjectClass, Predictor, load_detector
from sdpt_engine.backbones.glip import GlipConfig, GlipModel
from sdpt_engine.backbones.glip.convert import config_of, convert_checkpoint
from sdpt_engine.backbones.glip.detector import GlipDetector
from sdpt_engine.backbones.glip.keys import to_stored
from sdpt_engine.backbones.glip.model import empty_model
from sdpt_engine.bench.rival import concatenated
from sdpt_engine.bench.subjects import from_noise
from sdpt_engine.errors import BackboneUnavailableError, ForeignWeightsError
from tests.engine.glip.shapes import (
    as_original_settings,
    as_released,
    drawn_config,
    drawn_model,
    save_checkpoint,
)

SEEDS = range(4)
CLASSES = tuple(ObjectClass(n, text, text) for n, text in enumerate(("dog", "red cat", "bird")))


@pytest.fixture(scope="module", params=SEEDS)
def drawn(request: pytest.FixtureRequest) -> GlipModel:
    return drawn_model(request.param)


@pytest.fixture(scope="module")
def converted(drawn: GlipModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder made out of its checkpoint."""
    place = tmp_path_factory.mktemp("drawn")
    path = save_checkpoint(drawn, place)
    vocabulary = place / "vocab.txt"
    done = convert_checkpoint(path, place / "glip", vocabulary=vocabulary, config=drawn.config)
    assert sum(done.left_out.values()) == 2
    return done.folder


@pytest.fixture(scope="module")
def detector(converted: Path) -> GlipDetector:
    loaded = load_detector(str(converted), device="cpu")
    assert isinstance(loaded, GlipDetector)
    return loaded


def test_a_converted_checkpoint_computes_what_its_model_did(
    drawn: GlipModel, converted: Path
) -> None:
    loaded = GlipModel.from_pretrained(converted)
    assert loaded.config == drawn.config
    pixels, ids = torch.randn(2, 3, 50, 70), torch.tensor([[8, 1, 3, 4, 2]] * 2)
    mask = torch.ones_like(ids)
    outputs = [
        m.detect(m.encode_images(pixels), m.encode_text(ids, mask), mask) for m in (drawn, loaded)
    ]
    mine, theirs = (output.flat() for output in outputs)
    assert all(torch.equal(*pair) for pair in zip(mine, theirs, strict=True))
    assert all(tensor.isfinite().all() for tensor in mine)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_that_tensors_tell_is_read_off_them(seed: int) -> None:
    config = as_released(drawn_config(seed))
    assert config_of(to_stored(empty_model(config).state_dict()), source="drawn") == config


def test_the_original_layout_says_the_same(drawn: GlipModel, folder: Path, tmp_path: Path) -> None:
    settings = as_original_settings(drawn.config, folder / "config.json")
    (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert GlipConfig.from_folder(tmp_path) == drawn.config


def test_the_detector_computes_what_the_plain_model_does(detector: GlipDetector) -> None:
    subject = from_noise(detector, CLASSES, (60, 45), number=2)
    prompts = subject.prompts()
    with torch.no_grad():
        mine = detector.detect(subject.encoded, subject.text, prompts)
        with concatenated(detector, prompts):
            theirs = subject.whole_output()
    torch.testing.assert_close(mine.logits, theirs.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(mine.boxes, theirs.boxes, atol=1e-4, rtol=1e-4)


def test_only_the_prompt_gets_a_gradient(detector: GlipDetector) -> None:
    subject = from_noise(detector, CLASSES, (60, 45), number=2)
    prompts = subject.prompts()
    loss = subject.tuning_loss(prompts)
    wanted = [parameter for parameter in prompts.parameters() if len(parameter)]
    gradients = torch.autograd.grad(loss, wanted)
    assert len(gradients) == detector.model.config.num_fusion_layers
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)
    assert not any(parameter.requires_grad for parameter in detector.model.parameters())


def test_pictures_of_any_size_get_boxes_inside_them(detector: GlipDetector) -> None:
    pictures = [np.full((h, w, 3), 90, np.uint8) for h, w in ((33, 200), (200, 33), (5, 5))]
    found = Predictor(detector, CLASSES, min_score=0.0).predict(pictures)
    for picture, prediction in zip(pictures, found, strict=True):
        height, width = picture.shape[:2]
        assert (prediction.boxes >= 0).all()
        assert (prediction.boxes <= [width, height, width, height]).all()


def test_captions_are_as_long_as_the_model_reads(detector: GlipDetector) -> None:
    many = [ObjectClass(n, str(n), "red tree") for n in range(30)]
    limit = detector.model.config.inputs.max_text_tokens
    captions = detector.captions(many)
    assert max(len(caption.input_ids) for caption in captions) <= limit
    assert sum(len(caption.classes) for caption in captions) == 30


SIZES_THAT_DO_NOT_GO = (
    ({"fusion_heads": 7}, "cannot be shared among 7 heads"),
    ({"num_groups": 13}, "cannot be shared among 13 groups"),
    ({"anchor_sizes_px": (32, 64)}, "5 levels have an anchor size each"),
    ({"strides_px": (8, 16, 32, 64, 128, 256)}, "5 levels have a stride each"),
)


@pytest.mark.parametrize(("change", "complaint"), SIZES_THAT_DO_NOT_GO)
def test_sizes_that_do_not_go_together_are_told(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(BackboneUnavailableError, match=complaint):
        dataclasses.replace(drawn_config(0), **change)  # type: ignore[arg-type]


def test_a_checkpoint_whose_tensors_do_not_tell_enough_asks_for_its_configuration() -> None:
    config = dataclasses.replace(drawn_config(0), channels=24, num_groups=3)
    stored = to_stored(GlipModel(config, ()).state_dict())
    with pytest.raises(ForeignWeightsError, match=r"cannot be shared among .*Put the"):
        config_of(stored, source="small.pth")
