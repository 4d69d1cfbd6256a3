"""The split detector does what the whole transformers model does."""

import numpy as np
import pytest
import torch

from sdpt_engine.backbones import load_detector
from sdpt_engine.backbones.base import Detector
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.backbones.nano import fit_to_input, input_size
from sdpt_engine.errors import BackboneUnavailableError
from sdpt_engine.types import ObjectClass
from tests.engine.conftest import to_pixels


def _image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 255, (height, width, 3), dtype=np.uint8)


def test_encoding_once_and_detecting_equals_the_whole_model(
    tiny_dino: GroundingDinoDetector, classes: tuple[ObjectClass, ...]
) -> None:
    image = _image(64, 96)
    (caption,) = tiny_dino.captions(classes)
    with torch.no_grad():
        whole = tiny_dino.model(
            pixel_values=to_pixels(image)[None], input_ids=torch.tensor([caption.input_ids])
        )
        split = tiny_dino.detect(tiny_dino.encode_images([image]), tiny_dino.encode_text(caption))
    length = len(caption.input_ids)
    torch.testing.assert_close(split.logits, whole.logits[..., :length], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(split.boxes, whole.pred_boxes, atol=1e-5, rtol=1e-5)


def test_a_batch_of_unequal_images_gives_what_each_gives_alone(
    tiny_detector: Detector, classes: tuple[ObjectClass, ...]
) -> None:
    images = tiny_detector.encode_images([_image(64, 96), _image(96, 64)])
    text = tiny_detector.encode_text(tiny_detector.captions(classes)[0])
    with torch.no_grad():
        together = tiny_detector.detect(images, text)
        alone = [tiny_detector.detect([image], text) for image in images]
    for index, single in enumerate(alone):
        best = single.logits[0].amax(-1).sigmoid().sort().values
        batched = together.logits[index].amax(-1).sigmoid().sort().values
        torch.testing.assert_close(batched, best, atol=1e-4, rtol=1e-3)


def test_images_that_are_padded_on_some_levels_only_share_a_batch(
    tiny_detector: Detector, classes: tuple[ObjectClass, ...]
) -> None:
    images = tiny_detector.encode_images([_image(64, 104), _image(64, 112)])
    text = tiny_detector.encode_text(tiny_detector.captions(classes)[0])
    with torch.no_grad():
        together = tiny_detector.detect(images, text)
        alone = tiny_detector.detect(images[1:], text)
    torch.testing.assert_close(
        together.proposal_boxes[1].sum(), alone.proposal_boxes[0].sum(), atol=1e-2, rtol=1e-3
    )


def test_proposals_of_the_first_stage_carry_gradient(
    tiny_dino: GroundingDinoDetector, classes: tuple[ObjectClass, ...]
) -> None:
    text = tiny_dino.encode_text(tiny_dino.captions(classes)[0])
    gate = tiny_dino.model.model.encoder.layers[0].fusion_layer.vision_param
    gate.requires_grad_(True)
    output = tiny_dino.detect(tiny_dino.encode_images([_image(64, 64)]), text)
    logits = output.proposal_logits
    (gradient,) = torch.autograd.grad(logits[logits.isfinite()].sum(), gate)
    gate.requires_grad_(False)
    assert gradient.abs().sum() > 0


def test_an_unreachable_backbone_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BackboneUnavailableError, match="--backbone nano"):
        load_detector("nobody/no-such-detector", device="cpu")


@pytest.mark.parametrize(
    ("size_wh", "longest", "expected"),
    [
        ((640, 480), 320, (320, 256)),
        ((480, 640), 320, (256, 320)),
        ((1920, 1080), 448, (448, 256)),
        ((50, 50), 320, (320, 320)),
        ((2000, 100), 320, (320, 64)),
    ],
)
def test_nano_sees_an_image_in_its_own_proportions(
    size_wh: tuple[int, int], longest: int, expected: tuple[int, int]
) -> None:
    assert input_size(*size_wh, longest) == expected
    pixels = fit_to_input(_image(size_wh[1], size_wh[0]), longest)
    assert tuple(pixels.shape) == (3, expected[1], expected[0])


def test_nano_at_448_is_nano_on_a_larger_image() -> None:
    small, large = load_detector("nano", device="cpu"), load_detector("nano-448", device="cpu")
    near, far = (detector.encode_images([_image(120, 160)])[0] for detector in (large, small))
    assert near.levels[0].shape[-1] == 28
    assert far.levels[0].shape[-1] == 20
    assert (small.name, large.name) == ("nano", "nano-448")
    assert small.digest == large.digest
