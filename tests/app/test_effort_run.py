"""The effort benchmark as a whole: it resumes, keeps its terms, and writes what it found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from app.bench.effort.arms import BY_HAND, FULL_LOOP
from app.bench.effort.machine import TuneRun
from app.bench.effort.report import bars
from app.bench.effort.rows import ROWS_NAME, Row, append_row, read_rows
from app.bench.effort.running import Plan, run_plan
from app.bench.effort.times import Actions
from app.errors import OutputError
from app.progress import ignore_progress
from tests.app.blood_cells import SAMPLES
from tests.app.samples import run, run_json

HAND = Plan(sets=(SAMPLES,), arms=(BY_HAND,), most_images=2)


def hand_row(output: Path) -> Row:
    (row,) = run_plan(HAND, output, on_progress=ignore_progress)
    return row


def test_an_arm_that_is_there_is_not_run_again(tmp_path: Path) -> None:
    first = hand_row(tmp_path)
    written = (tmp_path / ROWS_NAME).read_bytes()
    assert hand_row(tmp_path) == first
    assert (tmp_path / ROWS_NAME).read_bytes() == written


def test_a_line_that_a_kill_has_cut_is_left_out(tmp_path: Path) -> None:
    row, path = hand_row(tmp_path), tmp_path / ROWS_NAME
    path.write_bytes(path.read_bytes()[:-20])
    assert read_rows(path) == []
    append_row(path, row)
    assert read_rows(path) == [row]


def test_rows_of_other_terms_are_not_taken_for_answers(tmp_path: Path) -> None:
    hand_row(tmp_path)
    with pytest.raises(OutputError, match="most_images"):
        run_plan(replace(HAND, most_images=3), tmp_path, on_progress=ignore_progress)


def test_a_loop_that_costs_more_than_drawing_breaks_the_promise(tmp_path: Path) -> None:
    hand = hand_row(tmp_path)
    loop = replace(hand, arm=FULL_LOOP, human_s=hand.human_s + 1.0)
    (bar,) = bars([hand, loop])
    assert not bar.is_met
    assert bars([hand, replace(loop, human_s=hand.human_s)])[0].is_met


def test_accuracy_on_a_handful_of_images_does_not_raise_the_promise(tmp_path: Path) -> None:
    hand = replace(hand_row(tmp_path), num_images=60)
    tunings = (
        TuneRun(10, True, 0.3, 1.0),
        TuneRun(40, True, 0.5, 1.0),
        TuneRun(57, False, 0.9, 1.0),
    )
    assert replace(hand, tunings=tunings).ap50 == 0.5
    assert replace(hand, tunings=tunings[2:]).ap50 == 0.9
    assert hand.ap50 is None


def test_with_a_blind_detector_the_full_loop_costs_hardly_more_than_drawing(tmp_path: Path) -> None:
    plan = replace(HAND, arms=(BY_HAND, FULL_LOOP), most_images=9, damages=(1.0,), steps=2)
    hand, loop = run_plan(plan, tmp_path, on_progress=ignore_progress)
    assert loop.tunings  # the hint said Tune, and nobody had to look at what came of it
    assert loop.human_s <= 1.01 * hand.human_s


def test_the_command_writes_rows_table_and_plot(tmp_path: Path) -> None:
    done = run_json(
        *("bench", "effort", "--set", SAMPLES, "--images", 4, "--first", 2, "--steps", 1),
        *("--output", tmp_path),
    )
    hand = Actions(**done["rows"][0]["actions"])
    assert done["rows"][0]["human_s"] == hand.looks * 1.5 + hand.draws * 7.0
    assert {path.name for path in tmp_path.iterdir()} == {
        *("rows.jsonl", "terms.json", "table.md", "effort.png")
    }
    assert (tmp_path / "table.md").read_text().startswith("Made by `sdpt-app bench effort")


def test_an_unknown_way_of_working_is_refused() -> None:
    result = run("bench", "effort", "--arms", "by magic")
    assert result.exit_code == 1
    assert "by hand" in result.stderr


def test_a_set_that_is_not_there_is_refused() -> None:
    result = run("bench", "effort", "--set", "nowhere")
    assert result.exit_code == 1
    assert "'nowhere' is neither a shipped set (bccd" in result.stderr
