"""Teach the network that looks for edges its start: `python -m sdpt_engine.pretraining.train_edges --help`.

It learns from the boxes of a labelled folder (images/, train.json, test.json), found loosely by chance. What ships
learnt from drawings of a thousand names, none of which is in a set that the benchmarks run on:

    python -m sdpt_engine.pretraining.compose_set --seed 50 --train 900 --test 50 --concepts NAMES \\
        --font NotoColorEmoji.ttf --fluent package/assets --output many
    python -m sdpt_engine.pretraining.train_edges many --output assets/backbones/nano/edges.safetensors
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from sdpt_engine.bench.sets import load_set
from sdpt_engine.boxes import iou_xyxy
from sdpt_engine.data import load_image_upright
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.edges.lesson import learn, lesson_from
from sdpt_engine.second_look.edges.network import EdgeNetwork
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.second_look.lessons import found_loosely
from sdpt_engine.types import Example

TIGHT_IOU = 0.75
_TELL_EVERY = 50


def share_tight(finder: EdgeFinder, examples: Sequence[Example], seed: int) -> tuple[float, float]:
    """Of boxes that were found loosely, how many lie at `TIGHT_IOU` with the true ones: before and after a look."""
    chance = np.random.default_rng(seed)
    before: list[torch.Tensor] = []
    after: list[torch.Tensor] = []
    for example in examples:
        pixels = load_image_upright(example.image_path)
        found = found_loosely(example.boxes, (pixels.shape[1], pixels.shape[0]), chance)
        for boxes, overlaps in ((found, before), (finder.tighten(pixels, found), after)):
            pairs = iou_xyxy(torch.from_numpy(boxes), torch.from_numpy(example.boxes))
            overlaps.append(pairs.diagonal() >= TIGHT_IOU)
    return float(torch.cat(before).float().mean()), float(torch.cat(after).float().mean())


def main() -> None:
    words = _parser().parse_args()
    torch.set_num_threads(words.threads)
    torch.manual_seed(words.seed)
    labelled = load_set(words.folder)
    finder = EdgeFinder(EdgeNetwork().state_dict(), load_encoder(torch.device("cpu")))
    lesson = lesson_from(finder, labelled.train, times_per_box=words.times_per_box, seed=words.seed)
    if lesson is None:
        raise SystemExit(f"'{words.folder}/train.json' has no box to learn from.")
    learn(
        finder,
        lesson,
        steps=words.steps,
        batch_size=64,
        learning_rate=2e-3,
        seed=words.seed,
        on_step=lambda step, loss: _tell(step, words.steps, loss),
    )
    save_file(finder.tensors, words.output)
    before, after = share_tight(finder, labelled.test, words.seed)
    print(f"test boxes at IoU {TIGHT_IOU}: {before:.3f} as found, {after:.3f} tightened")  # noqa: T201


def _tell(step: int, of: int, loss: float) -> None:
    if step % _TELL_EVERY == 0 or step == of:
        print(f"loss {loss:.3f}: {step} of {of}", flush=True)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="images/, train.json and test.json")
    add("--output", type=Path, required=True, help="the file to write")
    add("--steps", type=int, default=2500, help="of 64 cut-outs (2500)")
    add("--times-per-box", type=int, default=5, help="ways in which a box is found (5)")
    add("--threads", type=int, default=2, help="(2)")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
