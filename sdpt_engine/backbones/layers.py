"""The layers of transformers' Grounding DINO, run from their own modules without what a frozen detector can spare.

Nothing in the model is changed or copied: each function calls the modules that lie in it at that moment. Spared
are attention maps that nobody reads, masks where nothing is padded, and the big intermediate tensors of the
deformable and the fusion attention.

Legend: B images, V image tokens over all levels, T text tokens, Q queries, L levels, P points, H heads, d width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sdpt_engine.backbones.base import FusionSite
from sdpt_engine.backbones.deformable import sample
from sdpt_engine.backbones.sites import attention_site
from sdpt_engine.extra_tokens import SeenBeside
from sdpt_engine.folding import is_foldable
from sdpt_engine.fusion import attend

Shapes = tuple[tuple[int, int], ...]  # (height, width) of each level


@dataclass(frozen=True, slots=True)
class Maps:
    """How the image tokens lie in their levels."""

    shapes: Shapes
    padding: Tensor | None  # bool [B, V], True = padding; None where no token is
    valid_ratios: Tensor  # [B, L, 2], the share of width and height that is image

    def sizes(self) -> Tensor:
        """Width and height of each level, [L, 2]."""
        like = self.valid_ratios
        return like.new_tensor([[width, height] for height, width in self.shapes])


def run_encoder(
    layers: Sequence[Any], inputs: dict[str, Any], *, saves_memory: bool = False
) -> tuple[Tensor, Tensor]:
    """Image and text features behind the given encoder layers.

    `inputs` are the keyword inputs of transformers' encoder, with the state that enters the first of them. To
    save memory, each layer is worked out again when its gradient is due.
    """
    image, text = inputs["vision_features"], inputs["text_features"]
    if not len(layers):
        return image, text
    maps = maps_of(inputs)
    anchors = _pixel_centres(maps)
    constants = _TextConstants(
        padding=inputs["text_attention_mask"] if inputs["text_attention_mask"].any() else None,
        hidden=inputs["text_self_attention_masks"],
        positions=layers[0].get_text_position_embeddings(
            text, inputs["text_position_embedding"], inputs["text_position_ids"]
        ),
    )
    places = inputs["vision_position_embedding"]
    for layer in layers:
        # A prompt may hang on this norm and on the attention; both may be gone when a layer runs again.
        words = layer.fusion_layer.layer_norm_text(text)
        attention = layer.fusion_layer.attn
        rest = (layer, attention, image, words, places, anchors, maps, constants)
        if saves_memory and torch.is_grad_enabled():
            image, text = checkpoint(_encoder_layer, *rest, use_reentrant=False)
        else:
            image, text = _encoder_layer(*rest)
    return image, text


def fusion_site(number: int, layer: Any) -> FusionSite:
    """Where a prompt attaches in transformers' encoder layer `number`."""
    fusion = layer.fusion_layer
    return attention_site(number, fusion.attn, fusion.layer_norm_text)


def maps_of(inputs: dict[str, Any]) -> Maps:
    padding = inputs["vision_attention_mask"]
    shapes = tuple((int(height), int(width)) for height, width in inputs["spatial_shapes_list"])
    return Maps(shapes, padding if padding.any() else None, inputs["valid_ratios"])


@dataclass(frozen=True, slots=True)
class _TextConstants:
    padding: Tensor | None  # bool [B, T], True = padding
    hidden: Tensor  # bool [B, T, T], True where a token does not see another
    positions: Tensor  # [B, T, d]


def _encoder_layer(
    layer: Any,
    attention: Any,
    image: Tensor,
    words: Tensor,
    places: Tensor,
    anchors: Tensor,
    maps: Maps,
    constants: _TextConstants,
) -> tuple[Tensor, Tensor]:
    fusion = layer.fusion_layer
    pixels = fusion.layer_norm_vision(image)
    masks = (maps.padding, constants.padding)
    is_original = hasattr(attention, "vision_proj")  # not a prompted stand-in
    if is_original and is_foldable(site := fusion_site(0, layer)):
        for_image, for_text = attend(site, (pixels, words), SeenBeside(), masks=masks)
    else:
        (for_image, _), (for_text, _) = attention(
            pixels, words, vision_attention_mask=masks[0], text_attention_mask=masks[1]
        )
    image = torch.addcmul(pixels, fusion.vision_param, for_image)
    text = torch.addcmul(words, fusion.text_param, for_text)
    text = layer.text_enhancer_layer(
        text, attention_masks=~constants.hidden, position_embeddings=constants.positions
    )[0]
    block = layer.deformable_layer
    moved = deformable_attention(block.self_attn, image + places, image, anchors, maps)
    image = block.self_attn_layer_norm(image + moved)
    return block.final_layer_norm(image + _feed_forward(block, image)), text


