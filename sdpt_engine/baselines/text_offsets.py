"""Text-embedding tuning: an offset on each word's feature before fusion (GLIP's own prompt tuning).

Legend: W class words of all captions, d model width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sdpt_engine.baselines.plain import PlainAdaptation

if TYPE_CHECKING:
    from sdpt_engine.asking import Asked
    from sdpt_engine.backbones.base import Caption, Detector, EncodedText

LEARNING_RATE = 0.03


class TextOffsets(PlainAdaptation):
    """Li et al., GLIP (CVPR 2022), "prompt tuning": only the text side moves, and only at its input."""

    def __init__(
        self,
        asked: tuple[Asked, ...],
        width: int,
        device: torch.device,
        learning_rate: float = LEARNING_RATE,
    ) -> None:
        self._rows: dict[tuple[int, ...], dict[int, int]] = {}
        number = 0
        for item in asked:
            rows = {}
            for span in item.text.caption.token_spans:
                for token in span:
                    rows[token] = number
                    number += 1
            self._rows[item.text.caption.input_ids] = rows
        self.offsets = nn.Parameter(torch.zeros(number, width, device=device))
        super().__init__({"offsets": self.offsets}, learning_rate)

    @contextmanager
    def attached(self, detector: Detector, text: EncodedText) -> Iterator[EncodedText]:
        yield replace(text, features=text.features + self._spread(text.caption))

    def _spread(self, caption: Caption) -> Tensor:
        rows = self._rows[caption.input_ids]
        spread = self.offsets.new_zeros(len(caption.input_ids), self.offsets.shape[1])
        return spread.index_put((torch.tensor(list(rows)),), self.offsets[list(rows.values())])
