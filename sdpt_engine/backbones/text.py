"""A caption through the frozen text encoder of the Grounding DINO family, phrase by phrase.

T text tokens, M context tokens, d model width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sdpt_engine.backbones.base import Caption, EncodedText


def encode_caption(
    base: Any, caption: Caption, device: torch.device, context: Tensor | None = None
) -> EncodedText:
    """Features [T, d] of the caption; `base` is the transformers model without its heads.

    `context` [M, text encoder width] stands before each class's words inside the encoder and is then dropped.
    """
    if context is None:
        return project_words(base, caption, hidden_words(base, caption, device))
    ids = torch.tensor([caption.input_ids], device=device)
    wide = _with_context(caption, len(context))
    words = base.text_backbone.get_input_embeddings()(ids)[0]
    filled = torch.cat((words, context))[wide.rows.to(device)]
    hidden = _run(base, {"inputs_embeds": filled[None]}, wide.mask, wide.positions)
    return project_words(base, caption, hidden[wide.kept.to(device)])


def hidden_words(base: Any, caption: Caption, device: torch.device) -> Tensor:
    """The caption behind the frozen text encoder alone, [T, text encoder width].

    Phrases do not see each other, so a phrase's rows are the same in every caption.
    """
    ids = torch.tensor([caption.input_ids], device=device)
    return _run(base, {"input_ids": ids}, *phrase_masks(caption))


def project_words(base: Any, caption: Caption, hidden: Tensor) -> EncodedText:
    """What the detector reads of `hidden` [T, text encoder width]."""
    mask, positions = (tensor.to(hidden.device) for tensor in phrase_masks(caption))
    return EncodedText(caption, base.text_projection(hidden), mask, positions)


def phrase_masks(caption: Caption) -> tuple[Tensor, Tensor]:
    """Which token sees which (bool [T, T]), and positions that restart in each phrase (int64 [T]).

    A phrase is a class's words with their '.'; [CLS] and [SEP] see only themselves.
    """
    phrases = [range(span[0], span[-1] + 2) for span in caption.token_spans]
    return _masks(phrases, len(caption.input_ids))


def _masks(phrases: list[range], length: int) -> tuple[Tensor, Tensor]:
    mask = torch.eye(length, dtype=torch.bool)
    positions = torch.zeros(length, dtype=torch.long)
    for phrase in phrases:
        block = slice(phrase.start, phrase.stop)
        mask[block, block] = True
        positions[block] = torch.arange(len(phrase))
    return mask, positions


class _WideCaption:
    """A caption with M context tokens before each phrase: where each row comes from, and which stay."""

    def __init__(self, rows: list[int], phrases: list[range], num_words: int) -> None:
        self.rows = torch.tensor(rows)  # [T + M * phrases], rows of (words, context)
        self.mask, self.positions = _masks(phrases, len(rows))
        self.kept = torch.tensor([i for i, row in enumerate(rows) if row < num_words])


def _with_context(caption: Caption, num_context: int) -> _WideCaption:
    num_words = len(caption.input_ids)
    rows, phrases = [0], []
    for span in caption.token_spans:
        start = len(rows)
        rows += range(num_words, num_words + num_context)
        rows += range(span[0], span[-1] + 2)  # the '.' belongs to the phrase
        phrases.append(range(start, len(rows)))
    return _WideCaption([*rows, num_words - 1], phrases, num_words)


def _run(base: Any, inputs: dict[str, Tensor], mask: Tensor, positions: Tensor) -> Tensor:
    (words,) = inputs.values()
    mask, positions = mask.to(words.device), positions.to(words.device)
    hidden: Tensor = base.text_backbone(
        **inputs,
        attention_mask=mask[None, None],
        token_type_ids=torch.zeros_like(positions)[None],
        position_ids=positions[None],
    ).last_hidden_state
    return hidden[0]
