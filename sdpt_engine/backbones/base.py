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
    from sdpt_engine.adaptation import Adaptation
    from sdpt_engine.losses import Target


@dataclass(frozen=True, slots=True)
class FusionSite:
    """A place where SDPT attaches: one bi-directional cross attention and its frozen linear maps.

    `attention` is called as attention(V, T, vision_attention_mask=, text_attention_mask=), masks boolean with
    True = padding, and gives ((dV, weights or None), (dT, weights or None)).
    """

    layer: int
    attention: nn.Module
    image_projection: nn.Linear  # W_q of the image side, [D, dv]: its queries and keys
    text_projection: nn.Linear  # W_q of the text side, [D, dt]
    image_values: nn.Linear  # [D, dv]
    text_values: nn.Linear  # [D, dt]
    image_output: nn.Linear  # [dv, D]
    text_output: nn.Linear  # [dt, D]
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
    """An image behind the frozen image encoder, level by level, without a batch dimension.

    With `layer` > 0 it has passed that many fusion layers too, together with one caption, whose `words` it carries.
    """

    levels: tuple[Tensor, ...]  # each [d, h, w]
    positions: tuple[Tensor, ...]  # each [d, h, w], without the level embedding
    size_wh: tuple[int, int]  # of the original image, pixels
    layer: int = 0
    words: Tensor | None = None  # [T, d]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        own = (*self.levels, *self.positions)
        return own if self.words is None else (*own, self.words)

    @property
    def num_bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in self.tensors)


@dataclass(frozen=True, slots=True)
class DetectorOutput:
    """Raw scores and boxes. Boxes are cxcywh in 0..1 of the image; logits of padding tokens are -inf.

    In a detector of one stage each image token is a query, and its proposal is its last word.
    """

    logits: Tensor  # [B, Q, T] of the last decoder layer
    boxes: Tensor  # [B, Q, 4]
    auxiliary: tuple[tuple[Tensor, Tensor], ...]  # (logits, boxes) of the earlier decoder layers
    proposal_logits: Tensor  # [B, V, T] of what each image token proposes, with gradient
    proposal_boxes: Tensor  # [B, V, 4]
    queries: Tensor  # [B, Q, d] what the last logits are computed from


class Detector(Protocol):
    """A frozen detector that can be prompted. Its weights never change."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str:
        """sha256 over the fusion layers' weights: a bundle fits only the detector it was tuned on."""

    @property
    def device(self) -> torch.device: ...

    saves_memory: bool
    """Whether `detect` works out each encoder layer again for its gradient instead of keeping it."""

    @property
    def width(self) -> int:
        """d, of its queries."""

    @property
    def word_width(self) -> int:
        """Of the word embeddings that its text encoder reads."""

    def fusion_sites(self) -> tuple[FusionSite, ...]: ...

    def replace_attention(self, layer: int, module: nn.Module) -> None:
        """Put `module` in the place of the attention of fusion layer `layer`."""

    def captions(self, classes: Sequence[ObjectClass]) -> list[Caption]:
        """As few captions as the text limit allows. Raises VocabularyError for unusable texts."""

    def encode_text(self, caption: Caption, context: Tensor | None = None) -> EncodedText:
        """Run the frozen text encoder.

        `context` [M, text encoder width] stands before each class's words as if it were words; it is not in
        the result, and the result is differentiable in it.
        """

    def encode_images(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        """Run the frozen image encoder; the result is on the CPU."""

    def advanced(
        self, images: Sequence[EncodedImage], text: EncodedText, layer: int
    ) -> list[EncodedImage]:
        """The images as they enter fusion layer `layer` of the unadapted detector, with this caption."""

    def detect(
        self,
        images: Sequence[EncodedImage],
        text: EncodedText,
        adaptation: Adaptation | None = None,
    ) -> DetectorOutput:
        """Run what depends on the adaptation. Differentiable with respect to what it learns.

        Images that have passed fusion layers already start behind them.
        """

    def token_centres(self, image: EncodedImage) -> Tensor:
        """Centre of each image token's cell [V, 2], x y in 0..1 of the image."""

    def loss(
        self, output: DetectorOutput, targets: Sequence[Target], caption: Caption
    ) -> tuple[Tensor, dict[str, float]]:
        """What tuning minimises on a batch, as the family was trained, and the parts that add up to it."""

    def candidates(self, output: DetectorOutput, caption: Caption) -> tuple[Tensor, Tensor]:
        """What may be shown: scores [B, K, classes of the caption] in 0..1, and boxes [B, K, 4] cxcywh in 0..1.

        Here a family scores as it was published, and leaves out what it would itself not show.
        """

    def head_parameters(self) -> dict[str, nn.Parameter]:
        """The weights that name and place boxes, by name in `model`."""

    def body_parameters(self) -> dict[str, nn.Parameter]:
        """All weights that `detect` uses, heads included, by name in `model`."""

    @property
    def model(self) -> nn.Module:
        """The whole model, as its library has it."""
