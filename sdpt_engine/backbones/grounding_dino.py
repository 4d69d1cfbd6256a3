"""Grounding DINO and MM-Grounding-DINO of transformers, frozen, split at the point where prompts begin to matter.

Everything before the encoder (image backbone, its projections, text backbone) is constant while a prompt is
tuned; `encode_images` and `encode_text` compute it once. `detect` runs the rest from these constants.

B images, V image tokens over all levels, T text tokens, Q queries, d model width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sdpt_engine.adaptation import Adaptation
from sdpt_engine.backbones.base import (
    Caption,
    DetectorOutput,
    EncodedImage,
    EncodedText,
    FusionSite,
)
from sdpt_engine.backbones.layers import (
    centres_in_maps,
    fusion_site,
    maps_of,
    naming_logits,
    proposals,
    run_decoder,
    run_encoder,
)
from sdpt_engine.backbones.sites import digest_of
from sdpt_engine.backbones.text import encode_caption
from sdpt_engine.decoding import class_scores
from sdpt_engine.device import precision
from sdpt_engine.losses import Target, detection_loss
from sdpt_engine.types import ObjectClass, Pixels
from sdpt_engine.vocabulary import make_captions

Preprocess = Callable[[Pixels], Tensor]

_NEVER = -1e4  # the logit of what cannot be; finite, for the loss looks at it too
_HEADS = ("class_embed", "bbox_embed", "encoder_output_")
_INPUT_PROJECTIONS = ("model.input_proj_vision.", "model.text_projection.")


class GroundingDinoDetector:
    """A `Detector` over `GroundingDinoForObjectDetection` or `MMGroundingDinoForObjectDetection`."""

    def __init__(
        self,
        name: str,
        model: nn.Module,
        tokenizer: Any,
        preprocess: Preprocess,
        device: torch.device,
    ) -> None:
        self.name = name
        self.device = device
        self.saves_memory = False
        """Whether `detect` works out each encoder layer again for its gradient instead of keeping it."""
        # eval: with dropout and drop path on, targets are noisy and nothing may be cached.
        self._model: Any = model.to(device).eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.preprocess = preprocess
        self.digest = digest_of(self.fusion_sites())

    @property
    def width(self) -> int:
        return int(self._model.config.d_model)

    @property
    def word_width(self) -> int:
        return int(self._model.model.text_backbone.get_input_embeddings().embedding_dim)

    @property
    def model(self) -> nn.Module:
        """The whole transformers model."""
        model: nn.Module = self._model
        return model

    def fusion_sites(self) -> tuple[FusionSite, ...]:
        layers = self._model.model.encoder.layers
        return tuple(fusion_site(number, layer) for number, layer in enumerate(layers))

    def replace_attention(self, layer: int, module: nn.Module) -> None:
        self._model.model.encoder.layers[layer].fusion_layer.attn = module

    def captions(self, classes: Sequence[ObjectClass]) -> list[Caption]:
        return make_captions(
            self.tokenizer, classes, max_tokens=int(self._model.config.max_text_len)
        )

    def head_parameters(self) -> dict[str, nn.Parameter]:
        return {n: p for n, p in self._model.named_parameters() if any(h in n for h in _HEADS)}

    def body_parameters(self) -> dict[str, nn.Parameter]:
        constant = ("model.backbone.", "model.text_backbone.", *_INPUT_PROJECTIONS)
        return {n: p for n, p in self._model.named_parameters() if not n.startswith(constant)}

    def encode_text(self, caption: Caption, context: Tensor | None = None) -> EncodedText:
        with nullcontext() if context is not None else torch.no_grad():
            return encode_caption(self._model.model, caption, self.device, context)

    @torch.no_grad()
    def encode_images(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        is_gpu = self.device.type == "cuda"
        encoded: dict[int, EncodedImage] = {}
        with ThreadPoolExecutor(1, thread_name_prefix="preprocess") as ahead:
            waiting = [ahead.submit(self.preprocess, image) for image in images]
            groups = _alike([w.result() for w in waiting]) if is_gpu else _singly(waiting)
            for places, pixels in groups:
                levels, positions = self._encode_pixels(pixels)
                for row, place in enumerate(places):
                    height, width = images[place].shape[:2]
                    encoded[place] = EncodedImage(
                        levels=tuple(level[row] for level in levels),
                        positions=tuple(position[row] for position in positions),
                        size_wh=(width, height),
                    )
        return [encoded[place] for place in range(len(images))]

    def _encode_pixels(self, pixels: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Projected maps and their positions, level by level on the CPU, of [B, 3, h, w]."""
        base = self._model.model
        pixels = pixels.to(self.device)
        mask = torch.ones(pixels.shape[0], *pixels.shape[-2:], dtype=torch.long, device=self.device)
        with precision(self.device):
            features, positions = base.backbone(pixels, mask)
            levels = [base.input_proj_vision[i](source) for i, (source, _) in enumerate(features)]
            positions = list(positions)
            for number in range(len(levels), base.config.num_feature_levels):
                source = features[-1][0] if number == len(features) else levels[-1]
                level = base.input_proj_vision[number](source)
                level_mask = torch.ones_like(level[:, 0], dtype=torch.bool)
                levels.append(level)
                positions.append(base.backbone.position_embedding(level, level_mask))
        return [level.float().cpu() for level in levels], [p.float().cpu() for p in positions]

    def token_centres(self, image: EncodedImage) -> Tensor:
        shapes = tuple((level.shape[-2], level.shape[-1]) for level in image.levels)
        return centres_in_maps(shapes, self.device)

    def loss(
        self, output: DetectorOutput, targets: Sequence[Target], caption: Caption
    ) -> tuple[Tensor, dict[str, float]]:
        return detection_loss(output, targets, caption)

    def candidates(self, output: DetectorOutput, caption: Caption) -> tuple[Tensor, Tensor]:
        return class_scores(output.logits, caption), output.boxes

    def detect(
        self,
        images: Sequence[EncodedImage],
        text: EncodedText,
        adaptation: Adaptation | None = None,
    ) -> DetectorOutput:
        if adaptation is None:
            return self._detect(images, text)
        if adaptation.first_layer < images[0].layer:
            raise ValueError(
                f"The images have passed {images[0].layer} fusion layers, but the adaptation acts from "
                f"layer {adaptation.first_layer} on. Encode them anew."
            )
        with adaptation.attached(self, text) as seen:
            return adaptation.adjusted(self._detect(images, seen), text.caption)

    def _detect(self, images: Sequence[EncodedImage], text: EncodedText) -> DetectorOutput:
        constants = self._encoder_inputs(images, text)
        vision, words = self._run_encoder(constants, images[0].layer, None)
        return self._decode(vision, words, constants)

    @torch.no_grad()
    def advanced(
        self, images: Sequence[EncodedImage], text: EncodedText, layer: int
    ) -> list[EncodedImage]:
        found = []
        for image in images:
            constants = self._encoder_inputs([image], text)
            vision, words = self._run_encoder(constants, image.layer, layer)
            shapes = constants["spatial_shapes_list"]
            sizes = [height * width for height, width in shapes]
            levels = torch.split(vision[0].T, sizes, dim=1)
            maps = [m.reshape(-1, *shape).cpu() for m, shape in zip(levels, shapes, strict=True)]
            found.append(replace(image, levels=tuple(maps), layer=layer, words=words[0].cpu()))
        return found

    def _run_encoder(
        self, constants: dict[str, Any], first: int, last: int | None
    ) -> tuple[Tensor, Tensor]:
        """The encoder's layers from `first` up to `last`: (image tokens [B, V, d], words [B, T, d])."""
        layers = self._model.model.encoder.layers[first:last]
        with precision(self.device):
            vision, words = run_encoder(layers, constants, saves_memory=self.saves_memory)
        return vision.float(), words.float()

    def _encoder_inputs(self, images: Sequence[EncodedImage], text: EncodedText) -> dict[str, Any]:
        """The keyword inputs of the encoder; smaller images are padded to the largest, level by level."""
        base = self._model.model
        sources, masks, places, shapes, ratios = [], [], [], [], []
        are_alike = len({tuple(m.shape for m in image.levels) for image in images}) == 1
        for number in range(len(images[0].levels)):
            maps = [image.levels[number] for image in images]
            size = (max(m.shape[-2] for m in maps), max(m.shape[-1] for m in maps))
            valid = torch.zeros(len(maps), *size, dtype=torch.bool)
            for own, level in zip(valid, maps, strict=True):
                own[: level.shape[-2], : level.shape[-1]] = True
            # Where nothing is padded on any level, a position depends on the size alone.
            placed = images[:1] if are_alike else images
            sources.append(_rows(maps, size))
            position = _rows([image.positions[number] for image in placed], size)
            places.append(position.to(self.device) + base.level_embed[number])
            masks.append(valid.flatten(1))
            shapes.append(size)
            ratios.append(
                torch.stack((valid[:, 0].float().mean(1), valid[:, :, 0].float().mean(1)), -1)
            )
        spatial_shapes = torch.tensor(shapes, dtype=torch.long, device=self.device)
        starts = torch.cat((spatial_shapes.new_zeros(1), spatial_shapes.prod(1).cumsum(0)[:-1]))
        batch = len(images)
        return {
            "vision_features": torch.cat(sources, 1).to(self.device),  # [B, V, d]
            "vision_attention_mask": ~torch.cat(masks, 1).to(self.device),  # True = padding
            "vision_position_embedding": torch.cat(places, 1),
            "spatial_shapes": spatial_shapes,
            "spatial_shapes_list": shapes,
            "level_start_index": starts,
            "valid_ratios": torch.stack(ratios, 1).to(self.device),  # [B, levels, 2]
            "text_features": self._words(images, text),
            "text_attention_mask": torch.zeros(
                batch, len(text.caption.input_ids), dtype=torch.bool, device=self.device
            ),
            "text_position_embedding": None,
            "text_self_attention_masks": ~text.self_attention_mask.expand(batch, -1, -1),
            "text_position_ids": text.position_ids.expand(batch, -1),
        }

    def _words(self, images: Sequence[EncodedImage], text: EncodedText) -> Tensor:
        if images[0].words is None:
            return text.features.expand(len(images), -1, -1)
        own = [image.words for image in images if image.words is not None]
        return torch.stack(own).to(self.device)

    def _decode(self, vision: Tensor, words: Tensor, constants: dict[str, Any]) -> DetectorOutput:
        base = self._model.model
        maps = maps_of(constants)
        features, anchors = proposals(base, vision, maps)
        proposal_logits = naming_logits(base.encoder_output_class_embed, features, words)
        proposal_coords = base.encoder_output_bbox_embed(features) + anchors
        if maps.padding is not None:
            # transformers lets padding propose too; one image's place in a batch would then change what it shows.
            proposal_logits = proposal_logits.masked_fill(maps.padding[..., None], _NEVER)
        best = proposal_logits.amax(-1).topk(min(base.config.num_queries, features.shape[1]), dim=1)
        references = proposal_coords.gather(1, best.indices[..., None].expand(-1, -1, 4))
        references = references.detach().sigmoid()  # [B, Q, 4]
        if base.config.embedding_init_target:
            queries = base.query_position_embeddings.weight.expand(len(vision), -1, -1)
            queries = queries[:, : references.shape[1]]
        else:
            index = best.indices[..., None].expand(-1, -1, features.shape[-1])
            queries = features.gather(1, index).detach()
        layers, hidden = [], queries
        decoded = run_decoder(base.decoder, queries, references, vision, words, maps)
        for number, (hidden, start) in enumerate(decoded):
            logits = naming_logits(self._model.class_embed[number], hidden, words)
            delta = self._model.bbox_embed[number](hidden)
            layers.append((logits, (delta + torch.special.logit(start, eps=1e-5)).sigmoid()))
        return DetectorOutput(
            logits=layers[-1][0],
            boxes=layers[-1][1],
            auxiliary=tuple(layers[:-1]),
            proposal_logits=proposal_logits,
            proposal_boxes=_placed(proposal_coords, maps.padding),
            queries=hidden,
        )


