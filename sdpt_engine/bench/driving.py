"""Works a plan off in several processes; every row is on disk before the next run begins."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

import torch

from sdpt_engine.bench.few_shot import Plan, cells, run_set
from sdpt_engine.bench.rows import ROWS_NAME, Row, append_row, read_rows

_LOOK_EVERY_S = 1.0
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    # Blocks of some MB are used again instead of being given back to the system at every step.
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}


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
    for name, value in WORKER_ENVIRONMENT.items():
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
    done: frozenset[tuple[str, str, float, int, int]],
    path: Path,
) -> None:
    torch.set_num_threads(1)
    for row in run_set(plan, folder, seed, done):
        append_row(path, row)
