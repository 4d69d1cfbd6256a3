"""nano with everything but its encoders open for training, fed from stored features and stored phrases.

Legend: B scenes of one input size, T caption tokens, d model width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sdpt_engine.backbones.base import Caption, EncodedImage, EncodedText
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.backbones.nano import is_trained_part, load_nano
from sdpt_engine.backbones.text import hidden_words, project_words
from sdpt_engine.errors import VocabularyError
from sdpt_engine.pretraining.feature_pool import LabelledFeatures
from sdpt_engine.types import ObjectClass
from sdpt_engine.vocabulary import make_captions


class NanoInTraining:
    """The detector of `folder` with its trained part open, and a memory of phrases behind the text encoder."""

    def __init__(self, folder: Path) -> None:
        self.detector: GroundingDinoDetector = load_nano(folder, torch.device("cpu"))
        self._hidden: dict[str, Tensor] = {}
        self._positions: dict[tuple[int, int], tuple[Tensor, ...]] = {}
        for parameter in self.parameters().values():
            parameter.requires_grad_(True)

    @property
    def model(self) -> Any:
        return self.detector.model

    def parameters(self) -> dict[str, nn.Parameter]:
        """What is trained, each tensor once, by its first name in the model."""
        named = self.detector.model.named_parameters()
        return {name: p for name, p in named if is_trained_part(name)}

    def images(self, scenes: Sequence[LabelledFeatures]) -> list[EncodedImage]:
        """Scenes of one input size behind the trainable projections."""
        base = self.model.model
        middle = torch.from_numpy(np.stack([scene.middle for scene in scenes])).float()
        coarse = torch.from_numpy(np.stack([scene.coarse for scene in scenes])).float()
        projections = base.input_proj_vision
        levels = [projections[0](middle), projections[1](coarse), projections[2](coarse)]
        positions = self._positions_of(levels)
        size_wh = (16 * middle.shape[-1], 16 * middle.shape[-2])
        return [
            EncodedImage(tuple(level[row] for level in levels), positions, size_wh)
            for row in range(len(scenes))
        ]

    def text(self, phrases: Sequence[str]) -> EncodedText:
        """The caption of `phrases` behind the trainable projection. Raises VocabularyError when it is too long."""
        classes = [ObjectClass(place, phrase, phrase) for place, phrase in enumerate(phrases)]
        limit = int(self.model.config.max_text_len)
        captions = make_captions(self.detector.tokenizer, classes, max_tokens=limit)
        if len(captions) > 1:
            raise VocabularyError(f"{len(phrases)} phrases are longer than {limit} tokens.")
        (caption,) = captions
        return project_words(self.model.model, caption, self._hidden_of(caption))

    def num_tokens(self, phrase: str) -> int:
        """Of one phrase with its full stop."""
        return len(self.tokens(phrase)) + 1

    def tokens(self, text: str) -> list[int]:
        """Ids of a text alone, without what a caption is framed by."""
        ids: list[int] = self.detector.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _hidden_of(self, caption: Caption) -> Tensor:
        rows = [self._hidden_alone(item.prompt_text) for item in caption.classes]
        first, last = rows[0][:1], rows[0][-1:]  # [CLS] and [SEP] see nothing but themselves
        return torch.cat((first, *(row[1:-1] for row in rows), last))

    def hidden_phrase(self, phrase: str) -> Tensor:
        """The phrase and its full stop behind the frozen text encoder, [words + 1, text encoder width]."""
        return self._hidden_alone(phrase)[1:-1]

    @torch.no_grad()
    def _hidden_alone(self, phrase: str) -> Tensor:
        if phrase not in self._hidden:
            item = ObjectClass(0, phrase, phrase)
            (alone,) = make_captions(self.detector.tokenizer, [item], max_tokens=128)
            self._hidden[phrase] = hidden_words(self.model.model, alone, self.detector.device)
        return self._hidden[phrase]

    def _positions_of(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        size = (int(levels[0].shape[-2]), int(levels[0].shape[-1]))
        if size not in self._positions:
            embed = self.model.model.backbone.position_embedding
            self._positions[size] = tuple(
                embed(level[:1].detach(), torch.ones_like(level[:1, 0], dtype=torch.bool))[0]
                for level in levels
            )
        return self._positions[size]
