"""What training starts from: `python -m sdpt_engine.pretraining.beginning --help`.

Either a random detector of the sizes in the folder's config.json, or a larger one that says what the folder's trained
one says. Writes a folder like the one that `build_nano` writes.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sdpt_engine.backbones.nano import WORDS_NAME, empty_nano, is_trained_part

_DECODER_LAYER = "model.decoder.layers."
_QUERIES = "model.query_position_embeddings.weight"
_RARE_LOGIT = -4.6  # a score of .01: nearly every word is wrong for nearly every query
_GATES = {"vision_param": "attn.out_vision_proj", "text_param": "attn.out_text_proj"}


def grown(
    state: Mapping[str, Tensor], *, decoder_layers: int, num_queries: int, gate: float
) -> dict[str, Tensor]:
    """`state` (names of MMGroundingDinoForObjectDetection) with more decoder layers, queries and open gates.

    New decoder layers are copies of the last one, new queries of the old ones with a little noise. A fusion gate is
    set to `gate` and the projection before it shrunk by as much: the function stays the same, but what comes through
    fusion learns as fast as the rest.
    """
    larger = {name: tensor.clone().float() for name, tensor in state.items()}
    numbers = {
        int(n.removeprefix(_DECODER_LAYER).split(".")[0])
        for n in state
        if n.startswith(_DECODER_LAYER)
    }
    last = max(numbers)
    for number in range(last + 1, decoder_layers):
        for name in [n for n in state if n.startswith(f"{_DECODER_LAYER}{last}.")]:
            copied = name.replace(f"{_DECODER_LAYER}{last}.", f"{_DECODER_LAYER}{number}.")
            larger[copied] = larger[name].clone()
    queries = larger[_QUERIES]
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(len(queries), num_queries) % len(queries)
    noise = 0.1 * queries.std() * torch.randn(len(rows), queries.shape[1], generator=generator)
    larger[_QUERIES] = torch.cat((queries, queries[rows] + noise))
    for name in state:
        fusion, _, parameter = name.rpartition(".")
        if parameter in _GATES:
            share = larger[name] / gate
            for part in ("weight", "bias"):
                projection = f"{fusion}.{_GATES[parameter]}.{part}"
                scale = share[:, None] if part == "weight" else share
                larger[projection] = larger[projection] * scale
            larger[name] = torch.full_like(larger[name], gate)
    return larger


def write_grown(
    folder: Path, output: Path, *, decoder_layers: int, num_queries: int, gate: float
) -> None:
    """`folder`, grown, in `output`."""
    larger = grown(
        load_file(folder / "trained.safetensors"),
        decoder_layers=decoder_layers,
        num_queries=num_queries,
        gate=gate,
    )
    config = {"decoder_layers": decoder_layers, "num_queries": num_queries}
    _write(folder, output, larger, config)
    if (folder / WORDS_NAME).is_file():
        shutil.copyfile(folder / WORDS_NAME, output / WORDS_NAME)


def write_random(folder: Path, output: Path, *, seed: int, gate: float) -> None:
    """Random weights of the sizes of `folder` in `output`, with the encoders of `folder` and open fusion gates."""
    torch.manual_seed(seed)
    named = empty_nano(folder).named_parameters()  # shared heads once, as they are stored
    state = {name: p.detach() for name, p in named if is_trained_part(name)}
    for name, tensor in state.items():
        if name.rpartition(".")[2] in _GATES:
            tensor.fill_(gate)
        elif name.endswith("class_embed.bias") or "class_embed.0.bias" in name:
            tensor.fill_(_RARE_LOGIT)
    _write(folder, output, state, {})


def _write(
    folder: Path, output: Path, state: Mapping[str, Tensor], config: Mapping[str, int]
) -> None:
    output.mkdir(parents=True, exist_ok=True)
    for name in ("image_encoder.safetensors", "text_encoder.safetensors", "vocab.txt"):
        shutil.copyfile(folder / name, output / name)
    save_file({n: t.contiguous() for n, t in state.items()}, output / "trained.safetensors")
    written = {**json.loads((folder / "config.json").read_text("utf-8")), **config}
    (output / "config.json").write_text(json.dumps(written, indent=1), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folder", type=Path, help="a nano: encoders, config.json, trained weights")
    add("output", type=Path)
    add("--random", action="store_true", help="do not take over what was trained")
    add("--decoder-layers", type=int, default=3, help="of a grown one (3)")
    add("--queries", type=int, default=100, help="of a grown one (100)")
    add("--gate", type=float, default=1 / 3, help="what fusion gates start at (1/3)")
    add("--seed", type=int, default=0, help="of random weights")
    words = parser.parse_args()
    if words.random:
        write_random(words.folder, words.output, seed=words.seed, gate=words.gate)
    else:
        write_grown(
            words.folder,
            words.output,
            decoder_layers=words.decoder_layers,
            num_queries=words.queries,
            gate=words.gate,
        )


if __name__ == "__main__":
    main()
