"""A larger detector that starts as a smaller, trained one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_DECODER_LAYER = "model.decoder.layers."
_QUERIES = "model.query_position_embeddings.weight"
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
