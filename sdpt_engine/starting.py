"""Where the shared tokens start: drawn, near zero, or at what the labelled boxes and their phrases look like.

Legend: m tokens, D fusion width, V image tokens, T text tokens, dv / dt image and text widths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from sdpt_engine.boxes import cxcywh_to_xyxy

if TYPE_CHECKING:
    from sdpt_engine.backbones.base import Detector, EncodedText
    from sdpt_engine.data import View
    from sdpt_engine.losses import Target
    from sdpt_engine.prompt import PromptSet

NEAR_ZERO = 0.01
SHARE_OF_TOKENS = 0.5  # of a class's box tokens, drawn anew for each prototype: the jitter
MOST_VIEWS = 16


def start_tokens(
    prompts: PromptSet, detector: Detector, views: Sequence[View], texts: Sequence[EncodedText]
) -> None:
    """Fill the shared tokens as `prompts.config.init` says; the same seed gives the same start."""
    generator = torch.Generator().manual_seed(prompts.seed)
    config = prompts.config
    labelled = [view for view in views if len(view.example.boxes)][:MOST_VIEWS]
    if config.init == "data" and labelled and config.num_tokens:
        _start_from_data(prompts, detector, labelled, texts, generator)
        return
    scale = NEAR_ZERO if config.init == "near_zero" else 1.0
    for _, layer in prompts.each_layer():
        width = layer.image_inverse.shape[1]
        drawn = torch.rand((config.num_tokens, width), generator=generator) * 2 - 1
        layer.start((drawn * scale).to(detector.device))


@torch.no_grad()
def _start_from_data(
    prompts: PromptSet,
    detector: Detector,
    views: Sequence[View],
    texts: Sequence[EncodedText],
    generator: torch.Generator,
) -> None:
    """z = 1/2 [(Wv x + bv) + (Wt t + bt)], x a mean image token in a class's boxes, t its phrase's mean."""
    seen = {index: _ClassTokens() for index, _ in prompts.each_layer()}
    for number, text in enumerate(texts):
        for view in views:
            with _recorded(detector) as records:
                detector.detect([view.images[number]], text)
            centres = detector.token_centres(view.images[number])
            for index, tokens in seen.items():
                tokens.add(view.target(number), centres, text, records[index])
    for index, layer in prompts.each_layer():
        pairs = seen[index].draw(prompts.config.num_tokens, generator)
        image = layer.site.image_projection(torch.stack([x for x, _ in pairs]))
        words = layer.site.text_projection(torch.stack([t for _, t in pairs]))
        layer.start((image + words) / 2)


class _ClassTokens:
    """Per class, the image tokens inside its boxes and the tokens of its phrase, at one layer."""

    def __init__(self) -> None:
        self._image: dict[int, list[Tensor]] = {}
        self._words: dict[int, list[Tensor]] = {}

    def add(
        self, target: Target, centres: Tensor, text: EncodedText, record: tuple[Tensor, Tensor]
    ) -> None:
        image, words = record[0][0], record[1][0]  # [V, dv], [T, dt]
        corners = cxcywh_to_xyxy(target.boxes).to(image.device)
        for place, box in zip(target.classes.tolist(), corners, strict=True):
            inside = ((centres >= box[:2]) & (centres <= box[2:])).all(-1)
            if not inside.any():  # smaller than a cell: the nearest one
                inside[(centres - (box[:2] + box[2:]) / 2).norm(dim=-1).argmin()] = True
            owner = text.caption.classes[place].id
            span = list(text.caption.token_spans[place])
            self._image.setdefault(owner, []).append(image[inside])
            self._words.setdefault(owner, []).append(words[span].mean(0))

    def draw(self, number: int, generator: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """`number` pairs (x [dv], t [dt]), the classes taking turns."""
        owners = sorted(self._image)
        pairs = []
        for index in range(number):
            owner = owners[index % len(owners)]
            tokens = torch.cat(self._image[owner])
            count = max(1, round(len(tokens) * SHARE_OF_TOKENS))
            chosen = torch.randperm(len(tokens), generator=generator)[:count]
            phrase = torch.stack(self._words[owner]).mean(0)
            pairs.append((tokens[chosen.to(tokens.device)].mean(0), phrase))
        return pairs


class _Recorder(nn.Module):
    """Stands in for an attention, remembers what it is given, and lets the original answer."""

    def __init__(self, original: nn.Module) -> None:
        super().__init__()
        self._outside = (original,)
        self.seen: tuple[Tensor, Tensor] | None = None

    def forward(self, vision_features: Tensor, text_features: Tensor, **masks: Any) -> Any:
        self.seen = (vision_features, text_features)
        return self._outside[0](vision_features, text_features, **masks)


@contextmanager
def _recorded(detector: Detector) -> Iterator[dict[int, tuple[Tensor, Tensor]]]:
    """Inputs (V [B, N, dv], T [B, T, dt]) of each fusion attention, behind the LayerNorms."""
    records: dict[int, tuple[Tensor, Tensor]] = {}
    recorders = {}
    with ExitStack() as undo:
        for site in detector.fusion_sites():
            recorders[site.layer] = _Recorder(site.attention)
            undo.callback(detector.replace_attention, site.layer, site.attention)
            detector.replace_attention(site.layer, recorders[site.layer])
        yield records
        for layer, recorder in recorders.items():
            if recorder.seen is not None:
                records[layer] = recorder.seen
