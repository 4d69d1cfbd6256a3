"""Works a plan off in several processes; every row is on disk before the next run begins."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

import torch

from sdpt_engine.bench.few_shot import Plan, cells, run_set
from sdpt_engine.bench.rows import ROWS_NAME, Key, Row, append_row, read_rows
from sdpt_engine.environment import CALM_CPU

_LOOK_EVERY_S = 1.0


def run_plan(
    plan: Plan,
    output: Path,
    *,
    num_workers: int,
    on_progress: Callable[[int, int], None],
) -> list[Row]:
    """All rows of the plan; those that `output` holds already are not run again.

    `on_progress` hears (runs done, runs in all).
    """
    output.mkdir(parents=True, exist_ok=True)
    path = output / ROWS_NAME
    before = len(read_rows(path))
    done = frozenset(row.key for row in read_rows(path))
    wanted = {
        (folder.name, c.method, c.rate, c.shots, c.seed)
        for seed in plan.seeds
        for folder in plan.sets
        for c in cells(plan, seed)
    }
    total = len(wanted - done)
    for name, value in {**CALM_CPU, "OMP_NUM_THREADS": "1"}.items():
        os.environ.setdefault(name, value)  # a process reads them when it starts
    with ProcessPoolExecutor(num_workers, mp_context=get_context("spawn")) as pool:
        pending = {
            pool.submit(_run_part, plan, folder, seed, done, path)
            for seed in plan.seeds
            for folder in plan.sets
        }
        while pending:
            finished, pending = wait(pending, _LOOK_EVERY_S, return_when=FIRST_COMPLETED)
            for part in finished:
                part.result()
            on_progress(len(read_rows(path)) - before, total)
    return [row for row in read_rows(path) if row.key in wanted]


def _run_part(
    plan: Plan,
    folder: Path,
    seed: int,
    done: frozenset[Key],
    path: Path,
) -> None:
    torch.set_num_threads(1)
    starter = os.getppid()
    for row in run_set(plan, folder, seed, done):
        append_row(path, row)
        if os.getppid() != starter:  # whoever asked is gone: nobody waits for the rest
            return
