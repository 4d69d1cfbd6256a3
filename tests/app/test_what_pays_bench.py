"""The benchmark of thresholds, on blood smears that a hasty Tune has learnt from."""

from __future__ import annotations

from app.bench.what_pays import best_fixed, measure
from tests.app.blood_cells import SAMPLES


def test_every_way_reviews_the_same_images_and_the_best_fixed_pair_is_known_at_the_end() -> None:
    pairs = ((0.1, 0.2), (0.4, 0.6))
    rows = list(
        measure(SAMPLES, first=0, num_images=4, num_labelled=3, seed=0, steps=1, pairs=pairs)
    )
    assert {(row.num_images, row.num_objects) for row in rows} == {(1, rows[0].num_objects)}
    assert [row.way for row in rows[:2]] == ["what pays", "best F1"]
    assert best_fixed(rows).seconds == min(row.seconds for row in rows[2:])
