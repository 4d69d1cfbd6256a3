"""A released model on a picture of 800 x 1333 px: what it would allocate, worked out without allocating it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sdpt_engine.backbones.glip import GlipConfig
from sdpt_engine.backbones.glip.deform_conv import SAMPLES_AT_ONCE
from sdpt_engine.backbones.glip.dyhead import PyramidStep
from sdpt_engine.backbones.glip.lean import lean_attention
from sdpt_engine.backbones.glip.model import empty_model

RELEASED = GlipConfig()
SIZES_HW = ((100, 168), (50, 84), (25, 42), (13, 21), (7, 11))  # of 800 x 1333, padded to 1344
NUM_TOKENS = sum(height * width for height, width in SIZES_HW)


class Largest(TorchDispatchMode):
    """Remembers how many numbers the largest tensor of all operations had."""

    numbers = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(made) if isinstance(leaf, Tensor)]
        self.numbers = max([self.numbers, *sizes])
        return made


def levels(*, requires_grad: bool = False) -> tuple[Tensor, ...]:
    return tuple(
        torch.empty(1, RELEASED.channels, *size, device="meta", requires_grad=requires_grad)
        for size in SIZES_HW
    )


@pytest.mark.parametrize("requires_grad", [False, True])
def test_deformable_convolutions_work_in_pieces_there_and_back(requires_grad: bool) -> None:
    with torch.device("meta"):
        step = PyramidStep(RELEASED.channels, groups=16, reduction=4)
    with Largest() as largest:
        out = step(levels(requires_grad=requires_grad))
        if requires_grad:
            torch.autograd.backward([level.sum() for level in out])
    whole = RELEASED.channels * 9 * SIZES_HW[0][0] * SIZES_HW[0][1]
    assert largest.numbers <= SAMPLES_AT_ONCE < whole


@torch.no_grad()
def test_the_largest_tensor_of_the_tower_is_the_score_of_each_word_at_each_place() -> None:
    model = empty_model(replace(RELEASED, num_fusion_layers=1))
    words = RELEASED.inputs.max_text_tokens
    text = torch.empty(1, words, RELEASED.bert.hidden_size, device="meta")
    mask = torch.ones(1, words, dtype=torch.long, device="meta")
    with Largest() as largest, lean_attention(model.tower):
        model.detect(levels(), text, mask)
    assert largest.numbers <= RELEASED.fusion_heads * words * NUM_TOKENS