def _placed(coords: Tensor, padding: Tensor | None) -> Tensor:
    """Boxes cxcywh in 0..1; those of padding have no size, so that no object can fall to them."""
    boxes = coords.sigmoid()
    return boxes if padding is None else boxes.masked_fill(padding[..., None], 0.0)


def _singly(waiting: Sequence[Future[Tensor]]) -> Iterator[tuple[list[int], Tensor]]:
    """One image after the other, while the next is prepared: on a CPU, one image's maps fit its caches."""
    for place, pixels in enumerate(waiting):
        yield [place], pixels.result()[None]


def _alike(pixels: Sequence[Tensor]) -> Iterator[tuple[list[int], Tensor]]:
    """Places and pixels [B, 3, h, w] of images of one size."""
    by_size: dict[tuple[int, ...], list[int]] = {}
    for place, image in enumerate(pixels):
        by_size.setdefault(tuple(image.shape), []).append(place)
    for places in by_size.values():
        yield places, torch.stack([pixels[place] for place in places])


def _rows(maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Maps [d, h, w], zeros around up to `size`, as image tokens [B, h w, d]."""
    padded = [F.pad(m, (0, size[1] - m.shape[-1], 0, size[0] - m.shape[-2])) for m in maps]
    return torch.stack([m.flatten(1).T for m in padded])
