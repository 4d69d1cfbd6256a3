"""The end of nano's training: what the words still lack of the table of names, they learn by themselves.

Regions stand still. Each step asks some names and moves the text side alone towards their vectors, see `alignment`.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch

from sdpt_engine.pretraining.alignment import NameTable, name_features
from sdpt_engine.pretraining.nano_model import NanoInTraining
from sdpt_engine.schedule import learning_rate_factor

_TEXT_SIDE = ("text_projection", "text_enhancer_layer", "layer_norm_text")
_SAY_EVERY = 50


def copy_table(
    nano: NanoInTraining,
    table: NameTable,
    *,
    steps: int,
    learning_rate: float = 1e-3,
    num_names: int = 192,
    seed: int = 0,
    on_progress: Callable[[int, float], None],
) -> None:
    """Changes the text side of `nano` in place. `on_progress` hears (steps done, what the words lack: 0 is nothing)."""
    draw, names = random.Random(f"{seed} copying"), list(table.row_of)
    words = [p for name, p in nano.parameters().items() if any(t in name for t in _TEXT_SIDE)]
    optimizer = torch.optim.AdamW(words, lr=learning_rate, weight_decay=0.0)
    lacking = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * learning_rate_factor(step, steps)
        asked = draw.sample(names, min(num_names, len(names)))
        loss = table.copied(name_features(nano, asked), asked)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimizer.step()
        lacking.append(float(loss.detach()))
        if (step + 1) % _SAY_EVERY == 0:
            on_progress(step + 1, sum(lacking) / len(lacking))
            lacking = []
