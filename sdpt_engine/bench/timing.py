"""Times of two ways to do the same, taken in turns: on a shared machine only their ratio means something."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.profiler import profile

_MATRIX_PRODUCTS = ("mm", "bmm", "baddbmm", "scaled_dot_product", "convolution", "conv2d")


@dataclass(frozen=True, slots=True)
class Pair:
    """Medians in seconds, and the median over the rounds of rival / ours."""

    ours_s: float
    rival_s: float
    ratio: float
    rounds: int


def in_turns(ours: Callable[[], Any], rival: Callable[[], Any], *, rounds: int) -> Pair:
    """Run both `rounds` times after one warm-up; who goes first changes every round."""
    ours()
    rival()
    times: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            theirs, mine = _seconds(rival), _seconds(ours)
        else:
            mine, theirs = _seconds(ours), _seconds(rival)
        times.append((mine, theirs))
    return Pair(
        ours_s=statistics.median(mine for mine, _ in times),
        rival_s=statistics.median(theirs for _, theirs in times),
        ratio=statistics.median(theirs / mine for mine, theirs in times),
        rounds=rounds,
    )


def matrix_share(run: Callable[[], Any]) -> float:
    """Share of `run`'s time that matrix products and convolutions take, 0..1: what cannot be saved."""
    run()
    with profile(use_kineto=False) as profiler:
        run()
    spent = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    products = sum(time for name, time in spent.items() if _is_product(name))
    return float(products / max(sum(spent.values()), 1e-9))


def _is_product(name: str) -> bool:
    return name.startswith(("aten::", "mkldnn::")) and any(
        part in name for part in _MATRIX_PRODUCTS
    )


def _seconds(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
