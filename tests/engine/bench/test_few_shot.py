"""The comparison is fair, resumable, and writes each row as soon as it is known."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.bench.few_shot import ABLATIONS, request
from sdpt_engine.baselines import METHODS
from sdpt_engine.bench.driving import run_plan
from sdpt_engine.bench.few_shot import AS_SHIPPED, Plan, cells, run_set
from sdpt_engine.bench.report import accuracy_table, write_report
from sdpt_engine.bench.rows import Row, append_row, read_rows, summarise
from sdpt_engine.bench.sets import few_shots, load_set
from sdpt_engine.bench.variants import variant
from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.types import Example

DATASETS = Path(__file__).parents[3] / "assets" / "datasets"
BCCD = DATASETS / "bccd"
SMALL = Plan(
    sets=(BCCD,), methods=("zero-shot", "sdpt"), shots=(1,), seeds=(0,), steps=2, num_judges=2
)


def row(**changes: object) -> Row:
    made = Row(
        *("bccd", "sdpt", 0.3, 3, 0, 4, 0.25, 0.5, 0.02),
        *(14_592, 0.0005, 60, 0.15, 58.4, True),
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def example(*labels: int) -> Example:
    boxes = np.tile(np.array([[0, 0, 9, 9]], np.float32), (len(labels), 1))
    return Example(Path("a.png"), boxes, np.array(labels, np.int64))


def test_more_shots_contain_the_images_of_fewer() -> None:
    train = load_set(BCCD, is_choosing=True).train
    chosen = [few_shots(train, 3, shots=k, seed=1) for k in (1, 3, 5, 10)]
    for fewer, more in itertools.pairwise(chosen):
        assert more[: len(fewer)] == fewer
    assert few_shots(train, 3, shots=5, seed=2) != chosen[2]


def test_every_class_is_on_as_many_images_as_shots_or_on_all_that_show_it() -> None:
    train = [example(0), example(0, 1), example(0), example(1), example(2)]
    chosen = few_shots(train, 3, shots=2, seed=0)
    seen = [sum((train[i].labels == label).any() for i in chosen) for label in range(3)]
    assert seen[0] >= 2
    assert seen[1:] == [2, 1]


def test_choosing_never_opens_the_test_labels(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    shutil.copy2(BCCD / "train.json", tmp_path / "set" / "train.json")
    chosen = load_set(tmp_path / "set", is_choosing=True)
    learnt = {item.image_path for item in chosen.train}
    assert learnt.isdisjoint(item.image_path for item in chosen.test)
    with pytest.raises(InvalidExampleError, match=r"test\.json"):
        load_set(tmp_path / "set")


def test_a_run_gives_a_row_and_a_second_one_nothing_new() -> None:
    rows = list(run_set(SMALL, BCCD, 0, frozenset()))
    assert [(r.method, r.shots) for r in rows] == [("zero-shot", 0), ("sdpt", 1)]
    assert rows[1].trained > 0
    assert rows[1].steps == 2
    done = frozenset(r.key for r in rows)
    assert list(run_set(SMALL, BCCD, 0, done)) == []


def test_tune_as_shipped_keeps_zero_shot_where_it_is_no_worse() -> None:
    plan = dataclasses.replace(SMALL, methods=("zero-shot", AS_SHIPPED), steps=1)
    zero_shot, shipped = run_set(plan, BCCD, 0, frozenset())
    assert shipped.kept or shipped.ap == zero_shot.ap


def test_rows_survive_the_disk_and_a_line_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    written = [row(), row(method="sdpt:num_tokens=4,paths=text_only", kept=False)]
    for item in written:
        append_row(path, item)
    with path.open("a") as stream:
        stream.write("bccd,sdpt,0.3,5")  # killed in the middle of a write
    assert read_rows(path) == written
    append_row(path, row(seed=7))
    assert read_rows(path) == [*written, row(seed=7)]


def test_a_run_that_was_written_twice_counts_once(tmp_path: Path) -> None:
    for _ in range(2):
        append_row(tmp_path / "rows.csv", row())
    assert read_rows(tmp_path / "rows.csv") == [row()]


def test_seeds_become_mean_and_standard_deviation() -> None:
    rows = [row(seed=seed, ap50=ap50) for seed, ap50 in enumerate((0.4, 0.5, 0.6))]
    (summary,) = summarise(rows).values()
    assert (summary.ap50, summary.num_seeds) == (pytest.approx(0.5), 3)
    assert summary.ap50_sd == pytest.approx(0.1)


def test_several_rates_of_a_method_are_told_apart() -> None:
    rows = [row(rate=rate, ap=rate) for rate in (0.1, 0.3)]
    names = [method for _, method, _ in summarise(rows)]
    assert names == ["sdpt at 0.1", "sdpt at 0.3"]


def test_rows_made_on_other_terms_are_refused(tmp_path: Path) -> None:
    plan = dataclasses.replace(SMALL, methods=())
    run_plan(plan, tmp_path, num_workers=1, on_progress=lambda *_: None)
    longer = dataclasses.replace(plan, steps=99)
    with pytest.raises(InvalidExampleError, match="another --output"):
        run_plan(longer, tmp_path, num_workers=1, on_progress=lambda *_: None)


def test_report_is_a_table_and_a_picture(tmp_path: Path) -> None:
    rows = [row(seed=seed) for seed in range(3)]
    rows += [row(method="zero-shot", shots=0, ap50=0.1)]
    write_report(rows, tmp_path, command="sdpt-app bench few-shot", peaks={"sdpt": 700.0})
    table = (tmp_path / "table.md").read_text()
    assert "`sdpt-app bench few-shot`" in table
    assert "| zero-shot | 10.0 (25.0) |" in accuracy_table(rows)
    assert (tmp_path / "ap50.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", [name for name in ABLATIONS if name != "sdpt"])
def test_every_ablation_is_a_variant_of_what_is_shipped(name: str) -> None:
    assert variant(name).rate > 0


@pytest.mark.parametrize("name", ["sdtp", "sdpt:colour=red", "lora:rank=4", "sdpt:num_tokens=x"])
def test_unknown_methods_and_settings_are_named(name: str) -> None:
    with pytest.raises(InvalidExampleError, match=r"Known|Choose|Write"):
        variant(name)


def test_plan_holds_every_method_and_tries_all_rates_when_choosing() -> None:
    asked = {"sets": None, "methods": None, "shots": "1,3", "num_seeds": 2, "steps": 5}
    whole = request(**asked, backbone="nano").plan  # type: ignore[arg-type]
    choosing = request(**asked, backbone="nano", is_choosing=True).plan  # type: ignore[arg-type]
    assert {*METHODS, AS_SHIPPED} == set(whole.methods)
    rates = {cell.rate for cell in cells(choosing, 0) if cell.method == "full"}
    assert rates == set(METHODS["full"].rates)
