"""Train a tiny GLIP on composed scenes of shapes: `python -m sdpt_engine.pretraining.tiny_glip OUTPUT`.

It knows twenty concepts such as "red disc", and some words that nobody taught it, for prompts to give a meaning.
Every part of the real model is in it, so what works on it works on a released one. Minutes on one core; in the end
it says what the result is worth on scenes that it never saw.
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
    scene_maker,
    shape_concepts,
)
from sdpt_engine.pretraining.tiny_glip_figures import measure
from sdpt_engine.schedule import one_cycle
from sdpt_engine.types import ObjectClass

SPECIAL_WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".")
UNTAUGHT_WORDS = ("gadget", "gizmo", "widget", "doodad")
VOCABULARY = (*SPECIAL_WORDS, *COLOURS, *SHAPES, *UNTAUGHT_WORDS)
NUM_NAMED = (6, 20)  # concepts in a caption, at least and at most, as far as what is shown allows
PEAK_LR, WEIGHT_DECAY, GRADIENT_CLIP, WARM_UP_SHARE = 2e-3, 1e-4, 1.0, 0.05
# Where words learn as fast as the image side, they soon all look alike, and nothing tells "red" from "blue". And
# a step of Adam moves an output by as much as it has inputs: offsets would leave the picture.
TEXT_RATE, OFFSET_RATE, WIDE_RATE, HEAD_RATE = 0.1, 0.05, 0.25, 3.0  # shares of the peak
_TEXT_PARTS = ("text_encoder.", ".words.", ".attention.out_text_proj.", ".text_projection.")
_WORD_SPREAD, _PLACE_SPREAD, _MEANING_SPREAD = 0.3, 0.03, 6.0

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
    """Random, with convolutions that start undeformed, and words that differ by more than their place."""
    torch.manual_seed(seed)
    model = GlipModel(tiny_config(), VOCABULARY)
    for name, parameter in model.named_parameters():
        if ".offset." in name:
            torch.nn.init.zeros_(parameter)
        elif ".branches." in name and name.endswith("conv.weight"):
            torch.nn.init.kaiming_normal_(parameter)
    embeddings = model.text_encoder.bert.embeddings
    torch.nn.init.normal_(embeddings.word_embeddings.weight, std=_WORD_SPREAD)
    torch.nn.init.normal_(embeddings.position_embeddings.weight, std=_PLACE_SPREAD)
    # Far apart among the image features, words are what the image side learns to tell apart.
    model.heads.text_projection.weight.data *= _MEANING_SPREAD
    return model


def parameter_groups(model: GlipModel) -> list[dict[str, Any]]:
    """All parameters, each in the group of its rate."""
    groups: dict[float, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault(_rate(name, parameter), []).append(parameter)
    return [{"params": members, "lr": PEAK_LR * rate} for rate, members in groups.items()]


def _rate(name: str, parameter: Tensor) -> float:
    if any(part in name for part in _TEXT_PARTS):
        return TEXT_RATE
    if ".offset." in name:
        return OFFSET_RATE
    if name.startswith("heads."):
        return HEAD_RATE
    is_wide = parameter.dim() == 4 and parameter.shape[-1] == 3
    return WIDE_RATE if is_wide else 1.0


def train(
    scene: Callable[[int], Scene], *, steps: int, batch_size: int, seed: int, on_step: OnStep
) -> GlipModel:
    """The trained model, frozen. `scene` makes a new scene for each number from 0 on; none is seen twice."""
    model, draw = new_model(seed), random.Random(seed)
    model.eval()  # no dropout: there is nothing to learn by heart
    tokenizer = model.tokenizer()
    groups = parameter_groups(model)
    peaks = [group["lr"] for group in groups]
    optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
    schedule = one_cycle(
        optimizer, peaks, steps=steps, warm_up=WARM_UP_SHARE, cycles_momentum=False
    )
    for step in range(1, steps + 1):
        first = (step - 1) * batch_size
        scenes = [scene(number) for number in range(first, first + batch_size)]
        losses = losses_of(model, make_batch(model, tokenizer, scenes, draw))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses.total)
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_CLIP)
        optimizer.step()
        schedule.step()
        on_step(step, losses)
    return model.requires_grad_(False)


def make_batch(
    model: GlipModel, tokenizer: Any, scenes: Sequence[Scene], draw: random.Random
) -> Batch:
    """What the scenes show is named, with others that they do not show, in any order; half are mirrored."""
    shown = sorted({concept for scene in scenes for concept in scene.concepts})
    others = [name for name in shape_concepts() if name not in shown]
    number = draw.randint(*NUM_NAMED) - len(shown)
    names = shown + draw.sample(others, max(0, min(len(others), number)))
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
        told = " ".join(f"{part.item():.3f}" for part in parts)
        print(f"{step}: naming, placing, centerness {told}", flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="the folder for --backbone")
    parser.add_argument("--steps", type=int, default=1700, help="(1700)")
    parser.add_argument("--batch", type=int, default=6, help="new scenes per step (6)")
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    torch.set_num_threads(1)
    model = train(
        scene_maker(shape_concepts(), seed=words.seed),
        steps=words.steps,
        batch_size=words.batch,
        seed=words.seed,
        on_step=_tell,
    )
    model.half().save_pretrained(words.output)  # read again in full precision
    for line in measure(words.output).lines():
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()
