"""GLIP as a detector of the engine: each image for itself, scored as published, tuned by its own losses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sdpt_engine import ObjectClass, Predictor, load_detector
from sdpt_engine.backbones.base import Caption, EncodedText
from sdpt_engine.backbones.glip import GlipModel
from sdpt_engine.backbones.glip.dense import DenseOutput
from sdpt_engine.backbones.glip.detector import GlipDetector
from sdpt_engine.backbones.glip.grid import Grid
from sdpt_engine.backbones.glip.loss import LabelledBoxes, glip_losses, make_targets
from sdpt_engine.backbones.glip.postprocess import detections
from sdpt_engine.backbones.glip.preprocess import to_batch, to_input
from sdpt_engine.baselines import make_adaptation
from sdpt_engine.errors import ForeignWeightsError, VocabularyError
from sdpt_engine.losses import Target
from sdpt_engine.types import Pixels
from tests.engine.conftest import CLASSES, tiny_glip, tiny_glip_config

SIZES_HW = ((64, 96), (64, 64), (96, 64), (90, 70), (64, 96))


def noise(height: int, width: int, *, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def detector() -> GlipDetector:
    """Random weights, but sure enough of itself that some scores pass the threshold."""
    made = tiny_glip()
    made.model.heads.bias.data.fill_(-2.9)
    return made


@pytest.fixture(scope="module")
def text(detector: GlipDetector) -> EncodedText:
    return detector.encode_text(detector.captions(CLASSES)[0])


def detected(detector: GlipDetector, images: list[Pixels], text: EncodedText) -> DenseOutput:
    with torch.no_grad():
        output = detector.detect(detector.encode_images(images), text)
    assert isinstance(output, DenseOutput)
    return output


@pytest.fixture(scope="module")
def five(detector: GlipDetector, text: EncodedText) -> DenseOutput:
    return detected(detector, [noise(*s, seed=n) for n, s in enumerate(SIZES_HW)], text)


def target(boxes: list[list[float]], **options: object) -> Target:
    given = {"is_exhaustive": True, "negatives": [], "negative_classes": [], **options}
    return Target(
        boxes=torch.tensor(boxes).reshape(-1, 4),
        classes=torch.zeros(len(boxes), dtype=torch.long),
        is_exhaustive=bool(given["is_exhaustive"]),
        negatives=torch.tensor(given["negatives"]).reshape(-1, 4),
        negative_classes=torch.tensor(given["negative_classes"], dtype=torch.long),
    )


def rows(scores: Tensor, boxes: Tensor) -> Tensor:
    """Scores and boxes of one image in one order, without the padding."""
    found = torch.cat((scores, boxes), dim=1)[scores.amax(1) > 0]
    return found[found[:, : scores.shape[1]].amax(1).argsort(descending=True)]


def test_images_of_any_size_in_one_batch_are_seen_as_each_alone(
    detector: GlipDetector, text: EncodedText, five: DenseOutput
) -> None:
    together = detector.candidates(five, text.caption)
    for number, size in enumerate(SIZES_HW):
        alone = detected(detector, [noise(*size, seed=number)], text)
        own = slice(five.grids[number].num_tokens)
        torch.testing.assert_close(five.logits[number, own], alone.logits[0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(five.boxes[number, own], alone.boxes[0], atol=1e-5, rtol=1e-5)
        mine = rows(together[0][number], together[1][number])
        theirs = rows(*(part[0] for part in detector.candidates(alone, text.caption)))
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
        assert len(mine)


def test_what_is_shown_is_what_the_model_itself_would_show(
    detector: GlipDetector, text: EncodedText
) -> None:
    model, image = detector.model, noise(72, 96)
    assert isinstance(model, GlipModel)
    settings, config = model.config.inputs, model.config
    prepared = to_input(image, settings)
    tokens = torch.zeros(2, len(text.features))
    for row, span in zip(tokens, text.caption.token_spans, strict=True):
        row[list(span)] = 1.0
    with torch.no_grad():
        levels = model.encode_images(to_batch([prepared], settings))
        mask = torch.ones(1, len(text.features), dtype=torch.long)
        head = model.detect(levels, text.features[None], mask)
    size = (prepared.shape[1], prepared.shape[2])
    (whole,) = detections(head, model.anchors(head), tokens, [size], config.detection)
    scale = torch.tensor([96 / size[1], 72 / size[0]] * 2)
    (shown,) = Predictor(detector, CLASSES, min_score=0.0, duplicate_iou=1.0).predict([image])
    pixels = whole.boxes * scale + torch.tensor([0, 0, 1, 1])
    limits = torch.tensor([96, 72, 96, 72])
    np.testing.assert_allclose(shown.scores, whole.scores.numpy(), atol=1e-5)
    np.testing.assert_allclose(shown.boxes, torch.minimum(pixels, limits).numpy(), atol=1e-3)
    assert (shown.labels == whole.labels.numpy()).all()
    assert len(shown.boxes) > 5


def test_boxes_go_to_pixels_of_the_resized_image_and_back() -> None:
    grid = Grid.of(((8, 10),) * 5, (192, 128), tiny_glip_config(), torch.device("cpu"))
    assert grid.resized_wh == (96, 64)
    boxes = torch.tensor([[0.5, 0.5, 1.0, 1.0], [0.25, 0.5, 0.1, 0.2]])
    pixels = grid.to_pixels(boxes)
    assert pixels[0].tolist() == [0, 0, 95.5, 63.5]  # up to the last of the original's pixels
    torch.testing.assert_close(grid.to_shares(pixels), boxes)


def test_cells_of_a_padded_map_lie_where_they_are_in_the_image(detector: GlipDetector) -> None:
    (image,) = detector.encode_images([noise(80, 64)])  # padded to 96 rows
    centres = detector.token_centres(image)
    width = image.levels[0].shape[-1]
    torch.testing.assert_close(centres[0], torch.tensor([4 / 64, 4 / 80]))
    torch.testing.assert_close(centres[width * 10], torch.tensor([4 / 64, 84 / 80]))


def test_the_loss_of_fully_labelled_images_is_the_original_one(
    detector: GlipDetector, text: EncodedText
) -> None:
    model = detector.model
    assert isinstance(model, GlipModel)
    output = detected(detector, [noise(64, 96, seed=n) for n in range(2)], text)
    targets = [target([[0.5, 0.5, 0.5, 0.6]]), target([[0.3, 0.4, 0.4, 0.4], [0.7, 0.7, 0.3, 0.5]])]
    total, parts = detector.loss(output, targets, text.caption)
    tokens = torch.zeros(len(text.features))
    tokens[list(text.caption.token_spans[0])] = 1.0
    labelled = [
        LabelledBoxes(grid.to_pixels(t.boxes), tokens.expand(len(t.boxes), -1))
        for grid, t in zip(output.grids, targets, strict=True)
    ]
    settings, mask = model.config.loss, torch.ones(2, len(tokens))
    wanted = make_targets(output.grids[0].anchors, labelled, settings, max_text_tokens=64)
    expected = [glip_losses(_both(output), wanted, mask, settings)]
    assert parts["naming"] == pytest.approx(float(expected[0].naming), rel=1e-5)
    assert parts["placing"] == pytest.approx(float(expected[0].placing), rel=1e-5)
    assert sum(parts.values()) == pytest.approx(float(total), rel=1e-5)


def _both(output: DenseOutput):  # type: ignore[no-untyped-def]
    heads = [output.of_image(number) for number in range(2)]
    fields = [f.name for f in dataclasses.fields(heads[0])]
    return dataclasses.replace(
        heads[0],
        **{
            f: tuple(torch.cat(pair) for pair in zip(*(getattr(h, f) for h in heads), strict=True))
            for f in fields
        },
    )


def test_images_side_by_side_cost_what_each_costs_alone(
    detector: GlipDetector, text: EncodedText, five: DenseOutput
) -> None:
    targets = [target([[0.5, 0.5, 0.5, 0.6]])] * len(SIZES_HW)
    together = detector.loss(five, targets, text.caption)[1]["naming"]
    alone, counts = [], []
    for number, size in enumerate(SIZES_HW):
        output = detected(detector, [noise(*size, seed=number)], text)
        alone.append(detector.loss(output, targets[:1], text.caption)[1]["naming"])
        grid = output.grids[0]
        own = LabelledBoxes(grid.to_pixels(targets[0].boxes), torch.zeros(1, 5))
        wanted = make_targets(grid.anchors, [own], tiny_glip_config().loss, max_text_tokens=64)
        counts.append(len(wanted.positives))
    expected = np.dot(alone, counts) / sum(counts)
    assert together == pytest.approx(expected, rel=1e-5)


def test_partly_labelled_image_without_boxes_costs_nothing(
    detector: GlipDetector, text: EncodedText, five: DenseOutput
) -> None:
    nothing = [target([], is_exhaustive=False)] * 5
    assert float(detector.loss(five, nothing, text.caption)[0]) == 0.0
    empty = [target([])] * 5
    assert float(detector.loss(five, empty, text.caption)[0]) > 0.0


def test_rejected_box_costs_only_the_words_of_its_class(
    detector: GlipDetector, text: EncodedText, five: DenseOutput
) -> None:
    there = five.boxes[0, 3].tolist()
    logits = five.logits.clone().requires_grad_()
    output = dataclasses.replace(five, logits=logits)
    rejected = target([], is_exhaustive=False, negatives=[there], negative_classes=[1])
    others = [target([], is_exhaustive=False)] * 4
    (gradient,) = torch.autograd.grad(
        detector.loss(output, [rejected, *others], text.caption)[0], logits
    )
    touched = gradient.abs().sum((0, 1)) > 0
    assert touched.nonzero()[:, 0].tolist() == list(text.caption.token_spans[1])
    assert gradient[0, 3].any()
    assert not gradient[1:].any()


def test_every_weight_behind_the_encoders_gets_a_gradient_when_all_are_tuned(
    detector: GlipDetector, text: EncodedText
) -> None:
    full = make_adaptation("full", detector, CLASSES)
    output = detector.detect(detector.encode_images([noise(64, 96)]), text, full)
    loss, _ = detector.loss(output, [target([[0.5, 0.5, 0.5, 0.6]])], text.caption)
    torch.autograd.backward(loss)
    (group,) = full.parameter_groups()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in group["params"])
    assert sum(bool(p.grad.any()) for p in group["params"]) > 0.9 * len(group["params"])


def test_words_that_the_head_is_not_to_see_are_hidden_from_the_tower(text: EncodedText) -> None:
    plain = tiny_glip()
    config = tiny_glip_config()
    inputs = dataclasses.replace(config.inputs, hides_special_tokens=True)
    plain.model.config = dataclasses.replace(config, inputs=inputs)
    image = noise(64, 96)
    before = detected(plain, [image], text)
    changed = text.features.clone()
    changed[[0, -1]] += 1.0
    after = detected(plain, [image], dataclasses.replace(text, features=changed))
    torch.testing.assert_close(before.logits[..., 1:-1], after.logits[..., 1:-1])


def test_context_longer_than_the_text_encoder_reads_is_refused(
    detector: GlipDetector, text: EncodedText
) -> None:
    context = torch.zeros(300, detector.word_width)
    with pytest.raises(VocabularyError, match="Take fewer of either"):
        detector.encode_text(text.caption, context)


def test_a_saved_folder_is_a_backbone_by_its_name(
    detector: GlipDetector, text: EncodedText, five: DenseOutput, tmp_path: Path
) -> None:
    assert isinstance(detector.model, GlipModel)
    detector.model.save_pretrained(tmp_path / "glip")
    loaded = load_detector(str(tmp_path / "glip"), device="cpu")
    assert isinstance(loaded, GlipDetector)
    assert loaded.digest == detector.digest
    again = detected(loaded, [noise(*s, seed=n) for n, s in enumerate(SIZES_HW)], text)
    assert torch.equal(again.logits, five.logits)


def test_a_folder_in_the_original_layout_is_one_too(model_folder: Path) -> None:
    loaded = load_detector(str(model_folder), device="cpu")
    assert isinstance(loaded, GlipDetector)
    assert loaded.captions([ObjectClass(1, "dog", "dog")])[0].token_spans == ((1,),)


def test_a_glip_folder_without_its_tensors_says_so(detector: GlipDetector, tmp_path: Path) -> None:
    assert isinstance(detector.model, GlipModel)
    detector.model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ForeignWeightsError, match="Convert the checkpoint again"):
        load_detector(str(tmp_path), device="cpu")


def test_classes_beyond_the_text_limit_are_asked_in_turns(detector: GlipDetector) -> None:
    many = [ObjectClass(n, f"thing {n}", f"thing number {n}") for n in range(40)]
    captions: list[Caption] = detector.captions(many)
    assert len(captions) > 1
    assert all(len(c.input_ids) <= 64 for c in captions)
    (found,) = Predictor(detector, many, min_score=0.0).predict([noise(64, 96)])
    assert found.labels.max() > len(captions[0].classes)
