"""The distance of duplicates: measured on copies, chosen by a rule, and the default follows it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.bench.duplicates import Measured, choose, measure, measure_duplicates
from app.bench.duplicates_report import CHOICE_NAME, ROWS_NAME, TABLE_NAME, write_report
from app.bench.near_copies import KINDS, write_copies
from app.errors import AppError
from app.progress import ignore_progress
from sdpt_engine import load_detector
from storage.fiftyone_bridge import brain
from tests.app.samples import SAMPLES, labels_of

COMMITTED = Path(__file__).parents[2] / "assets" / "benchmarks" / "duplicates"


def made(nearest: list[float], copies: list[float]) -> Measured:
    """A set in which each pair of neighbours lies as far apart as told, and all others far away."""
    number = 2 * len(nearest)
    between = np.full((number, number), 1.0)
    np.fill_diagonal(between, 0.0)
    for pair, distance in enumerate(nearest):
        between[2 * pair, 2 * pair + 1] = between[2 * pair + 1, 2 * pair] = distance
    return Measured("made", "train", between, {kind: np.array(copies) for kind in KINDS})


def test_the_default_is_what_the_committed_measurement_chose() -> None:
    choice = json.loads((COMMITTED / CHOICE_NAME).read_text("utf-8"))
    assert choice == {"backbone": "nano", "distance": brain.NEAR_DISTANCE}


def test_the_choice_ends_where_different_images_begin_to_look_alike() -> None:
    easy = made(nearest=[0.2] * 10, copies=[0.01, 0.02])
    hard = made(nearest=[0.2] * 9 + [0.052], copies=[0.01, 0.02])
    assert choose([easy]) == 0.195
    assert choose([easy, hard]) == 0.05


def test_a_duplicate_of_a_duplicate_is_not_counted_twice() -> None:
    found = made(nearest=[0.01, 0.3], copies=[0.005, 0.5])
    assert [found.num_false(d) for d in (0.005, 0.01, 0.3, 1.0)] == [0, 1, 2, 3]
    assert found.recall(0.01) == 0.5
    assert found.precision(0.01) == pytest.approx(0.2 / 1.2)


def test_each_kind_of_copy_is_another_file_of_the_same_picture(tmp_path: Path) -> None:
    original = next((SAMPLES / "images").iterdir())
    found = dict(write_copies(original, tmp_path))
    assert list(found) == list(KINDS)
    assert Image.open(found["half the size"]).size == (320, 240)
    assert len({path.read_bytes() for path in found.values()}) == len(KINDS)


def test_copies_lie_nearer_than_other_images(tmp_path: Path) -> None:
    folder = small_set(tmp_path / "cells")
    names = [item["file_name"] for item in labels_of(4)["images"]]
    found = measure(load_detector("nano"), folder, "train", names)
    assert (found.num_images, found.num_copies) == (4, len(KINDS))
    cut = found.copies["3 % cut off each side"][0]
    others = found.between[0][1:]
    assert cut < others.min()


def test_the_report_says_how_it_was_made(tmp_path: Path) -> None:
    folder = small_set(tmp_path / "cells")
    done = measure_duplicates([folder], backbone="nano", on_progress=ignore_progress)
    write_report(done, tmp_path / "out")
    text = (tmp_path / "out" / TABLE_NAME).read_text("utf-8")
    assert "`sdpt-app bench duplicates --backbone nano`" in text
    assert f"**{done.distance:g}**" in text
    assert (tmp_path / "out" / ROWS_NAME).read_text("utf-8").count("cells,test,") == 60


def test_a_folder_without_labels_is_told(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"train\.json"):
        measure_duplicates([tmp_path], backbone="nano", on_progress=ignore_progress)


def small_set(folder: Path) -> Path:
    """Four smears, which are train.json and test.json at once."""
    (folder / "images").mkdir(parents=True)
    labels = labels_of(4)
    for item in labels["images"]:
        shutil.copy(SAMPLES / "images" / item["file_name"], folder / "images")
    for split in ("train", "test"):
        (folder / f"{split}.json").write_text(json.dumps(labels))
    return folder
