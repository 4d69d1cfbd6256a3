"""A caption through the frozen text encoder, with learnt context tokens before each class's words if there are any.

T text tokens, M context tokens, D text width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sdpt_engine.backbones.base import Caption
from sdpt_engine.backbones.glip.model import GlipModel
from sdpt_engine.errors import VocabularyError


def encode_caption(
    model: GlipModel, caption: Caption, device: torch.device, context: Tensor | None = None
) -> Tensor:
    """[T, D]. `context` [M, D] takes part in the encoder, where all tokens see each other, and is then dropped.

    Raises VocabularyError when the caption with its context is longer than the encoder reads.
    """
    ids = torch.tensor([caption.input_ids], device=device)
    if context is None:
        return model.encode_text(ids, torch.ones_like(ids))[0]
    rows = _rows(caption, len(context))
    limit = model.config.bert.max_position_embeddings
    if len(rows) > limit:
        raise VocabularyError(
            f"With {len(context)} context tokens before each of its {len(caption.classes)} classes, the "
            f"caption has {len(rows)} tokens; the text encoder reads {limit}. Take fewer of either."
        )
    bert = model.text_encoder.bert
    filled = torch.cat((bert.get_input_embeddings()(ids)[0], context))[rows]
    hidden: Tensor = bert(
        inputs_embeds=filled[None],
        attention_mask=torch.ones(1, len(rows), dtype=torch.long, device=device),
    ).last_hidden_state
    own = [place for place, row in enumerate(rows) if row < len(caption.input_ids)]
    return hidden[0, own]


def _rows(caption: Caption, num_context: int) -> list[int]:
    """Which of the caption's tokens, followed by the context's, stand in which place."""
    num_words = len(caption.input_ids)
    starts = {span[0] for span in caption.token_spans}
    rows: list[int] = []
    for place in range(num_words):
        if place in starts:
            rows += range(num_words, num_words + num_context)
        rows.append(place)
    return rows
