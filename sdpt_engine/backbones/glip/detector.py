"""GLIP as a `Detector` of the engine: encoders once, then tower and heads as often as a prompt changes.

Nothing masks an image's padding here, so only images of equal map sizes share a run: a result must not depend on
what else is in the batch. On a GPU too all runs in full precision, for offsets count in fractions of a cell.

B images, C pyramid channels, h and w of a level, T text tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sdpt_engine.adaptation import Adaptation
from sdpt_engine.backbones.base import (
    Caption,
    DetectorOutput,
    EncodedImage,
    EncodedText,
    FusionSite,
)
from sdpt_engine.backbones.glip.captions import detection_captions
from sdpt_engine.backbones.glip.context import encode_caption
from sdpt_engine.backbones.glip.dense import DenseOutput, dense_output, shown, side_by_side
from sdpt_engine.backbones.glip.grid import Grid
from sdpt_engine.backbones.glip.lean import lean_attention
from sdpt_engine.backbones.glip.model import GlipModel
from sdpt_engine.backbones.glip.preprocess import to_batch, to_input
from sdpt_engine.backbones.glip.tuning_loss import tuning_loss
from sdpt_engine.backbones.sites import attention_site, digest_of
from sdpt_engine.losses import Target
from sdpt_engine.types import ObjectClass, Pixels

_UNUSED_HEAD = "heads.class_logits."


def load_glip(name: str, device: torch.device) -> GlipDetector:
    """The detector in the folder `name`. Raises BackboneUnavailableError."""
    return GlipDetector(name, GlipModel.from_pretrained(Path(name)), device)


class GlipDetector:
    """A `Detector` over `GlipModel`."""

    def __init__(self, name: str, model: GlipModel, device: torch.device) -> None:
        self.name = name
        self.device = device
        self.saves_memory = True
        """Always: its deformable convolutions are worked out again for their gradient."""
        self._model = model.to(device).eval().requires_grad_(False)
        self._tokenizer = model.tokenizer()
        self.digest = digest_of(self.fusion_sites())

    @property
    def width(self) -> int:
        return self._model.config.channels

    @property
    def word_width(self) -> int:
        return self._model.config.bert.hidden_size

    @property
    def model(self) -> nn.Module:
        return self._model

    def _fusion(self, layer: int) -> Any:
        return self._model.tower[layer].fusion

    def fusion_sites(self) -> tuple[FusionSite, ...]:
        fusions = [self._fusion(number) for number in range(len(self._model.tower))]
        return tuple(
            attention_site(number, fusion.attention, fusion.norm_text)
            for number, fusion in enumerate(fusions)
        )

    def replace_attention(self, layer: int, module: nn.Module) -> None:
        self._fusion(layer).attention = module

    def captions(self, classes: Sequence[ObjectClass]) -> list[Caption]:
        inputs = self._model.config.inputs
        return detection_captions(
            self._tokenizer,
            classes,
            max_tokens=inputs.max_text_tokens,
            separator=inputs.separator,
        )

    def head_parameters(self) -> dict[str, nn.Parameter]:
        return self._parameters("heads.")

    def body_parameters(self) -> dict[str, nn.Parameter]:
        return self._parameters("tower.", "heads.")

    def _parameters(self, *parts: str) -> dict[str, nn.Parameter]:
        return {
            name: parameter
            for name, parameter in self._model.named_parameters()
            if name.startswith(parts) and not name.startswith(_UNUSED_HEAD)
        }

    def encode_text(self, caption: Caption, context: Tensor | None = None) -> EncodedText:
        with nullcontext() if context is not None else torch.no_grad():
            features = encode_caption(self._model, caption, self.device, context)
        length = len(features)
        return EncodedText(
            caption,
            features,
            self_attention_mask=torch.ones(length, length, dtype=torch.bool, device=self.device),
            position_ids=torch.arange(length, device=self.device),
        )

    @torch.no_grad()
    def encode_images(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        return [self._encode_image(image) for image in images]

    def _encode_image(self, image: Pixels) -> EncodedImage:
        settings = self._model.config.inputs
        levels = self._model.encode_images(
            to_batch([to_input(image, settings)], settings).to(self.device)
        )
        height, width = image.shape[:2]
        return EncodedImage(tuple(level[0].cpu() for level in levels), (), (width, height))

    @torch.no_grad()
    def advanced(
        self, images: Sequence[EncodedImage], text: EncodedText, layer: int
    ) -> list[EncodedImage]:
        found = []
        for image in images:
            levels, words = self._run_tower([image], text, layer)
            own = tuple(level[0].cpu() for level in levels)
            found.append(replace(image, levels=own, layer=layer, words=words[0].cpu()))
        return found

    def detect(
        self,
        images: Sequence[EncodedImage],
        text: EncodedText,
        adaptation: Adaptation | None = None,
    ) -> DetectorOutput:
        if adaptation is None:
            return self._detect(images, text)
        if adaptation.first_layer < images[0].layer:
            raise ValueError(
                f"The images have passed {images[0].layer} fusion layers, but the adaptation acts from "
                f"layer {adaptation.first_layer} on. Encode them anew."
            )
        with adaptation.attached(self, text) as seen:
            return adaptation.adjusted(self._detect(images, seen), text.caption)

    def _detect(self, images: Sequence[EncodedImage], text: EncodedText) -> DenseOutput:
        groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
        for number, image in enumerate(images):
            groups.setdefault(_shapes(image), []).append(number)
        parts = [
            self._detect_alike([images[n] for n in members], text) for members in groups.values()
        ]
        return side_by_side(parts, [number for members in groups.values() for number in members])

    def _detect_alike(self, images: Sequence[EncodedImage], text: EncodedText) -> DenseOutput:
        levels, words = self._run_tower(images, text, None)
        head = self._model.heads(levels, words)
        return dense_output(head, levels, [self._grid(image) for image in images])

    def _run_tower(
        self, images: Sequence[EncodedImage], text: EncodedText, last: int | None
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """The layers from where the images stand up to `last`: maps [B, C, h, w], words [B, T, D]."""
        levels = tuple(
            torch.stack(list(maps)).to(self.device)
            for maps in zip(*(image.levels for image in images), strict=True)
        )
        words = text.features.expand(len(images), -1, -1)
        if images[0].words is not None:
            own = [image.words for image in images if image.words is not None]
            words = torch.stack(own).to(self.device)
        mask = self._text_mask(text.caption).expand(len(images), -1)
        with lean_attention(self._model.tower):
            return self._model.fuse(levels, words, mask, first=images[0].layer, last=last)

    def _text_mask(self, caption: Caption) -> Tensor:
        """int64 [T], 1 on the tokens that the tower sees."""
        special = torch.zeros(len(caption.input_ids), dtype=torch.long, device=self.device)
        special[[0, -1]] = 1
        return self._model.text_mask(torch.ones_like(special), special)

    def _grid(self, image: EncodedImage) -> Grid:
        return Grid.of(_shapes(image), image.size_wh, self._model.config, self.device)

    def token_centres(self, image: EncodedImage) -> Tensor:
        return self._grid(image).centres()

    def loss(
        self, output: DetectorOutput, targets: Sequence[Target], caption: Caption
    ) -> tuple[Tensor, dict[str, float]]:
        mask = self._text_mask(caption)
        return tuning_loss(_dense(output), targets, caption, self._model.config, mask)

    def candidates(self, output: DetectorOutput, caption: Caption) -> tuple[Tensor, Tensor]:
        return shown(_dense(output), caption, self._model.config.detection)


def _shapes(image: EncodedImage) -> tuple[tuple[int, int], ...]:
    return tuple((level.shape[-2], level.shape[-1]) for level in image.levels)


def _dense(output: DetectorOutput) -> DenseOutput:
    if not isinstance(output, DenseOutput):
        raise TypeError(f"GLIP reads its own output, found {type(output).__name__}.")
    return output
