"""The rivals of each family: its whole model, one step or one image after the other.

Legend: B images, T text tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GroundingDinoImageProcessorPil, GroundingDinoProcessor

from sdpt_engine.backbones.base import Caption, Detector, DetectorOutput
from sdpt_engine.backbones.glip.captions import class_tokens
from sdpt_engine.backbones.glip.dense import dense_output
from sdpt_engine.backbones.glip.detector import GlipDetector
from sdpt_engine.backbones.glip.grid import Grid
from sdpt_engine.backbones.glip.postprocess import detections
from sdpt_engine.backbones.glip.preprocess import to_batch, to_input
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.bench import random_models
from sdpt_engine.bench.rival import Rival
from sdpt_engine.data import load_image_upright
from sdpt_engine.errors import EngineError
from sdpt_engine.types import ObjectClass, Pixels


def rival_of(detector: Detector) -> Rival:
    """Raises EngineError for a family that nobody has written a plain loop for."""
    if isinstance(detector, GroundingDinoDetector):
        return TransformersModel(detector)
    if isinstance(detector, GlipDetector):
        return PlainGlip(detector)
    raise EngineError(
        f"Speed is measured on Grounding DINO and GLIP, and '{detector.name}' is neither. "
        "Name another backbone."
    )


class TransformersModel:
    """Grounding DINO as transformers has it."""

    name = "transformers' model"
    remarks = ()
    encoders = ("model.backbone.", "model.text_backbone.")
    large_model, tiny_model = random_models.SWIN_T_SIZED, random_models.TINY_GROUNDING_DINO

    def __init__(self, detector: GroundingDinoDetector) -> None:
        self.detector = detector
        self._model: Any = detector.model

    def pixels(self, images: Sequence[Pixels]) -> Tensor:
        prepared = [self.detector.preprocess(image) for image in images]
        return torch.stack(prepared).to(self.detector.device)

    def whole(
        self, pixels: Tensor, sizes_wh: Sequence[tuple[int, int]], caption: Caption
    ) -> DetectorOutput:
        ids = _token_ids(caption, pixels)
        whole = self._model(pixel_values=pixels, input_ids=ids)
        num_words = ids.shape[1]
        words = whole.encoder_last_hidden_state_text
        is_word = torch.ones_like(ids, dtype=torch.bool)
        auxiliary = []
        for number in range(whole.intermediate_hidden_states.shape[1] - 1):
            hidden = whole.intermediate_hidden_states[:, number]
            start = whole.init_reference_points
            if number > 0:
                start = whole.intermediate_reference_points[:, number - 1]
            logits = self._model.class_embed[number](hidden, words, is_word)[..., :num_words]
            delta = self._model.bbox_embed[number](hidden)
            auxiliary.append((logits, (delta + torch.special.logit(start, eps=1e-5)).sigmoid()))
        return DetectorOutput(
            logits=whole.logits[..., :num_words],
            boxes=whole.pred_boxes,
            auxiliary=tuple(auxiliary),
            proposal_logits=whole.enc_outputs_class[..., :num_words],
            proposal_boxes=whole.enc_outputs_coord_logits.sigmoid(),
            queries=whole.last_hidden_state,
        )

    @torch.no_grad()
    def predict_one_by_one(
        self, classes: Sequence[ObjectClass], paths: Sequence[Path], *, min_score: float
    ) -> list[int]:
        """The documented loop: open, preprocess, run the whole model with the caption, post-process."""
        tokenizer = self.detector.tokenizer
        processor = GroundingDinoProcessor(GroundingDinoImageProcessorPil(), tokenizer)
        text = " ".join(f"{item.prompt_text}." for item in classes)
        found = []
        for path in paths:
            image = load_image_upright(path)
            ids = tokenizer(text, return_tensors="pt")["input_ids"].to(self.detector.device)
            outputs = self._model(pixel_values=self.pixels([image]), input_ids=ids)
            (shown,) = processor.post_process_grounded_object_detection(
                outputs,
                ids,
                threshold=min_score,
                text_threshold=min_score,
                target_sizes=[image.shape[:2]],
            )
            found.append(len(shown["boxes"]))
        return found


class PlainGlip:
    """Our own GLIP as it was published: no cache, and attention by the whole score matrix."""

    name = "the plain model"
    remarks = (
        "transformers has no GLIP, so no row compares with it. The rival is this project's own GLIP, run "
        "plainly: image and text encoder in every step, prompts by lengthening both sequences.",
    )
    encoders = ("image_encoder.", "text_encoder.")
    large_model, tiny_model = random_models.GLIP_T_SIZED, random_models.TINY_GLIP

    def __init__(self, detector: GlipDetector) -> None:
        self.detector = detector
        self._model: Any = detector.model

    def pixels(self, images: Sequence[Pixels]) -> Tensor:
        settings = self._model.config.inputs
        prepared = [to_input(image, settings) for image in images]
        return to_batch(prepared, settings).to(self.detector.device)

    def whole(
        self, pixels: Tensor, sizes_wh: Sequence[tuple[int, int]], caption: Caption
    ) -> DetectorOutput:
        levels, words = self._fused(pixels, caption)
        head = self._model.heads(levels, words)
        config, device = self._model.config, self.detector.device
        grids = [Grid.of(head.sizes_hw, size_wh, config, device) for size_wh in sizes_wh]
        return dense_output(head, levels, grids)

    def _fused(self, pixels: Tensor, caption: Caption) -> tuple[tuple[Tensor, ...], Tensor]:
        """The maps and words that the heads look at."""
        ids = _token_ids(caption, pixels)
        is_token, is_special = torch.ones_like(ids), torch.zeros_like(ids)
        is_special[:, [0, -1]] = 1
        model = self._model
        fused: tuple[tuple[Tensor, ...], Tensor] = model.fuse(
            model.encode_images(pixels),
            model.encode_text(ids, is_token),
            model.text_mask(is_token, is_special),
        )
        return fused

    @torch.no_grad()
    def predict_one_by_one(
        self, classes: Sequence[ObjectClass], paths: Sequence[Path], *, min_score: float
    ) -> list[int]:
        """Open, preprocess, run the whole model with each caption, post-process as published."""
        found = []
        for path in paths:
            image = load_image_upright(path)
            shown = [self._shown(image, c) for c in self.detector.captions(classes)]
            found.append(sum(int((scores >= min_score).sum()) for scores in shown))
        return found

    def _shown(self, image: Pixels, caption: Caption) -> Tensor:
        """Scores of the detections."""
        config = self._model.config
        height, width = to_input(image, config.inputs).shape[1:]
        head = self._model.heads(*self._fused(self.pixels([image]), caption))
        tokens = class_tokens(caption.token_spans, len(caption.input_ids)).to(self.detector.device)
        anchors = self._model.anchors(head)
        (seen,) = detections(head, anchors, tokens, [(height, width)], config.detection)
        return seen.scores


def _token_ids(caption: Caption, pixels: Tensor) -> Tensor:
    """int64 [B, T]."""
    return torch.tensor([caption.input_ids], device=pixels.device).expand(len(pixels), -1)
