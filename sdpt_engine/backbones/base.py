"""What a frozen fusion-based detector is to the rest of the engine.

B images, V image tokens over all levels, T text tokens, Q queries, d model width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from sdpt_engine.types import ObjectClass, Pixels

if TYPE_CHECKING:
    from sdpt_engine.prompt import PromptSet


@dataclass(frozen=True, slots=True)
class FusionSite:
    """A place where SDPT attaches: one bi-directional cross attention and its two query projections."""

    layer: int
    attention: nn.Module
    image_projection: nn.Linear  # W_q of the image side, [D, d]
    text_projection: nn.Linear  # W_q of the text side, [D, d]
    text_norm: nn.Module  # the LayerNorm that words pass before the attention
    num_heads: int


@dataclass(frozen=True, slots=True)
class Caption:
    """Class texts in one line, "a. b. c.", as token ids, with the places of each class's own words."""

    classes: tuple[ObjectClass, ...]
    input_ids: tuple[int, ...]  # T, with [CLS] and [SEP]
    token_spans: tuple[tuple[int, ...], ...]  # per class, indices into input_ids, the '.' left out


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A caption behind the frozen text encoder; the same for every image."""

    caption: Caption
    features: Tensor  # [T, d]
    self_attention_mask: Tensor  # bool [T, T], True where a token sees another
    position_ids: Tensor  # int64 [T]


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image behind the frozen image encoder, level by level, without a batch dimension."""

    levels: tuple[Tensor, ...]  # each [d, h, w]
    positions: tuple[Tensor, ...]  # each [d, h, w], without the level embedding
    size_wh: tuple[int, int]  # of the original image, pixels

    @property
    def num_bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in (*self.levels, *self.positions))


@dataclass(frozen=True, slots=True)
class DetectorOutput:
    """Raw scores and boxes. Boxes are cxcywh in 0..1 of the image; logits of padding tokens are -inf."""

    logits: Tensor  # [B, Q, T] of the last decoder layer
    boxes: Tensor  # [B, Q, 4]
    auxiliary: tuple[tuple[Tensor, Tensor], ...]  # (logits, boxes) of the earlier decoder layers
    proposal_logits: Tensor  # [B, V, T] of the proposal stage, with gradient
    proposal_boxes: Tensor  # [B, V, 4]


class Detector(Protocol):
    """A frozen detector that can be prompted. Its weights never change."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str:
        """sha256 over the fusion layers' weights: a bundle fits only the detector it was tuned on."""

    @property
    def device(self) -> torch.device: ...

    def fusion_sites(self) -> tuple[FusionSite, ...]: ...

    def replace_attention(self, layer: int, module: nn.Module) -> None:
        """Put `module` in the place of the attention of fusion layer `layer`."""

    def captions(self, classes: Sequence[ObjectClass]) -> list[Caption]:
        """As few captions as the text limit allows. Raises VocabularyError for unusable texts."""

    def encode_text(self, caption: Caption) -> EncodedText: ...

    def encode_images(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        """Run the frozen image encoder; the result is on the CPU."""

    def detect(
        self,
        images: Sequence[EncodedImage],
        text: EncodedText,
        prompts: PromptSet | None = None,
    ) -> DetectorOutput:
        """Run what depends on the prompts. Differentiable with respect to `prompts`."""
