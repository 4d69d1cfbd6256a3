"""The benchmark of the parts of Tune tells what each of them adds."""

from __future__ import annotations

from pathlib import Path

from sdpt_engine.backbones.base import Detector
from sdpt_engine.bench.parts_of_tune import measure
from sdpt_engine.bench.sets import LabelledSet
from sdpt_engine.types import ObjectClass, TuneConfig
from tests.engine.second_look.scenes import example_of_two

TWO = (ObjectClass(7, "thing", "thing"), ObjectClass(3, "other thing", "other thing"))


def test_each_way_is_judged_on_images_that_nothing_was_learnt_from(
    nano: Detector, tmp_path: Path
) -> None:
    labelled = [example_of_two(tmp_path, seed) for seed in range(12)]
    discs_and_tiles = LabelledSet("two", TWO, tuple(labelled[:9]), tuple(labelled[9:]))
    config = TuneConfig(steps=1, eval_every=1, batch_size=2, num_zooms=1, num_pastes=1)
    rows = list(measure(nano, discs_and_tiles, num_images=9, config=config))
    assert [row.way for row in rows] == [
        "zero-shot",
        "one prompt, a step of it",
        "one prompt, the mean of its way",
        "two prompts",
        "as is usual for it",
        "and edges",
        "edges in the score",
        "and names",
    ]
    assert rows[-1].metrics.ap50 > rows[0].metrics.ap50
    assert all(row.metrics.num_images == 3 for row in rows)
