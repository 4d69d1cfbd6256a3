"""What the engine is measured against: a family's model as one would run it without the engine.

Legend: B images, h and w pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from torch import Tensor

from sdpt_engine.backbones.base import Caption, Detector, DetectorOutput, FusionSite
from sdpt_engine.fusion import AttentionStandIn, attend_by_concatenation
from sdpt_engine.prompt import LayerPrompt, PromptSet
from sdpt_engine.types import ObjectClass, Pixels


class Rival(Protocol):
    """The whole model from pixels and token ids on, every time, on the weights that `detector` has."""

    @property
    def detector(self) -> Detector: ...

    @property
    def name(self) -> str:
        """As the report calls it."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the report must know of this rival."""

    @property
    def encoders(self) -> tuple[str, ...]:
        """How the names of the parameters begin that are constant while a prompt is tuned."""

    @property
    def large_model(self) -> str:
        """The random model of published size in this family, a name of `random_models`."""

    @property
    def tiny_model(self) -> str:
        """Its stand-in where minutes would be too much."""

    def pixels(self, images: Sequence[Pixels]) -> Tensor:
        """Pictures of one size as the model's input [B, 3, h, w]."""

    def whole(
        self, pixels: Tensor, sizes_wh: Sequence[tuple[int, int]], caption: Caption
    ) -> DetectorOutput:
        """Everything, and all that the loss looks at. `sizes_wh` are those of the pictures."""

    def predict_one_by_one(
        self, classes: Sequence[ObjectClass], paths: Sequence[Path], *, min_score: float
    ) -> list[int]:
        """The published loop over files; how many boxes each shows."""


@contextmanager
def concatenated(detector: Detector, prompts: PromptSet) -> Iterator[None]:
    """The shared tokens of `prompts` inside the whole model, by the reference path."""
    with ExitStack() as undo:
        for site in detector.fusion_sites():
            prompt = prompts.layer(site.layer)
            if prompt is not None:
                undo.callback(detector.replace_attention, site.layer, site.attention)
                longer = AttentionStandIn(partial(_attend_longer, site, prompt))
                detector.replace_attention(site.layer, longer)
        yield


def _attend_longer(
    site: FusionSite,
    prompt: LayerPrompt,
    features: tuple[Tensor, Tensor],
    *,
    masks: tuple[Tensor | None, Tensor | None],
) -> tuple[Tensor, Tensor]:
    """On sequences with the prompt, as it is by now, at their ends."""
    tokens = (prompt.image_tokens(), prompt.text_tokens())
    return attend_by_concatenation(site, features, tokens, masks=masks)