def deformable_attention(
    attention: Any, queries: Tensor, values: Tensor, anchors: Tensor, maps: Maps
) -> Tensor:
    """[B, Q, d]. `anchors` in pixels of each level: [1 or B, Q, L, 2] points, or [B, Q, L, 4] boxes (x, y, w, h)."""
    batch, num_queries, _ = queries.shape
    heads, levels, points = attention.n_heads, attention.n_levels, attention.n_points
    rows = attention.value_proj(values)
    if maps.padding is not None:
        rows = rows.masked_fill(maps.padding[..., None], 0.0)
    weights = _softmax(attention.attention_weights(queries).view(batch, -1, levels * points))
    offsets = attention.sampling_offsets(queries).view(batch, num_queries, heads, -1)
    centres = _per_sample(anchors[..., :2], points)
    if anchors.shape[-1] == 4:
        where = torch.addcmul(centres, offsets, _per_sample(anchors[..., 2:], points, 0.5 / points))
    else:
        where = centres + offsets
    sampled = sample(
        rows.view(batch, -1, heads, rows.shape[-1] // heads),
        where.view(batch, num_queries, heads, levels, points, 2),
        weights.reshape(batch, num_queries, heads, levels, points),
        maps.shapes,
    )
    moved: Tensor = attention.output_proj(sampled)
    return moved


def _softmax(rows: Tensor) -> Tensor:
    """Over the last axis of [B, R, k]; a short one is some ten times faster as the middle one."""
    return (
        rows.transpose(1, 2).softmax(1).transpose(1, 2) if rows.shape[2] < 16 else rows.softmax(-1)
    )


def _per_sample(numbers: Tensor, points: int, scale: float = 1.0) -> Tensor:
    """[B, Q, L, 2] repeated for each point: [B, Q, 1, L P 2]. Long rows make the sums to come fast."""
    batch, num_queries, levels, _ = numbers.shape
    each = (numbers * scale)[:, :, :, None].expand(-1, -1, -1, points, -1)
    return each.reshape(batch, num_queries, 1, levels * points * 2)


def _pixel_centres(maps: Maps) -> Tensor:
    """Where each image token lies in each level, in pixels (0 = the first pixel's centre): [1 or B, V, L, 2]."""
    centres = centres_in_maps(maps.shapes, maps.valid_ratios.device)[None]
    if maps.padding is not None:
        own = maps.valid_ratios.repeat_interleave(
            torch.tensor([h * w for h, w in maps.shapes], device=centres.device), dim=1
        )
        centres = centres / own  # of the image, not of the padded map: [B, V, 2]
        return centres[:, :, None] * (maps.valid_ratios * maps.sizes())[:, None] - 0.5
    return centres[:, :, None] * maps.sizes() - 0.5


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is kept must serve training too
def centres_in_maps(shapes: Shapes, device: torch.device) -> Tensor:
    """Centre (x, y) of each token as a share of its own map, [V, 2]."""
    levels = []
    for height, width in shapes:
        y, x = torch.meshgrid(
            (torch.arange(height, device=device) + 0.5) / height,
            (torch.arange(width, device=device) + 0.5) / width,
            indexing="ij",
        )
        levels.append(torch.stack((x.flatten(), y.flatten()), -1))
    return torch.cat(levels)


def _feed_forward(block: Any, hidden: Tensor) -> Tensor:
    wide = block.fc1(hidden)
    active = wide.relu_() if isinstance(block.activation_fn, nn.ReLU) else block.activation_fn(wide)
    out: Tensor = block.fc2(active)
    return out


def proposals(base: Any, image: Tensor, maps: Maps) -> tuple[Tensor, Tensor]:
    """Features [B, V, d] of each image token as a proposal, and its anchor box before the sigmoid."""
    if maps.padding is not None:
        found: tuple[Tensor, Tensor] = base.generate_encoder_output_proposals(
            image, maps.padding, list(maps.shapes)
        )
        return found
    anchors, is_outside = _anchors(maps.shapes, image.device)
    if is_outside is not None:
        image = image.masked_fill(is_outside, 0.0)
    features: Tensor = base.enc_output_norm(base.enc_output(image))
    return features, anchors


@lru_cache(maxsize=64)
@torch.inference_mode(False)  # what is kept must serve training too
def _anchors(shapes: Shapes, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Boxes of 0.05 and twice as much each level, as logits [1, V, 4], infinite too near to the border."""
    sides = [torch.full((h * w, 2), 0.05 * 2.0**level) for level, (h, w) in enumerate(shapes)]
    boxes = torch.cat((centres_in_maps(shapes, device), torch.cat(sides).to(device)), -1)[None]
    is_outside = ~((boxes > 0.01) & (boxes < 0.99)).all(-1, keepdim=True)
    logits = torch.log(boxes / (1 - boxes)).masked_fill(is_outside, math.inf)
    return logits, is_outside if is_outside.any() else None


def naming_logits(head: Any, features: Tensor, words: Tensor) -> Tensor:
    """Likeness of each feature to each word, [B, Q, T]. No word is padding."""
    logits = features @ words.transpose(1, 2)
    bias: Tensor | None = getattr(head, "bias", None)
    if bias is not None:  # MM-Grounding-DINO
        return logits / math.sqrt(features.shape[-1]) + bias
    return logits


def run_decoder(
    decoder: Any, queries: Tensor, references: Tensor, image: Tensor, words: Tensor, maps: Maps
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields hidden [B, Q, d] and the boxes [B, Q, 4] that it refines, layer by layer. No word is padding."""
    ratios = maps.valid_ratios.repeat(1, 1, 2)[:, None]  # [B, 1, L, 4]
    scale = ratios * maps.sizes().repeat(1, 2)
    rim = scale.new_tensor([0.5, 0.5, 0.0, 0.0])
    for number, layer in enumerate(decoder.layers):
        if number > 0:
            references = _refined(decoder.bbox_embed[number - 1], queries, references)
        # transformers scales by the share that is no padding; a result would depend on the batch.
        wave = _wave(references, decoder.config.d_model // 2)
        anchors = references[:, :, None] * scale - rim
        places = decoder.reference_points_head(wave)
        queries = _decoder_layer(layer, queries, places, image, words, (anchors, maps))
        yield decoder.layer_norm(queries), references


@torch.no_grad()
def _refined(head: Any, queries: Tensor, references: Tensor) -> Tensor:
    refined: Tensor = (head(queries) + torch.special.logit(references, eps=1e-5)).sigmoid()
    return refined


def _decoder_layer(
    layer: Any,
    queries: Tensor,
    places: Tensor,
    image: Tensor,
    words: Tensor,
    where: tuple[Tensor, Maps],
) -> Tensor:
    placed = queries + places
    queries = layer.self_attn_layer_norm(
        queries + _attend(layer.self_attn, placed, placed, queries)
    )
    told = _attend(layer.encoder_attn_text, queries + places, words, words)
    queries = layer.encoder_attn_text_layer_norm(queries + told)
    seen = deformable_attention(layer.encoder_attn, queries + places, image, *where)
    queries = layer.encoder_attn_layer_norm(queries + seen)
    out: Tensor = layer.final_layer_norm(queries + _feed_forward(layer, queries))
    return out


def _attend(attention: Any, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    heads = attention.num_attention_heads

    def split(tokens: Tensor) -> Tensor:
        return tokens.view(len(tokens), -1, heads, tokens.shape[-1] // heads).transpose(1, 2)

    mixed = F.scaled_dot_product_attention(
        split(attention.query(queries)), split(attention.key(keys)), split(attention.value(values))
    )
    out: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return out


def _wave(numbers: Tensor, width: int) -> Tensor:
    """Sine and cosine of each coordinate at `width` / 2 frequencies, y before x as DETR has them."""
    octave = torch.arange(width, dtype=torch.float32, device=numbers.device)
    period = 10000 ** (2 * torch.div(octave, 2, rounding_mode="floor") / width)
    phase = numbers[..., [1, 0, 2, 3], None] * (2 * math.pi) / period  # [B, Q, 4, width]
    waves = torch.stack((phase[..., 0::2].sin(), phase[..., 1::2].cos()), dim=-1)
    return waves.flatten(-3)
