"""What the network learns from: a person's boxes, and the same boxes as a detector might have found them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sdpt_engine.data import load_image_upright
from sdpt_engine.schedule import one_cycle
from sdpt_engine.second_look.crops import to_shares
from sdpt_engine.second_look.edges.finder import EdgeFinder
from sdpt_engine.second_look.edges.network import Maps, edge_loss, together
from sdpt_engine.second_look.lessons import ShouldStop, found_loosely, stop_if_asked
from sdpt_engine.types import Example

_LEAST_PX = 4.0
_WARM_UP = 0.1
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True, slots=True)
class Lesson:
    """Cut-outs behind the encoder, and where the edges lie in each: shares [N, 4]."""

    maps: Maps
    shares: Tensor

    def __len__(self) -> int:
        return len(self.shares)


def lesson_from(
    finder: EdgeFinder,
    examples: Sequence[Example],
    *,
    times_per_box: int,
    seed: int,
    should_stop: ShouldStop | None = None,
) -> Lesson | None:
    """Every box `times_per_box` times, each time found a little differently; None without any box.

    Raises TuneInterrupted between two images, ImageUnreadableError.
    """
    chance = np.random.default_rng(seed)
    maps: list[Maps] = []
    shares: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    for example in examples:
        stop_if_asked(should_stop)
        sides = example.boxes[:, 2:] - example.boxes[:, :2]
        true = example.boxes[(sides >= _LEAST_PX).all(axis=1)].repeat(times_per_box, axis=0)
        if len(true):
            pixels = load_image_upright(example.image_path)
            found = found_loosely(true, (pixels.shape[1], pixels.shape[0]), chance)
            maps.append(together([finder.maps(pixels, found)]))
            shares.append(to_shares(true, finder.regions(found)))
    if not maps:
        return None
    return Lesson(together(maps), torch.from_numpy(np.concatenate(shares)).clamp(0.001, 0.999))


def learn(
    finder: EdgeFinder,
    lesson: Lesson,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    should_stop: ShouldStop | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> None:
    """Train the finder's network in place, by AdamW with one cycle of the learning rate.

    `on_step` hears (steps done, loss). Raises TuneInterrupted between two steps.
    """
    network = finder.network.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=_WEIGHT_DECAY)
    schedule = one_cycle(optimizer, learning_rate, steps=steps, warm_up=_WARM_UP)
    picks = torch.Generator().manual_seed(seed)
    try:
        for step in range(steps):
            stop_if_asked(should_stop, step)
            indices = torch.randint(len(lesson), (batch_size,), generator=picks)
            logits = network(lesson.maps.at(indices.to(lesson.maps.fine.device)))
            loss = edge_loss(logits, lesson.shares[indices].to(finder.device))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            if on_step is not None:
                on_step(step + 1, float(loss.detach()))
    finally:
        network.eval().requires_grad_(False)
