"""From a plan to rows: what the output folder holds already is not run again."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from app.bench.effort.arms import ARMS
from app.bench.effort.attempt import Attempt
from app.bench.effort.checking import check_audits
from app.bench.effort.desk import Desk
from app.bench.effort.machine import Machine
from app.bench.effort.person import Person
from app.bench.effort.rows import ROWS_NAME, Key, Row, append_row, read_rows, thinned
from app.bench.effort.times import TimeModel
from app.bench.effort.truth import TruthSet, class_ids, empty_workspace, load_truth
from app.errors import OutputError
from app.progress import OnProgress
from app.tuning import TuneRequest

TERMS_NAME = "terms.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which sets are labelled in which ways, by whom. None: all images, and the steps that Tune takes."""

    sets: tuple[Path, ...]
    arms: tuple[str, ...] = tuple(ARMS)
    seeds: tuple[int, ...] = (0,)
    damages: tuple[float, ...] = (0.0,)
    backbone: str = "nano"
    device: str = "auto"
    most_images: int | None = None
    num_first: int = 10
    steps: int | None = None
    times: TimeModel = field(default_factory=TimeModel)
    person: Person = field(default_factory=Person)

    @property
    def terms(self) -> dict[str, Any]:
        """What must be the same for rows to be comparable."""
        return {
            "most_images": self.most_images,
            "num_first": self.num_first,
            "steps": self.steps,
            "times": asdict(self.times),
            "person": asdict(self.person),
        }

    def keys(self) -> Iterator[tuple[Path, Key]]:
        for seed in self.seeds:
            for folder in self.sets:
                for damaged in self.damages:
                    for arm in self.arms:
                        yield folder, (folder.name, arm, self.backbone, damaged, seed)


def run_plan(plan: Plan, output: Path, *, on_progress: OnProgress) -> list[Row]:
    """All rows of the plan. `on_progress` hears (arms done, arms in all).

    Raises OutputError when the folder holds rows of other terms.
    """
    output.mkdir(parents=True, exist_ok=True)
    _require_same_terms(plan, output / TERMS_NAME)
    path = output / ROWS_NAME
    wanted, known = list(plan.keys()), {row.key for row in read_rows(path)}
    for number, (folder, key) in enumerate(wanted):
        on_progress(number, len(wanted))
        if key not in known:
            append_row(path, run_arm(plan, folder, key))
    on_progress(len(wanted), len(wanted))
    keys = {key for _, key in wanted}
    return [row for row in read_rows(path) if row.key in keys]


def run_arm(plan: Plan, folder: Path, key: Key) -> Row:
    """Label one set in one way, in a workspace that is thrown away afterwards."""
    _, arm, backbone, damaged, seed = key
    truth = load_truth(folder, most_images=plan.most_images, seed=seed)
    scratch = Path(tempfile.mkdtemp(prefix="sdpt-effort-"))
    try:
        with empty_workspace(truth, scratch, backbone=backbone) as (workspace, by_id):
            desk = Desk(
                workspace,
                by_id,
                class_ids=class_ids(workspace, truth),
                person=replace(plan.person, seed=seed),
                times=plan.times,
            )
            machine = Machine(workspace, device=plan.device, damaged=damaged)
            request = TuneRequest(steps=plan.steps, seed=seed, prelabels=True)
            attempt = Attempt(desk, machine, request, plan.num_first)
            ARMS[arm](attempt)
            return _row(key, truth, attempt)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _row(key: Key, truth: TruthSet, attempt: Attempt) -> Row:
    desk = attempt.desk
    dataset, arm, backbone, damaged, seed = key
    return Row(
        dataset=dataset,
        arm=arm,
        backbone=backbone,
        damage=damaged,
        seed=seed,
        num_images=len(truth.images),
        num_objects=truth.num_objects,
        actions=desk.actions,
        human_s=desk.seconds,
        machine_s=attempt.machine.seconds,
        tunings=tuple(attempt.tunings),
        audited=check_audits(desk),
        curve=thinned(desk.curve),
    )


def _require_same_terms(plan: Plan, path: Path) -> None:
    """Rows of other terms must not be taken for answers."""
    if not path.exists():
        path.write_text(json.dumps(plan.terms, indent=1) + "\n", encoding="utf-8")
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    differing = [name for name, value in plan.terms.items() if known.get(name) != value]
    if differing:
        raise OutputError(
            f"'{path.parent}' holds rows that were made with another {', '.join(differing)}; see "
            f"'{path.name}' there. Name another --output, or remove the folder."
        )
