"""Context tokens before each class's words in the frozen text encoder (CoOp, Zhou et al., IJCV 2022)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from sdpt_engine.baselines.plain import PlainAdaptation

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector, EncodedText

LEARNING_RATE = 0.01
NUM_TOKENS = 4  # shared by all classes; CoOp tries 4 and 16, which is too many for short captions
START_STD = 0.02


class ContextTokens(PlainAdaptation):
    """M learnt word embeddings, the same before each class; the text encoder runs at every step."""

    def __init__(
        self,
        width: int,
        device: torch.device,
        *,
        num_tokens: int = NUM_TOKENS,
        seed: int = 0,
        learning_rate: float = LEARNING_RATE,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        start = torch.randn((num_tokens, width), generator=generator) * START_STD
        self.context = nn.Parameter(start.to(device))
        super().__init__({"context": self.context}, learning_rate)

    @contextmanager
    def attached(self, detector: Detector, text: EncodedText) -> Iterator[EncodedText]:
        yield detector.encode_text(text.caption, self.context)
