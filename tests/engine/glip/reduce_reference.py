"""Make the committed reference out of a full one: `python -m tests.engine.glip.reduce_reference FULL OUTPUT`.

Large tensors are thinned to about `_NUMBERS_KEPT` numbers; weights that a seed gives are left to the seed.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.engine.glip.drawn_weights import DRAWN_NAME, KEPT_NAME, sampled
from tests.engine.glip.reference import STRIDES

_NUMBERS_KEPT = 4096
_DRAWN_FROM = 1024  # numbers; smaller weights are kept
_WHOLE = ("image_sizes_hw", "raw_sizes_hw", "input_ids", "mask", "positive_map", "gt", "index")
_COPIED = ("config.json", "vocab.txt", "text.json", "detections.json", "losses.json")
_PICTURES = ("image_0.png", "image_1.png")


def thin(full: Path, output: Path) -> None:
    for path in sorted(full.glob("*.safetensors")):
        if path.stem == "weights":
            continue
        tensors, strides = {}, {}
        for name, tensor in load_file(path).items():
            step = -(-tensor.numel() // _NUMBERS_KEPT)
            if step > 1 and not any(word in name for word in _WHOLE):
                step += 1 - step % 2  # odd: does not fall into step with rows of 2^n
                strides[name] = [step, list(tensor.shape)]
                tensor = tensor.flatten()[::step].clone()
            tensors[name] = tensor
        save_file(tensors, output / path.name, {STRIDES: json.dumps(strides)})


def leave_to_the_seed(full: Path, output: Path, order: list[str]) -> None:
    """Parameters in `order` came from one generator; a few of them by uniform draws."""
    weights, draws = load_file(full / "weights.safetensors"), []
    seed = json.loads((full / "config.json").read_text(encoding="utf-8"))["seed"]
    generator = torch.Generator().manual_seed(seed)
    kept = {n: t for n, t in weights.items() if "relative_position_index" not in n}
    for name in order:
        shape, kind, scale = list(weights[name].shape), _kind(name), None
        for _ in range(kind.count("uniform")):
            torch.rand(shape, generator=generator)
        if kind == "normal":
            drawn = torch.randn(shape, generator=generator)
            scale = _scale(drawn, weights[name])
        if scale is not None:
            key, sample = sampled(name, kept.pop(name))
            kept[key] = sample
        draws.append([name, shape, kind, scale])
    save_file(kept, output / KEPT_NAME)
    recipe = json.dumps({"seed": seed, "draws": draws}).replace("], [", "],\n[")
    (output / DRAWN_NAME).write_text(recipe + "\n", encoding="utf-8")


def _kind(name: str) -> str:
    if "gamma" in name:
        return "uniform uniform"
    return "uniform" if name.endswith("log_scale") or ".scales." in name else "normal"


def _scale(drawn: Tensor, weight: Tensor) -> tuple[float, float] | None:
    """What the draw was multiplied with and divided by, if that gives the weight bit for bit."""
    if weight.numel() < _DRAWN_FROM:
        return None
    ratio = float((weight.double() * drawn.double()).sum() / (drawn.double() ** 2).sum())
    root = math.sqrt(weight[0].numel())
    for factor, divisor in ((round(ratio * root, 4), root), (round(ratio, 3), 1.0)):
        if torch.equal(drawn * factor / divisor, weight):
            return factor, divisor
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("full", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--keys", type=Path, required=True, help="a checkpoint's keys in order")
    words = parser.parse_args()
    words.output.mkdir(parents=True, exist_ok=True)
    for name in (*_COPIED, *_PICTURES):
        shutil.copyfile(words.full / name, words.output / name)
    thin(words.full, words.output)
    names = [key["name"] for key in json.loads(words.keys.read_text(encoding="utf-8"))["keys"]]
    present = load_file(words.full / "weights.safetensors")
    parameters = [n for n in names if n in present and "index" not in n and "anchors" not in n]
    leave_to_the_seed(words.full, words.output, parameters)


if __name__ == "__main__":
    main()
