"""Train a tiny GLIP on composed scenes of shapes: `python -m sdpt_engine.pretraining.tiny_glip OUTPUT`.

It knows twenty concepts such as "red disc", and some words that nobody taught it, for prompts to give a meaning.
Every part of the real model is in it, so what works on it works on a released one. Minutes on one core.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sdpt_engine.backbones.base import Caption
from sdpt_engine.backbones.glip import GlipConfig, GlipModel
from sdpt_engine.backbones.glip.captions import class_tokens, detection_captions
from sdpt_engine.backbones.glip.config import BertSizes, InputSettings, SwinSizes
from sdpt_engine.backbones.glip.loss import LabelledBoxes, Losses, glip_losses, make_targets
from sdpt_engine.backbones.glip.preprocess import to_batch, to_input
from sdpt_engine.pretraining.composer import Scene
from sdpt_engine.pretraining.shapes import (
    COLOURS,
    SCENE_WH,
    SHAPES,
    compose_shapes,
    shape_concepts,
)
from sdpt_engine.types import ObjectClass

SPECIAL_WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".")
UNTAUGHT_WORDS = ("gadget", "gizmo", "widget", "doodad")
VOCABULARY = (*SPECIAL_WORDS, *COLOURS, *SHAPES, *UNTAUGHT_WORDS)
NUM_NAMED = 8  # concepts in a caption
PEAK_LR, WEIGHT_DECAY, GRADIENT_CLIP, WARM_UP_SHARE = 2e-3, 1e-4, 1.0, 0.1

OnStep = Callable[[int, Losses], None]


def tiny_config() -> GlipConfig:
    """Some hundred thousand parameters; image and text widths differ, as in the released models."""
    return GlipConfig(
        swin=SwinSizes(embed_dim=16, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8), window_size=4),
        bert=BertSizes(
            vocab_size=len(VOCABULARY),
            hidden_size=48,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=96,
            max_position_embeddings=256,
        ),
        channels=64,
        num_fusion_layers=2,
        fusion_width=128,
        fusion_heads=4,
        num_groups=8,
        num_class_slots=1,
        anchor_sizes_px=(32, 64, 128, 256, 512),
        inputs=InputSettings(
            min_size_px=min(SCENE_WH), max_size_px=max(SCENE_WH), max_text_tokens=64
        ),
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Scenes of one size, seen with one caption."""

    pixels: Tensor
    labelled: tuple[LabelledBoxes, ...]
    caption: Caption


def new_model(seed: int) -> GlipModel:
    """Random, with convolutions that start undeformed."""
    torch.manual_seed(seed)
    model = GlipModel(tiny_config(), VOCABULARY)
    for name, parameter in model.named_parameters():
        if ".offset." in name:
            torch.nn.init.zeros_(parameter)
        elif ".branches." in name and name.endswith("conv.weight"):
            torch.nn.init.kaiming_normal_(parameter)
    return model


def train(
    scenes: Sequence[Scene], *, steps: int, batch_size: int, seed: int, on_step: OnStep
) -> GlipModel:
    """The trained model, frozen."""
    model, draw = new_model(seed).train(), random.Random(seed)
    tokenizer = model.tokenizer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LR, total_steps=steps, pct_start=WARM_UP_SHARE
    )
    for step in range(1, steps + 1):
        batch = make_batch(model, tokenizer, draw.sample(scenes, batch_size), draw)
        losses = losses_of(model, batch)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.total)
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_CLIP)
        optimizer.step()
        schedule.step()
        on_step(step, losses)
    return model.eval().requires_grad_(False)


def make_batch(
    model: GlipModel, tokenizer: Any, scenes: Sequence[Scene], draw: random.Random
) -> Batch:
    """What the scenes show is named, with others that they do not show, in any order; half are mirrored."""
    shown = sorted({concept for scene in scenes for concept in scene.concepts})
    others = [name for name in shape_concepts() if name not in shown]
    names = shown + draw.sample(others, max(0, min(len(others), NUM_NAMED - len(shown))))
    draw.shuffle(names)
    classes = [ObjectClass(number, name, name) for number, name in enumerate(names)]
    (caption,) = detection_captions(
        tokenizer, classes, max_tokens=model.config.bert.max_position_embeddings
    )
    tokens = class_tokens(caption.token_spans, len(caption.input_ids))
    inputs, labelled = [], []
    for scene in scenes:
        picture, boxes = to_input(scene.pixels, model.config.inputs), torch.tensor(scene.boxes)
        boxes = boxes.reshape(-1, 4)
        boxes[:, 2:] -= 1  # the last pixel, not the border behind it
        if draw.random() < 0.5:
            picture = picture.flip(-1)
            boxes[:, [0, 2]] = picture.shape[-1] - 1 - boxes[:, [2, 0]]
        inputs.append(picture)
        rows = tokens[[names.index(concept) for concept in scene.concepts]]
        labelled.append(LabelledBoxes(boxes, rows))
    return Batch(to_batch(inputs, model.config.inputs), tuple(labelled), caption)


def losses_of(model: GlipModel, batch: Batch) -> Losses:
    """GLIP's own losses of the whole model on one batch."""
    ids = torch.tensor([batch.caption.input_ids]).expand(len(batch.pixels), -1)
    mask = torch.ones_like(ids)
    output = model.detect(model.encode_images(batch.pixels), model.encode_text(ids, mask), mask)
    targets = make_targets(
        model.anchors(output),
        batch.labelled,
        model.config.loss,
        max_text_tokens=model.config.bert.max_position_embeddings,
    )
    return glip_losses(output, targets, mask, model.config.loss)


def _tell(step: int, losses: Losses) -> None:
    if step % 50 == 0:
        parts = (losses.naming, losses.placing, losses.centerness)
        print(step, " ".join(f"{part.item():.3f}" for part in parts), flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="the folder for --backbone")
    parser.add_argument("--scenes", type=int, default=800, help="scenes to learn from (800)")
    parser.add_argument("--steps", type=int, default=1200, help="(1200)")
    parser.add_argument("--batch", type=int, default=6, help="scenes per step (6)")
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    torch.set_num_threads(1)
    model = train(
        compose_shapes(words.scenes, shape_concepts(), seed=words.seed),
        steps=words.steps,
        batch_size=words.batch,
        seed=words.seed,
        on_step=_tell,
    )
    model.half().save_pretrained(words.output)  # read again in full precision


if __name__ == "__main__":
    main()
