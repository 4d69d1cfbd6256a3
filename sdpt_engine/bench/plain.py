"""The rivals: transformers' own model, run whole, one step or one image after the other.

Legend: B images, T text tokens, m prompt tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GroundingDinoImageProcessorPil, GroundingDinoProcessor

from sdpt_engine.backbones.base import Caption, DetectorOutput, FusionSite
from sdpt_engine.backbones.grounding_dino import GroundingDinoDetector
from sdpt_engine.data import load_image_upright
from sdpt_engine.fusion import AttentionResult, attend_by_concatenation
from sdpt_engine.prompt import LayerPrompt, PromptSet
from sdpt_engine.types import ObjectClass


class _Concatenating(nn.Module):
    """A fusion attention that runs its frozen original on sequences with the prompt at their ends."""

    def __init__(self, site: FusionSite, prompt: LayerPrompt) -> None:
        super().__init__()
        self._outside = (site, prompt)

    def forward(
        self,
        vision_features: Tensor,
        text_features: Tensor,
        vision_attention_mask: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
    ) -> AttentionResult:
        site, prompt = self._outside
        image, text = attend_by_concatenation(
            site,
            (vision_features, text_features),
            (prompt.image_tokens(), prompt.text_tokens()),
            masks=(vision_attention_mask, text_attention_mask),
        )
        return (image, None), (text, None)


@contextmanager
def concatenated(detector: GroundingDinoDetector, prompts: PromptSet) -> Iterator[None]:
    """The shared tokens of `prompts` inside the whole model, by the reference path."""
    with ExitStack() as undo:
        for site in detector.fusion_sites():
            prompt = prompts.layer(site.layer)
            if prompt is not None:
                undo.callback(detector.replace_attention, site.layer, site.attention)
                detector.replace_attention(site.layer, _Concatenating(site, prompt))
        yield


def whole_output(model: Any, pixels: Tensor, caption: Caption) -> DetectorOutput:
    """Everything from pixels [B, 3, h, w] and token ids on, and all that the loss looks at."""
    ids = torch.tensor([caption.input_ids], device=pixels.device).expand(len(pixels), -1)
    whole = model(pixel_values=pixels, input_ids=ids)
    num_words = ids.shape[1]
    words = whole.encoder_last_hidden_state_text
    is_word = torch.ones_like(ids, dtype=torch.bool)
    auxiliary = []
    for number in range(whole.intermediate_hidden_states.shape[1] - 1):
        hidden = whole.intermediate_hidden_states[:, number]
        start = whole.init_reference_points
        if number > 0:
            start = whole.intermediate_reference_points[:, number - 1]
        logits = model.class_embed[number](hidden, words, is_word)[..., :num_words]
        delta = model.bbox_embed[number](hidden)
        auxiliary.append((logits, (delta + torch.special.logit(start, eps=1e-5)).sigmoid()))
    return DetectorOutput(
        logits=whole.logits[..., :num_words],
        boxes=whole.pred_boxes,
        auxiliary=tuple(auxiliary),
        proposal_logits=whole.enc_outputs_class[..., :num_words],
        proposal_boxes=whole.enc_outputs_coord_logits.sigmoid(),
        queries=whole.last_hidden_state,
    )


@torch.no_grad()
def predict_one_by_one(
    detector: GroundingDinoDetector,
    classes: Sequence[ObjectClass],
    paths: Sequence[Path],
    *,
    min_score: float,
) -> list[dict[str, Any]]:
    """The documented loop: open, preprocess, run the whole model with the caption, post-process."""
    processor = GroundingDinoProcessor(GroundingDinoImageProcessorPil(), detector.tokenizer)
    text = " ".join(f"{item.prompt_text}." for item in classes)
    found = []
    for path in paths:
        image = load_image_upright(path)
        pixels = detector.preprocess(image)[None].to(detector.device)
        ids = detector.tokenizer(text, return_tensors="pt")["input_ids"].to(detector.device)
        outputs = detector.model(pixel_values=pixels, input_ids=ids)
        found += processor.post_process_grounded_object_detection(
            outputs,
            ids,
            threshold=min_score,
            text_threshold=min_score,
            target_sizes=[image.shape[:2]],
        )
    return found
