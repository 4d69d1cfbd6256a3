"""Works a plan off in several processes; every row is on disk before the next run begins."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

import torch

from sdpt_engine.bench.few_shot import AS_SHIPPED, Plan, cells, peak_of, run_set
from sdpt_engine.bench.rows import ROWS_NAME, Key, Row, append_row, read_rows
from sdpt_engine.environment import CALM_CPU
from sdpt_engine.errors import InvalidExampleError

PLAN_NAME, PEAKS_NAME = "plan.json", "peaks.json"
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
    _require_same_terms(plan, output / PLAN_NAME)
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


def measure_peaks(plan: Plan, output: Path) -> dict[str, float]:
    """The most memory in MB of each method, each in a process of its own; known ones are not measured again."""
    path = output / PEAKS_NAME
    peaks: dict[str, float] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    for method in plan.methods:
        if method not in peaks and method != AS_SHIPPED:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                peaks[method] = round(pool.submit(peak_of, plan, method).result(), 1)
            path.write_text(json.dumps(peaks, indent=1) + "\n", encoding="utf-8")
    return peaks


def _require_same_terms(plan: Plan, path: Path) -> None:
    """Rows of other terms must not be taken for answers."""
    terms = {
        name: getattr(plan, name) for name in ("backbone", "steps", "is_choosing", "num_judges")
    }
    if not path.exists():
        path.write_text(json.dumps(terms, indent=1) + "\n", encoding="utf-8")
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    if known != terms:
        raise InvalidExampleError(
            f"'{path.parent}' holds rows of {known}, but {terms} was asked for. Name another --output, or "
            "remove the folder."
        )


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
