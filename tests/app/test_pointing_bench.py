"""The benchmark of clicks, on pictures of discs and tiles."""

from __future__ import annotations

from pathlib import Path

import sdpt_engine
from app.bench.pointing import measure
from sdpt_engine.bench.sets import LabelledSet
from sdpt_engine.types import ObjectClass, TuneConfig
from tests.engine.second_look.scenes import example_of_two


def test_a_click_is_tried_before_a_tune_and_after_it_beside_the_detector(tmp_path: Path) -> None:
    train, test = (
        tuple(example_of_two(tmp_path, seed) for seed in seeds) for seeds in (range(6), range(6, 9))
    )
    classes = (ObjectClass(4, "disc", "disc"), ObjectClass(7, "tile", "tile"))
    labelled = LabelledSet("shapes", classes, train, test)
    rows = measure(
        sdpt_engine.load_detector("nano", device="cpu"),
        labelled,
        num_images=6,
        config=TuneConfig(steps=2),
    )
    right = {(row.state, row.way): row.right for row in rows}
    assert right.keys() == {(s, w) for s in ("before", "after") for w in ("detector", "click")}
    assert min(right["before", "click"], right["after", "click"]) > 0.8
