"""Teach the network that looks for edges its start: `python -m sdpt_engine.pretraining.train_edges --help`.

It learns from the boxes of a labelled folder (images/, train.json, test.json) and of collections of photographs (see
`collect`), found loosely by chance. One photograph in ten is kept back and judges, as test.json does. What ships learnt
from photographs and from drawings of a thousand names, none of which is in a set that the benchmarks run on:

    python -m sdpt_engine.pretraining.compose_set --seed 51 --train 3000 --test 60 --concepts NAMES \\
        --font NotoColorEmoji.ttf --fluent package/assets --output many
    python -m sdpt_engine.pretraining.train_edges many --photographs COLLECTIONS/* \\
        --start EARLIER.safetensors --learning-rate 1e-3 --output assets/backbones/nano/edges.safetensors

where the earlier weights had learnt from drawings alone, from chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from sdpt_engine.bench.sets import load_set
from sdpt_engine.boxes import iou_xyxy
from sdpt_engine.data import load_image_upright
from sdpt_engine.pretraining.photographs import Photograph, read_collection
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.edges.lesson import learn, lesson_from
from sdpt_engine.second_look.edges.network import EdgeNetwork
from sdpt_engine.second_look.encoder import load_encoder
from sdpt_engine.second_look.lessons import found_loosely
from sdpt_engine.types import Example

TIGHT_IOU = 0.75
_JUDGES_EVERY = 10  # photograph
_MOST_BOXES = 8  # of one photograph: a heap of the same teaches little more
_TELL_EVERY = 50


def examples_of(photographs: Sequence[Photograph], seed: int) -> list[Example]:
    """Photographs as labelled images, of each at most `_MOST_BOXES` boxes, by chance."""
    chance = np.random.default_rng(seed)
    found = []
    for photograph in photographs:
        boxes = chance.permutation(photograph.boxes)[:_MOST_BOXES]
        found.append(Example(photograph.path, boxes, np.zeros(len(boxes), np.int64)))
    return found


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
    collected = [item for folder in words.photographs for item in read_collection(folder)]
    photographs = examples_of(collected, words.seed)
    judges = {"drawings": labelled.test, "photographs": photographs[::_JUDGES_EVERY]}
    del photographs[::_JUDGES_EVERY]
    weights = load_file(words.start) if words.start else EdgeNetwork().state_dict()
    finder = EdgeFinder(weights, load_encoder(torch.device("cpu")))
    _tell_shares(finder, judges, words.seed)
    taught = [*labelled.train, *photographs]
    lesson = lesson_from(finder, taught, times_per_box=words.times_per_box, seed=words.seed)
    if lesson is None:
        raise SystemExit(f"'{words.folder}/train.json' has no box to learn from.")
    learn(
        finder,
        lesson,
        steps=words.steps,
        batch_size=64,
        learning_rate=words.learning_rate,
        seed=words.seed,
        on_step=lambda step, loss: _tell(step, words.steps, loss),
    )
    save_file(finder.tensors, words.output)
    _tell_shares(finder, judges, words.seed)


def _tell_shares(finder: EdgeFinder, judges: Mapping[str, Sequence[Example]], seed: int) -> None:
    for name, examples in judges.items():
        if examples:
            before, after = share_tight(finder, examples, seed)
            _say(f"{name} at IoU {TIGHT_IOU}: {before:.3f} as found, {after:.3f} tightened")


def _say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201


def _tell(step: int, of: int, loss: float) -> None:
    if step % _TELL_EVERY == 0 or step == of:
        _say(f"loss {loss:.3f}: {step} of {of}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="images/, train.json and test.json")
    add("--photographs", type=Path, nargs="+", default=[], help="collections, see `collect`")
    add("--start", type=Path, help="weights to go on from; from chance without")
    add("--output", type=Path, required=True, help="the file to write")
    add("--steps", type=int, default=3000, help="of 64 cut-outs (3000)")
    add("--learning-rate", type=float, default=2e-3, help="at its highest (.002)")
    add("--times-per-box", type=int, default=4, help="ways in which a box is found (4)")
    add("--threads", type=int, default=2, help="(2)")
    add("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
