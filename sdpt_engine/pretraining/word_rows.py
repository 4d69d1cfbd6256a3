"""The rows of the text encoder's word embeddings that taught names use, opened for learning.

All else of the text encoder stays frozen, so a phrase without any of these words reads as before.

Legend: P phrases, W tokens of the longest of them, R rows that learn, t text encoder width, d model width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from sdpt_engine.pretraining.alignment import phrase_features, phrase_masks
from sdpt_engine.pretraining.nano_model import NanoInTraining
from sdpt_engine.pretraining.wording import BEFORE

_END = "."


class WordRows(nn.Module):
    """`vectors` [R, t] stand in for the frozen embeddings of the tokens `ids` [R]."""

    def __init__(self, nano: NanoInTraining, names: Sequence[str]) -> None:
        super().__init__()
        self._nano = (nano,)  # in a tuple, so that its weights are not counted as ours
        # What stands before and after every phrase, taught or not, is left alone.
        self.ids = torch.tensor(sorted(_tokens(nano, names) - _tokens(nano, (*BEFORE, _END))))
        self._frozen: Tensor = nano.model.model.text_backbone.get_input_embeddings().weight.detach()
        self._place = torch.full((len(self._frozen),), -1)
        self._place[self.ids] = torch.arange(len(self.ids))
        self.vectors = nn.Parameter(self._frozen[self.ids].clone())

    def forward(self, phrases: Sequence[str]) -> Tensor:
        """What the phrases' words say behind the text layers, [P, d], as `alignment.name_features`."""
        (nano,) = self._nano
        tokens = [torch.tensor(nano.tokens(phrase + _END)) for phrase in phrases]
        counts = torch.tensor([len(own) for own in tokens])
        ids = pad_sequence(tokens, batch_first=True)  # [P, W]
        place = self._place[ids]
        learnt = self.vectors[place.clamp(min=0)]
        embedded = torch.where((place >= 0)[..., None], learnt, self._frozen[ids])
        places = torch.arange(ids.shape[1])
        text_encoder: Any = nano.model.model.text_backbone
        hidden = text_encoder(
            inputs_embeds=embedded,
            attention_mask=phrase_masks(counts, len(places))[:, None],
            token_type_ids=torch.zeros_like(ids),
            position_ids=places.expand(len(phrases), -1),
        ).last_hidden_state
        return phrase_features(nano, hidden, counts)


def _tokens(nano: NanoInTraining, texts: Iterable[str]) -> set[int]:
    return {token for text in texts for token in nano.tokens(text)}
